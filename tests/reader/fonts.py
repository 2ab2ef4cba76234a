"""Matplotlib's fonts, in place of those of the npm registry."""

import hashlib
import shutil
import tarfile
from pathlib import Path

import matplotlib
import yaml

FILES = {"hands": "DejaVuSans-Oblique", "print": "DejaVuSerif", "scripts": "DejaVuSans"}


def file(group: str) -> Path:
    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"{FILES[group]}.ttf")


def write(folder: Path) -> None:
    """Write a font of each group into ``folder``. What it is is seen by its content."""
    for group in FILES:
        (folder / group).mkdir()
        shutil.copy(file(group), folder / group / "font.woff")


def pack(folder: Path, version: str = "1.0.0") -> str:
    """Write packages as npm would fetch them into ``folder``, and an ``npm`` that fetches them; return fonts.yaml."""
    folder.mkdir()
    content: dict[str, object] = {"version": version}
    for group in FILES:
        path, part = folder / f"fontsource-{group}-{version}.tgz", "greek" if group == "scripts" else "latin"
        with tarfile.open(path, "w:gz") as archive:
            archive.add(file(group), f"package/files/{group}-{part}-400-normal.woff")
        name = f"{group}/greek" if group == "scripts" else group
        content[group] = {name: hashlib.sha256(path.read_bytes()).hexdigest()}
    npm = folder / "npm"
    npm.write_text(f'#!/bin/sh\ncp {folder}/*.tgz "$4"\n')
    npm.chmod(0o755)
    return yaml.safe_dump(content)
