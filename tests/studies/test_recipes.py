"""The recipes agree with what the articles say about them; ours are as intended."""

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


# Number of parameters, optimiser, batch size, epochs. Three of these numbers of parameters are in the articles.
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
    "quick": (29_594, "AdamW", 128, 2),
    "quickest": (29_658, "AdamW", 256, 1),
}
OURS = ["quick", "quickest"]


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_has_its_number_of_parameters_optimizer_batch_size_and_epochs(name: str) -> None:
    train = RECIPES[name]["train"]
    (optimizer,) = train["optimizer"]
    assert (build(name).count_params(), optimizer, train["batch_size"], train["epochs"]) == TRAININGS[name]


def test_only_flyai_is_augmented() -> None:
    deforming = ("rotation", "zoom", "shift", "shear", "elastic_alpha")
    strengths = {name: tuple(recipe["augment"][key] for key in deforming) for name, recipe in RECIPES.items()}
    assert strengths.pop("flyai") == (10, 0.1, 0.1, 0, 0)
    assert set(strengths.values()) == {(0, 0, 0, 0, 0)}


def test_the_convolutions_of_chollet_have_the_number_of_parameters_in_the_article() -> None:
    layers = network.list_layers(build("chollet"))
    assert sum(layer["parameters"] for layer in layers if layer["layer"] == "Conv2D") == 55_744


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_not_depend_on_the_root(root: Path, name: str) -> None:
    own = RECIPES[name]
    assert set(own) == {"augment", "train", "evaluate"}
    loaded = params.load(root, f"{FILE}:{name}")
    for section in ("augment", "train", "evaluate"):
        assert set(own[section]) == set(getattr(loaded, section).model_dump())
    build(name)


def test_every_recipe_is_run_and_compared() -> None:
    articles = comparison.load_articles(FILE.parent / "articles.yaml")
    described = [name for article in articles for name in article.recipes]
    assert list(DVC["vars"][0]["recipes"]) == list(RECIPES) == described + OURS
    assert "runs" in DVC["stages"]["compare"]["deps"]
