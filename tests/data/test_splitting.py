import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from digits.core.errors import InputError
from digits.core.store import Dataset, label_type
from digits.core.symbols import Symbols
from digits.data.splitting import split

SHARE, SEED = st.floats(0.003, 0.98), st.integers(0, 2**32 - 1)


def labelled(*counts: int, seed: int = 0) -> Dataset:
    """Return a dataset with so many images of each class, in a random order."""
    symbols = Symbols(classes=tuple(map(str, range(len(counts)))), fit="resize", polarity="auto")
    labels = np.repeat(np.arange(len(counts)), counts).astype(label_type(len(counts)))
    return Dataset(
        "some", np.zeros((len(labels), 28, 28), np.uint8), np.random.default_rng(seed).permutation(labels), symbols
    )


def check(dataset: Dataset, kept: np.ndarray, held_out: np.ndarray) -> None:
    """Both parts are sorted, disjoint and complete."""
    for part in (kept, held_out):
        assert len(part)
        assert (np.diff(part) > 0).all()
    assert np.array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(len(dataset.labels)))


@given(st.lists(st.integers(3, 60), min_size=2, max_size=12), SHARE, SEED, st.integers(1, 2))
def test_each_class_is_held_out_in_its_share(counts: list[int], share: float, seed: int, least: int) -> None:
    dataset = labelled(*counts, seed=seed)
    kept, held_out = split(dataset, (), share, seed, least)
    check(dataset, kept, held_out)
    for label, count in enumerate(counts):
        size = int((dataset.labels[held_out] == label).sum())
        assert 1 <= size <= count - least
        assert size == pytest.approx(min(max(share * count, 1), count - least), abs=1)


@given(st.integers(2, 300), SEED)
@settings(max_examples=10)
def test_many_small_classes_are_split(classes: int, seed: int) -> None:
    dataset = labelled(*[3] * classes)
    kept, held_out = split(dataset, (), 1 / 12, seed)
    check(dataset, kept, held_out)
    assert (np.bincount(dataset.labels[held_out]) == 1).all()


def test_a_rare_class_is_in_both_parts() -> None:
    dataset = labelled(997, 3)
    for part in split(dataset, (), 1 / 12, 0):
        assert set(dataset.labels[part]) == {0, 1}


def test_the_seed_decides() -> None:
    dataset = labelled(30, 30)
    one, same, other = (split(dataset, (), 0.2, seed)[1].tolist() for seed in (1, 1, 2))
    assert one == same != other


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=20, max_size=150),
    st.floats(0.003, 0.6),
    SEED,
    st.integers(1, 2),
)
def test_a_group_is_never_in_both_parts(pairs: list[tuple[int, int]], share: float, seed: int, least: int) -> None:
    dataset = labelled(3, 3, 3, 3)
    # Twelve images on their own come first, so that every class is in several groups.
    labels = np.concatenate([dataset.labels, np.array([label for label, _ in pairs], np.uint8)])
    dataset = dataset._replace(images=np.zeros((len(labels), 28, 28), np.uint8), labels=labels)
    groups = [""] * 12 + [f"writer {group}" for _, group in pairs]
    try:
        kept, held_out = split(dataset, groups, share, seed, least)
    except InputError:
        reject()
    check(dataset, kept, held_out)
    assert not ({groups[place] for place in kept} & {groups[place] for place in held_out}) - {""}
    assert (np.bincount(dataset.labels[kept], minlength=4) >= least).all()


def test_groups_of_even_size_are_held_out_in_their_share() -> None:
    dataset = labelled(300, 300)
    groups = [f"writer {place % 30}" for place in range(600)]
    for seed in range(5):
        assert len(split(dataset, groups, 0.1, seed)[1]) == pytest.approx(60, abs=21)


def test_a_giant_group_is_kept() -> None:
    dataset = labelled(500, 500)
    groups = ["giant"] * 900 + ["one"] * 50 + ["other"] * 50
    for seed in range(5):
        assert len(split(dataset, groups, 1 / 7, seed)[1]) == 50


def test_images_without_a_group_are_on_their_own() -> None:
    dataset = labelled(200, 200)
    kept, held_out = split(dataset, ["ann"] * 20 + [""] * 380, 0.1, 0)
    assert len(held_out) == pytest.approx(40, abs=20)
    assert len(kept) > 300


@pytest.mark.parametrize(
    ("counts", "groups", "message"),
    [
        ((5, 1), [], "some: class '1': 1 images, too few to split"),
        ((5, 0), [], "some: class '1': 0 images, too few to split"),
        ((5, 5), ["ann"] * 10, "some: group: all images are in too few groups to be in every set"),
    ],
)
def test_what_cannot_be_split_is_reported(counts: tuple[int, ...], groups: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        split(labelled(*counts), groups, 0.1, 0)
    assert str(caught.value).startswith(message)


def test_a_class_of_one_writer_is_reported() -> None:
    dataset = labelled(6, 6)
    groups = [f"writer {place}" if label == 0 else "ann" for place, label in enumerate(dataset.labels)]
    kept, _ = split(dataset, groups, 0.2, 0)
    assert 1 in dataset.labels[kept]
    two = ["ann" if label else "ben" for label in dataset.labels]
    with pytest.raises(InputError, match=r"group: class '.' is in too few groups"):
        split(dataset, two, 0.2, 0)
