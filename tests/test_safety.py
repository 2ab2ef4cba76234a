"""No file of the project runs code from a file or from text, starts a shell, or reads a file that may run code."""

import ast
import subprocess
from collections.abc import Iterator

import pytest

from tests.repository import ROOT

# Each reads objects that may run code.
MODULES = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {
    "os": {"system", "popen"},
    "subprocess": {"getoutput", "getstatusoutput"},
    "tempfile": {"mktemp"},
    "yaml": {"load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all", "Loader", "UnsafeLoader"},
}
# By whatever module's name, they are called so.
NAMES = {"enable_unsafe_deserialization", "unsafe_load"}
# Arguments that must not have these values.
ARGUMENTS = {"shell": True, "allow_pickle": True, "safe_mode": False, "weights_only": False}
LOADER = "_Loader"


def unsafe(source: str) -> list[str]:
    """Return the line and the text of each unsafe place in Python's ``source``."""
    tree = ast.parse(source)
    modules = dict(_modules(tree))
    return [f"{node.lineno}: {ast.unparse(node)}" for node in ast.walk(tree) if _unsafe(node, modules)]  # type: ignore[attr-defined]


def _modules(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that stands for a module or something of it, with its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield each.asname or each.name.split(".")[0], each.name if each.asname else each.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                yield each.asname or each.name, f"{node.module}.{each.name}"


def _unsafe(node: ast.AST, modules: dict[str, str]) -> bool:
    match node:
        case ast.Import(names=names):
            return any(each.name.split(".")[0] in MODULES for each in names)
        case ast.ImportFrom(module=module, names=names):
            known = CALLS.get(module or "", set()) | NAMES
            return (module or "").split(".")[0] in MODULES or any(each.name in known for each in names)
        case ast.Name(id=name):
            return name in BUILTINS
        case ast.Attribute(attr=name):
            module, _, rest = _full(node, modules).partition(".")
            return name in NAMES or rest in CALLS.get(module, set()) or (module, rest in BUILTINS) == ("builtins", True)
        case ast.Call():
            return _unsafe_call(node, _full(node.func, modules))
    return False


def _full(node: ast.AST, modules: dict[str, str]) -> str:
    """Return the full name of ``np.load`` or ``load``, such as numpy.load."""
    match node:
        case ast.Name(id=name):
            return modules.get(name, name)
        case ast.Attribute(value=value, attr=name):
            return f"{_full(value, modules)}.{name}"
    return ""


def _unsafe_call(node: ast.Call, function: str) -> bool:
    given = {each.arg: each.value for each in node.keywords}
    for name, value in ARGUMENTS.items():
        # What is not written down might be this value; for np.savez, True would also be the default.
        if name in given and not (isinstance(given[name], ast.Constant) and given[name].value is not value):  # type: ignore[attr-defined]
            return True
    if function == "numpy.load":
        return "allow_pickle" not in given
    if function == "yaml.load":
        loader = node.args[1] if len(node.args) > 1 else given.get("Loader")
        return not (isinstance(loader, ast.Name) and loader.id == LOADER)
    return False


def test_no_file_of_the_project_is_unsafe() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", ":!tests"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "digits/core/store.py" in listed
    found = {name: unsafe((ROOT / name).read_text(encoding="utf-8")) for name in listed if (ROOT / name).exists()}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize(
    "source",
    [
        *[f"import {module}" for module in sorted(MODULES)],
        "import pickle as p",
        "import numpy, pickle",
        "import joblib.numpy_pickle",
        "from pickle import loads",
        "from joblib import load as read",
        *["eval('1')", "exec('x')", "compile('x', '', 'exec')", "__import__('os')", "list(map(eval, texts))"],
        *["import builtins\nbuiltins.eval('1')", "import builtins as b\nb.exec('1')"],
        *[
            "import os\nos.system('ls')",
            "import os\nos.popen('ls')",
            "from os import system",
            "import os as o\no.popen(x)",
        ],
        "import os\nrun = os.system",
        *["subprocess.run('ls', shell=True)", "subprocess.Popen(command, shell=wanted)", "f(**{}, shell=True)"],
        "import subprocess\nsubprocess.getoutput('ls')",
        *["np.load(path, allow_pickle=True)", "np.savez(path, allow_pickle=True)", "f(allow_pickle=maybe)"],
        *["import numpy as np\nnp.load(path)", "import numpy\nnumpy.load(path)", "from numpy import load\nload(path)"],
        "import numpy as np\nnp.load(path, None, True)",
        *[
            "import yaml\nyaml.load(text)",
            "import yaml\nyaml.load(text, yaml.Loader)",
            "from yaml import load\nload(text)",
        ],
        *["import yaml\nyaml.load(text, Loader=yaml.FullLoader)", "import yaml\nyaml.unsafe_load(text)"],
        *["import yaml as y\ny.load(text)", "import yaml\nyaml.full_load(text)", "from yaml import unsafe_load"],
        *[
            "import keras\nkeras.config.enable_unsafe_deserialization()",
            "enable = config.enable_unsafe_deserialization",
        ],
        "from keras.config import enable_unsafe_deserialization",
        *["keras.saving.load_model(path, safe_mode=False)", "load_model(path, safe_mode=mode)"],
        *["import tempfile\ntempfile.mktemp()", "from tempfile import mktemp"],
        "torch.load(path, weights_only=False)",
        "def inside():\n    if True:\n        import pickle",
    ],
)
def test_what_is_unsafe_is_found(source: str) -> None:
    assert unsafe(source)


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('a')",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "np.savez(file, allow_pickle=False)",
        "yaml.load(text, _Loader)",
        "import yaml\nyaml.safe_load(text)",
        "keras.saving.load_model(path, safe_mode=True)",
        "import subprocess\nsubprocess.run(['ls'], shell=False)",
        "model.compile()\nnetwork.load(path)\nstore.load(path)",
        "import tempfile\ntempfile.TemporaryFile()",
        "import os\nos.environ",
        "'eval, pickle and os.system in a text'",
    ],
)
def test_what_is_safe_is_not_found(source: str) -> None:
    assert unsafe(source) == []
