import os
import subprocess
import sys
from pathlib import Path

import pytest

from digits.model import backend
from digits.model.backend import suppressed_stderr
from tests.repository import ROOT


def test_what_is_written_to_stderr_is_discarded(capfd: pytest.CaptureFixture[str]) -> None:
    with suppressed_stderr():
        os.write(2, b"a message\n")
    os.write(2, b"another\n")
    assert capfd.readouterr().err == "another\n"


def test_a_failure_shows_what_was_written_before_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError), suppressed_stderr():  # noqa: PT012
        os.write(2, b"the reason\n")
        raise ImportError
    assert capfd.readouterr().err == "the reason\n"


def test_what_keras_does_not_need_can_be_imported_afterwards() -> None:
    code = "import sys; from digits.model import backend; print(*{*backend.UNUSED} & {*sys.modules}); import pandas"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_what_was_imported_before_stays_and_what_was_hidden_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before, hidden = sys.modules["json"], "wave"
    monkeypatch.setattr(backend, "UNUSED", ("json", hidden))
    monkeypatch.delitem(sys.modules, hidden, raising=False)
    with pytest.raises(ImportError), backend.quick_import():
        import wave
    import wave

    assert sys.modules["json"] is before
    assert wave


@pytest.mark.skipif(os.name == "nt", reason="closes a file descriptor before Python starts")
def test_it_works_without_standard_error() -> None:
    code = "from digits.model import backend; print(backend.tf.__name__)"
    command = ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "tensorflow\n"


TRAIN = """
import sys
from pathlib import Path

import numpy as np

from digits.core import store
from digits.core.store import Dataset
from digits.model import backend, network, training
from digits.model.backend import tf

processor, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
backend.use(1)
training.make_deterministic(0)
images = np.random.default_rng(0).integers(0, 255, (40, 28, 28), np.uint8)
dataset = Dataset("noise", images, np.arange(40, dtype=np.uint8) % 10)
store.save(Path("00.npz"), dataset)
with backend.spread("CPU"):
    model = network.build([{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}])
    network.compile_model(model, {"Adam": {}}, {"CategoricalCrossentropy": {}}, 20)
assert model.distribute_strategy.num_replicas_in_sync == 2
training.train(
    model, [Path("00.npz")], dataset, count=40, epochs=int(sys.argv[1]), batch_size=16, seed=0, keep="last",
    curves=Path("training.tsv"), state=Path("state.npz"),
)
network.save(model, Path("model.keras"))
"""


def test_a_training_on_two_devices_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name, epochs in (("whole", "2"), ("stopped", "1"), ("stopped", "2")):
        (tmp_path / name).mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-c", TRAIN, epochs], cwd=tmp_path / name, env=environment, check=True)
    whole, stopped = (tmp_path / name / "model.keras" for name in ("whole", "stopped"))
    assert whole.read_bytes() == stopped.read_bytes()


def test_there_is_nothing_to_share_with_one_device() -> None:
    with backend.spread("CPU"):
        assert backend.tf.distribute.get_strategy().num_replicas_in_sync == 1
