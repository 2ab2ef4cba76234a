import numpy as np
import pytest

from reader.drawing.effects import NAMES, Page, photograph

# The sides of two digits that are filled boxes.
SIDES = [(40, 60, 100, 140), (180, 50, 230, 150)]


@pytest.fixture
def page() -> Page:
    ink = np.zeros((200, 280), np.float32)
    for left, top, right, bottom in SIDES:
        ink[top:bottom, left:right] = 1
    boxes = np.array([(*sides, label, 1) for label, sides in enumerate(SIDES)], np.float32)
    return Page(ink, np.full_like(ink, 0.8), 0.25, boxes, 100)


def test_without_effects_a_picture_has_the_values_of_the_page_at_half_its_size(page: Page) -> None:
    grey, boxes = photograph(page, (), np.random.default_rng(0))
    assert grey.shape == (100, 140)
    assert grey.dtype == np.uint8
    expected = np.where(page.ink[::2, ::2] == 1, round(0.8 * 0.25 * 255), round(0.8 * 255))
    np.testing.assert_array_equal(grey, expected)
    np.testing.assert_array_equal(boxes[:, :4], np.array(SIDES) / 2)
    np.testing.assert_array_equal(boxes[:, 4:], page.boxes[:, 4:])


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_changes_the_picture_reproducibly(page: Page, name: str) -> None:
    plain, one, again, other = (
        photograph(page, names, np.random.default_rng(seed))[0]
        for names, seed in (((), 1), ([name], 1), ([name], 1), ([name], 2))
    )
    assert one.dtype == np.uint8
    assert one.shape == plain.shape
    np.testing.assert_array_equal(one, again)
    assert (one != plain).any()
    assert (one != other).any()
    assert page.ink.max() == 1
    assert (page.paper == np.float32(0.8)).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_works_on_pages_of_any_shape_and_without_digits(name: str) -> None:
    for seed, (height, width) in enumerate([(16, 16), (16, 320), (320, 17), (301, 200)]):
        blank = np.zeros((height, width), np.float32)
        size = (22, 650)[seed % 2]
        page = Page(blank, blank + 1, 0, np.zeros((0, 6), np.float32), size)
        grey, boxes = photograph(page, [name], np.random.default_rng(seed))
        assert grey.shape == (height // 2, width // 2)
        assert grey.dtype == np.uint8
        assert boxes.shape == (0, 6)
        assert boxes.dtype == np.float32


@pytest.mark.parametrize("name", [name for name in NAMES if name != "perspective"])
def test_other_effects_move_no_box(page: Page, name: str) -> None:
    _, boxes = photograph(page, [name], np.random.default_rng(0))
    np.testing.assert_array_equal(boxes[:, :5], np.column_stack([np.array(SIDES) / 2, [0, 1]]))


def test_seen_at_an_angle_boxes_stay_on_their_digits(page: Page) -> None:
    for seed in range(40):
        _, boxes = photograph(page, ["perspective"], np.random.default_rng(seed))
        for box, (left, top, right, bottom) in zip(boxes, SIDES, strict=True):
            ink = np.zeros_like(page.ink)
            ink[top:bottom, left:right] = 1
            grey, _ = photograph(page._replace(ink=ink), ["perspective"], np.random.default_rng(seed))
            rows, columns = np.nonzero(grey < 128)
            found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            # Its sides are no longer upright.
            np.testing.assert_allclose(box[:4], found, atol=4)


def test_beyond_the_edge_of_the_sheet_digits_are_hidden(page: Page) -> None:
    seen = []
    for seed in range(40):
        plain, _ = photograph(page, [], np.random.default_rng(seed))
        grey, boxes = photograph(page, ["table"], np.random.default_rng(seed))
        for left, top, right, bottom, _, visible in boxes.tolist():
            place = slice(int(top), int(bottom)), slice(int(left), int(right))
            same = np.mean(abs(grey[place].astype(int) - plain[place]) < 20)
            # The edge may be soft, and what is beyond it as dark as ink.
            assert same >= visible - 0.25
            seen.append(visible)
    assert min(seen) < 0.5
    assert max(seen) == 1
    assert (page.boxes[:, 5] == 1).all()
