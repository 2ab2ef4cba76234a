import os
from pathlib import Path

import pytest

from digits.core.errors import InputError
from reader.drawing.type import Fonts
from reader.stages import fonts as stage
from tests.reader import fonts


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with reader/fonts.yaml, and an npm that fetches what it names."""
    (tmp_path / "reader").mkdir()
    (tmp_path / "reader" / "fonts.yaml").write_text(fonts.pack(tmp_path / "registry"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "registry"), prepend=os.pathsep)
    return tmp_path / "registry"


def test_fonts_are_fetched_by_group(registry: Path) -> None:
    stage.main()
    fetched = Fonts(Path("reader/data/fonts"))
    assert [Path(path).name for path in (*fetched.hands, *fetched.print, *fetched.scripts)] == [
        "hands-latin.woff",
        "print-latin.woff",
        "scripts-greek.woff",
    ]
    assert "ω" in fetched.letters(fetched.scripts[0])
    assert "7" not in fetched.letters(fetched.scripts[0])


def test_another_file_than_the_pinned_one_is_refused(registry: Path) -> None:
    with (registry / "fontsource-print-1.0.0.tgz").open("ab") as file:
        file.write(b"more")
    with pytest.raises(InputError, match=r"^@fontsource/print@1\.0\.0: another file than reader/fonts\.yaml says"):
        stage.main()


def test_no_npm_and_no_registry_are_one_line(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (registry / "npm").write_text("#!/bin/sh\necho 'npm error network' >&2\nexit 1\n")
    with pytest.raises(InputError, match=r"^fonts: npm error network; is the npm registry within reach\?$"):
        stage.main()
    monkeypatch.setenv("PATH", str(registry.parent))
    with pytest.raises(InputError, match=r"^npm: no such command; install Node\.js"):
        stage.main()


def test_type_has_the_box_of_each_character(tmp_path: Path) -> None:
    fonts.write(tmp_path)
    # Chinese is not in the font.
    typed = Fonts(tmp_path).typeset("a 7!\N{CJK UNIFIED IDEOGRAPH-4E00}", str(tmp_path / "print" / "font.woff"))
    assert [name for name, *_ in typed.characters] == ["a", "7", "!"]
    height, width = typed.mask.shape
    for _, left, top, right, bottom in typed.characters:
        assert -2 <= left < right <= width + 2
        assert -2 <= top < bottom <= height + 2
        assert typed.mask[max(0, int(top)) : int(bottom), max(0, int(left)) : int(right)].max() > 0.5
    half = typed.scaled(0.5)
    assert half.height == pytest.approx(typed.height / 2, rel=0.05)
    assert half.characters[1][3] == pytest.approx(typed.characters[1][3] / 2, rel=0.05)
