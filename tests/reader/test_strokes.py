import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reader.drawing import strokes
from reader.drawing.strokes import AMBIGUOUS, GLYPH_SIDE, WORDS, Hand

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.sampled_from([0.0, 1.0]))
def test_a_digit_is_ink_of_some_label_and_the_same_for_the_same_seed(hand: Hand, seed: int, printed: float) -> None:
    (mask, label), (again, _) = (hand.digit(np.random.default_rng(seed), printed=printed) for _ in range(2))
    assert mask.shape == (GLYPH_SIDE, GLYPH_SIDE)
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1
    assert (mask > 0.5).sum() > 200
    assert label in range(10)
    np.testing.assert_array_equal(mask, again)


@given(SEEDS)
def test_a_sign_is_ink_without_a_margin(hand: Hand, seed: int) -> None:
    sign, again = (hand.sign(np.random.default_rng(seed)) for _ in range(2))
    assert sign.dtype == np.float32
    assert min(sign.shape) > 0
    assert all(side.max() > 0.25 for side in (sign[0], sign[-1], sign[:, 0], sign[:, -1]))
    np.testing.assert_array_equal(sign, again)


def test_short_words_have_no_letter_that_looks_like_a_digit() -> None:
    random = np.random.default_rng(0)
    words = {strokes._word(random) for _ in range(3000)}
    unclear = {word for word in words if set(word) <= {*AMBIGUOUS, *"0123456789"}}
    assert all(len(word) > 3 for word in unclear - set(WORDS))
    assert {len(word) for word in words} >= set(range(1, 10))


@given(SEEDS, st.integers(0, 9))
def test_a_digit_of_a_label_can_be_asked_for(hand: Hand, seed: int, label: int) -> None:
    assert hand.digit(np.random.default_rng(seed), label=label)[1] == label
