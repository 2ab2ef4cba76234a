"""The recipes of the articles against what the articles say of them."""

from pathlib import Path

import keras
import pytest
import yaml

from digits import comparison, network, params

ROOT = Path(__file__).parent.parent
FILE = ROOT / "studies" / "recipes" / "params.yaml"
RECIPES = yaml.safe_load(FILE.read_text(encoding="utf-8"))
DVC = yaml.safe_load((FILE.parent / "dvc.yaml").read_text(encoding="utf-8"))


def build(name: str) -> keras.Model:
    return network.build(params.load(ROOT / "params.yaml", f"{FILE}:{name}").train.network)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("chollet", 93_322), ("tf-cnn", 215_370), ("keras-16-36", 232_590)],
)
def test_the_number_of_parameters_is_the_articles(name: str, parameters: int) -> None:
    assert build(name).count_params() == parameters


def test_the_convolutions_of_chollet_have_as_many_parameters_as_the_article_prints() -> None:
    layers = network.list_layers(build("chollet"))
    assert sum(layer["parameters"] for layer in layers if layer["layer"] == "Conv2D") == 55_744


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_states_all_that_the_root_could_change(name: str) -> None:
    own = RECIPES[name]
    loaded = params.load(ROOT / "params.yaml", f"{FILE}:{name}")
    for section in ("augment", "train", "evaluate"):
        assert set(own[section]) == set(getattr(loaded, section).model_dump())
    build(name)


def test_every_recipe_is_run_and_compared() -> None:
    articles = comparison.load_articles(FILE.parent / "articles.yaml")
    assert (
        list(DVC["vars"][0]["recipes"]) == list(RECIPES) == [name for article in articles for name in article.recipes]
    )
    compared = {dep.split("/")[2] for dep in DVC["stages"]["compare"]["deps"] if dep.endswith("/metrics/test.json")}
    assert compared == set(RECIPES)
