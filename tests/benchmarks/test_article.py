import keras
import numpy as np
import pytest

from benchmarks import article
from digits.core import store
from digits.core.store import Dataset


def test_the_table_says_how_much_faster_and_slower() -> None:
    assert article.table(300, [10, 11, 9], [0.9926, 0.9930, 0.9928], 450).splitlines() == [
        "                        seconds    ratio",
        "the article's script      300.0     1.00",
        "quick                      10.0   1/30.0   ±1.0, 3 runs, validation accuracy 99.28%",
        "dvc repro                 450.0     1.50",
    ]


def test_the_script_trains_the_network_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 28, 28), np.uint8)
    noise = Dataset("noise", images, np.arange(20, dtype=np.uint8) % 10)
    trained = list[keras.Model]()
    fit = keras.Model.fit

    def fit_once(model: keras.Model, flow: object, *, epochs: int, **options: object) -> object:
        assert epochs == 5
        trained.append(model)
        return fit(model, flow, epochs=1, **options)

    monkeypatch.setattr(store, "load", lambda *_: noise)
    monkeypatch.setattr(keras.Model, "fit", fit_once)
    article.main()
    assert [model.count_params() for model in trained] == [887_530]
