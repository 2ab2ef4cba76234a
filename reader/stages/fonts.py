"""Fetch the open fonts that pages are drawn with, from the npm registry."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from digits.core import params
from digits.core.errors import InputError, run_main
from digits.core.files import replacing
from digits.core.params import Section
from reader.data import FONTS

FILE = Path("reader/fonts.yaml")


class Fonts(Section):
    """The version of all packages; of each, by its name, the SHA-256. In ``scripts`` the name of a part follows."""

    version: str
    hands: dict[str, str]
    print: dict[str, str]
    scripts: dict[str, str]


def main() -> None:
    fonts = params.check(params.read(FILE), FILE, Fonts)
    groups = fonts.model_dump(exclude={"version"})
    sums = {name.partition("/")[0]: expected for group in groups.values() for name, expected in group.items()}
    with tempfile.TemporaryDirectory() as folder:
        archives = fetch(sums, fonts.version, Path(folder))
        for group, names in groups.items():
            for name in names:
                package, _, part = name.partition("/")
                extract(archives[package], package, part or "latin", FONTS / group)
    print(f"{sum(map(len, groups.values()))} fonts")


def fetch(sums: dict[str, str], version: str, folder: Path) -> dict[str, Path]:
    """Fetch packages into ``folder``, and return their archives by name.

    sums: the SHA-256 of each by its name
    Raises InputError if there is no npm, no registry, or a package is not the one that is expected.
    """
    npm = shutil.which("npm")
    if not npm:
        raise InputError("npm: no such command; install Node.js, with which the fonts are fetched")
    packages = [f"@fontsource/{name}@{version}" for name in sums]
    command = [npm, "pack", "--silent", "--pack-destination", str(folder), *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"npm ended with {done.returncode}"
        raise InputError(f"fonts: {reason}; is the npm registry within reach?")
    archives = {name: folder / f"fontsource-{name}-{version}.tgz" for name in sums}
    for name, path in archives.items():
        if hashlib.sha256(path.read_bytes()).hexdigest() != sums[name]:
            raise InputError(f"@fontsource/{name}@{version}: another file than {FILE} says, by its SHA-256")
    return archives


def extract(archive: Path, package: str, part: str, folder: Path) -> None:
    """Write the regular style of a ``part`` of a ``package`` into ``folder``."""
    with tarfile.open(archive) as opened:
        file = opened.extractfile(f"package/files/{package}-{part}-400-normal.woff")
        assert file
        with replacing(folder / f"{package}-{part}.woff") as partial:
            partial.write_bytes(file.read())


if __name__ == "__main__":
    run_main(main)
