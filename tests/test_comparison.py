import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation

from digits import comparison, metrics
from digits.comparison import Result


def result(name: str, errors: int, claim: float | None = None, seconds: float = 60.0) -> Result:
    measured = metrics.accuracy(errors, 10_000)
    return Result(
        name=name,
        dataset="mnist",
        parameters=93_322,
        epochs=5,
        seconds=seconds,
        images_per_second=275_000 / seconds,
        images=10_000,
        errors=errors,
        accuracy=measured["accuracy"],
        accuracy_low=measured["accuracy_low"],
        accuracy_high=measured["accuracy_high"],
        claim=claim,
    )


@pytest.mark.parametrize(
    ("errors", "claim", "holds"),
    [
        (100, 0.990, "yes"),
        (100, 0.9915, "yes"),
        (100, 0.995, "ours is lower"),
        (100, 0.98, "ours is higher"),
        (100, None, ""),
    ],
)
def test_a_row_says_whether_the_claim_lies_within_the_interval(errors: int, claim: float | None, holds: str) -> None:
    page = comparison.page([result("dense", 200), result("chollet", errors, claim)], "dense")
    cells = [cell.strip() for cell in page.splitlines()[-1].strip("|").split("|")]
    assert cells[0] == "chollet"
    assert cells[1] == "93,322"
    assert cells[5] == "100"
    assert cells[7] == "50%"
    assert cells[-1] == holds


def test_names_in_the_figure_do_not_overlap_and_are_not_cut_off() -> None:
    close = [result(f"keras-16-36-short-{number}", 80 + number % 3, seconds=50 + number) for number in range(14)]
    figure = comparison.figure(close)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    names = [text for text in figure.axes[0].texts if isinstance(text, Annotation)]
    assert len(names) == 14
    width, height = canvas.get_width_height()
    tight = figure.get_tightbbox(renderer)
    assert tight.x1 * figure.dpi <= width + 1
    assert tight.y1 * figure.dpi <= height + 1
    places = np.sort([text.xyann[1] for text in names])
    assert np.diff(places).min() * 0.86 * height > 9 * figure.dpi / 72
