import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from digits.core.errors import InputError
from digits.core.store import Dataset, label_type
from digits.core.task import Task
from digits.data.splitting import split

SHARE, SEED = st.floats(0.003, 0.98), st.integers(0, 2**32 - 1)


def labelled(*counts: int, seed: int = 0) -> Dataset:
    """Return a dataset with so many images of each class, in a random order."""
    task = Task(classes=tuple(map(str, range(len(counts)))), fit="resize", polarity="auto")
    labels = np.repeat(np.arange(len(counts)), counts).astype(label_type(len(counts)))
    images = np.zeros((len(labels), 28, 28), np.uint8)
    return Dataset("own", images, np.random.default_rng(seed).permutation(labels), task)


def assert_partition(dataset: Dataset, kept: np.ndarray, held_out: np.ndarray) -> None:
    for part in (kept, held_out):
        assert len(part)
        assert (np.diff(part) > 0).all()
    assert np.array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(len(dataset.labels)))


@given(st.lists(st.integers(3, 60), min_size=2, max_size=12), SHARE, SEED, st.integers(1, 2))
def test_each_class_is_held_out_in_its_share(counts: list[int], share: float, seed: int, least: int) -> None:
    dataset = labelled(*counts, seed=seed)
    kept, held_out = split(dataset, (), share, seed, least)
    assert_partition(dataset, kept, held_out)
    for label, count in enumerate(counts):
        size = int((dataset.labels[held_out] == label).sum())
        assert 1 <= size <= count - least
        assert size == pytest.approx(min(max(share * count, 1), count - least), abs=1)


@pytest.mark.parametrize("counts", [[3] * 2, [3] * 300, [997, 3]])
def test_small_classes_are_in_both_parts(counts: list[int]) -> None:
    dataset = labelled(*counts)
    for part in split(dataset, (), 1 / 12, 0):
        assert set(dataset.labels[part]) == set(range(len(counts)))


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
    assert_partition(dataset, kept, held_out)
    assert not ({groups[place] for place in kept} & {groups[place] for place in held_out}) - {""}
    assert (np.bincount(dataset.labels[kept], minlength=4) >= least).all()


@pytest.mark.parametrize(
    ("groups", "share", "size", "tolerance"),
    [
        ([f"writer {place % 30}" for place in range(600)], 0.1, 60, 21),
        # A giant group is kept.
        (["giant"] * 900 + ["one"] * 50 + ["other"] * 50, 1 / 7, 50, 0),
        # Images without a group are on their own.
        (["ann"] * 20 + [""] * 380, 0.1, 40, 20),
    ],
)
def test_groups_are_held_out_in_about_their_share(groups: list[str], share: float, size: int, tolerance: int) -> None:
    dataset = labelled(len(groups) // 2, len(groups) // 2)
    for seed in range(3):
        kept, held_out = split(dataset, groups, share, seed)
        assert_partition(dataset, kept, held_out)
        assert len(held_out) == pytest.approx(size, abs=tolerance)


@pytest.mark.parametrize(
    ("counts", "groups", "message"),
    [
        ((5, 1), [], "own: class '1': 1 images, too few to split"),
        ((5, 5), ["ann"] * 10, "own: group: all images are in too few groups to be in every set"),
    ],
)
def test_what_cannot_be_split_is_reported(counts: tuple[int, ...], groups: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        split(labelled(*counts), groups, 0.1, 0)
    assert str(caught.value).startswith(message)


def test_a_class_of_one_writer_is_reported() -> None:
    dataset = labelled(6, 6)
    with pytest.raises(InputError, match=r"group: class '.' is in too few groups"):
        split(dataset, ["ann" if label else "ben" for label in dataset.labels], 0.2, 0)
