"""The recipes of the articles against what the articles say of them, and ours."""

from pathlib import Path

import keras
import pytest
import yaml

from digits.core import params
from digits.model import network
from studies.recipes.stages import comparison
from tests.repository import ROOT

FILE = ROOT / "studies" / "recipes" / "params.yaml"
RECIPES = yaml.safe_load(FILE.read_text(encoding="utf-8"))
DVC = yaml.safe_load((FILE.parent / "dvc.yaml").read_text(encoding="utf-8"))


def build(name: str) -> keras.Model:
    return network.build(RECIPES[name]["train"]["network"])


# Of each: parameters, optimiser, pictures a batch, epochs. Three of the numbers of parameters are in the articles.
TRAININGS = {
    "flyai": (887_530, "Adam", 32, 5),
    "tf-cnn": (215_370, "Adam", 32, 5),
    "tf-dnn": (101_770, "Adam", 32, 5),
    "keras-16-36": (232_590, "Adam", 256, 20),
    "keras-16-36-short": (232_590, "Adam", 256, 10),
    "keras-32-64": (421_642, "Adam", 256, 10),
    "keras-64-128": (878_730, "Adam", 256, 10),
    "keras-128-256": (1_903_498, "Adam", 256, 10),
    "keras-3-conv": (101_326, "Adam", 256, 10),
    "keras-1-conv": (402_986, "Adam", 256, 10),
    "kfold": (206_186, "RMSprop", 512, 60),
    "chollet": (93_322, "RMSprop", 64, 5),
    "dense": (407_050, "RMSprop", 64, 5),
    "quick": (29_658, "AdamW", 128, 3),
    "quickest": (29_658, "AdamW", 256, 1),
}
OURS = ["quick", "quickest"]


@pytest.mark.parametrize("name", RECIPES)
def test_the_training_is_what_it_is_to_be(name: str) -> None:
    train = RECIPES[name]["train"]
    (optimizer,) = train["optimizer"]
    assert (build(name).count_params(), optimizer, train["batch_size"], train["epochs"]) == TRAININGS[name]


def test_only_the_article_that_augments_is_augmented() -> None:
    deforming = ("rotation", "zoom", "shift", "shear", "elastic_alpha")
    strengths = {name: tuple(recipe["augment"][key] for key in deforming) for name, recipe in RECIPES.items()}
    assert strengths.pop("flyai") == (10, 0.1, 0.1, 0, 0)
    assert set(strengths.values()) == {(0, 0, 0, 0, 0)}


def test_the_convolutions_of_chollet_have_as_many_parameters_as_the_article_prints() -> None:
    layers = network.list_layers(build("chollet"))
    assert sum(layer["parameters"] for layer in layers if layer["layer"] == "Conv2D") == 55_744


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_states_all_that_the_root_could_change(root: Path, name: str) -> None:
    own = RECIPES[name]
    assert set(own) == {"augment", "train", "evaluate"}
    loaded = params.load(root, f"{FILE}:{name}")
    for section in ("augment", "train", "evaluate"):
        assert set(own[section]) == set(getattr(loaded, section).model_dump())
    build(name)


def test_every_recipe_is_run_and_compared() -> None:
    articles = comparison.load_articles(FILE.parent / "articles.yaml")
    told = [name for article in articles for name in article.recipes]
    assert list(DVC["vars"][0]["recipes"]) == list(RECIPES) == told + OURS
    assert "runs" in DVC["stages"]["compare"]["deps"]
