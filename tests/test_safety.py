"""No file of the project runs code from data. Most of what could is found by ruff, whose rules S are on."""

import re
import subprocess

from tests.repository import ROOT

UNSAFE = re.compile(
    r"allow_pickle=True|safe_mode=False|weights_only=False|enable_unsafe_deserialization|noqa: S(102|3|506|6)"
    r"|^\s*(import|from) (pickle|marshal|shelve|dill|joblib|cloudpickle)\b",
    re.MULTILINE,
)


def test_no_file_reads_data_in_a_way_that_may_run_code() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", ":!tests"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    files = [ROOT / name for name in names if (ROOT / name).exists()]
    assert ROOT / "digits/core/store.py" in files
    assert [str(file) for file in files if UNSAFE.search(file.read_text(encoding="utf-8"))] == []
