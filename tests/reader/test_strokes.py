import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reader.drawing import strokes
from reader.drawing.strokes import AMBIGUOUS, SIDE, WORDS, Hand, Mask

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.sampled_from([0.0, 1.0]))
def test_a_digit_is_ink_of_some_label_and_the_same_for_the_same_seed(hand: Hand, seed: int, printed: float) -> None:
    (mask, label), (again, _) = (hand.digit(np.random.default_rng(seed), printed=printed) for _ in range(2))
    assert mask.shape == (SIDE, SIDE)
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1
    assert (mask > 0.5).sum() > 200
    assert label in range(10)
    np.testing.assert_array_equal(mask, again)


@pytest.fixture
def bar() -> Mask:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[16:96, 50:62] = 1
    return mask


def test_pens_are_thin_and_thick_and_leave_ink_with_hard_edges(bar: Mask) -> None:
    drawn = [strokes._pen(bar, np.random.default_rng(seed)) for seed in range(100)]
    widths = [mask[56].sum() for mask in drawn]
    assert 1 < min(widths) < 8
    assert 15 < max(widths) < 25
    for mask in drawn:
        assert ((mask > 0.1) & (mask < 0.9)).sum() < 0.5 * (mask >= 0.9).sum()


@pytest.mark.parametrize("label", [1, 7])
def test_european_digits_have_more_ink(bar: Mask, label: int) -> None:
    for seed in range(50):
        changed = strokes._european(bar, label, np.random.default_rng(seed))
        assert (changed >= bar).all()
        # To the left of a one's stroke, and to both sides of a seven's.
        assert changed[:, :48].sum() > 10
        assert label == 1 or changed[:, 64:].sum() > 10
    blank = np.zeros_like(bar)
    np.testing.assert_array_equal(strokes._european(blank, label, np.random.default_rng(0)), blank)


@given(SEEDS)
def test_a_sign_is_ink_without_a_margin(hand: Hand, seed: int) -> None:
    sign, again = (hand.sign(np.random.default_rng(seed)) for _ in range(2))
    assert sign.dtype == np.float32
    assert min(sign.shape) > 0
    assert all(side.max() > 0.25 for side in (sign[0], sign[-1], sign[:, 0], sign[:, -1]))
    np.testing.assert_array_equal(sign, again)


def test_words_are_the_same_for_the_same_seed(hand: Hand) -> None:
    same, other = (Hand(hand.dataset, words=20, seed=seed) for seed in (0, 1))
    assert [word.shape for word in same._words] == [word.shape for word in hand._words]
    assert [word.shape for word in other._words] != [word.shape for word in hand._words]


def test_short_words_have_no_letter_that_looks_like_a_digit() -> None:
    random = np.random.default_rng(0)
    words = {strokes._word(random) for _ in range(3000)}
    unclear = {word for word in words if set(word) <= {*AMBIGUOUS, *"0123456789"}}
    assert all(len(word) > 3 for word in unclear - set(WORDS))
    assert {len(word) for word in words} >= set(range(1, 10))
