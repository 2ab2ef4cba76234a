"""The pages of ``dvc plots`` in a real browser, without internet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from PIL import Image

from tests import browser as browsers
from tests.browser import hosts, wait_for
from tests.repository import Repository

# Vega must not take a name for a number, a formula or a path, nor DVC a comma for the end of a cell.
NAMES = ("7", "お", "T-shirt/top", "a.b[c]", "$x$, y")
TABLES = {
    "training.tsv": "epoch\tloss\taccuracy\tval_loss\tval_accuracy\n1\t0.5\t0.8\t0.4\t0.9\n2\t0.2\t0.9\t0.3\t0.95\n",
    "confusion.csv": "actual,predicted\n" + "".join(f'"{name}","{name}"\n' for name in NAMES) + "7,お\n",
    "classes.csv": "class,images,errors,accuracy,accuracy_low,accuracy_high\n"
    + "".join(f'"{name}",3,1,0.7,0.1,0.9\n' for name in NAMES),
    "reliability.csv": "images,confidence,accuracy\n3,0.4,0.3\n9,0.9,1.0\n",
}
IMAGES = ["plots/figures/curves.png", "plots/figures/mistakes.png"]


@pytest.fixture(scope="module")
def repository(finished: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with two versions of each table and image that dvc.yaml plots."""
    repository = finished.copy(tmp_path_factory.mktemp("charts") / "repository")
    for figure in (repository.path / "plots" / "figures").iterdir():
        figure.unlink()
    for colour in ("red", "blue"):
        for name, table in TABLES.items():
            changed = table.replace("0.9", "0.7") if colour == "blue" else table
            (repository.path / "plots" / name).write_text(changed, encoding="utf-8")
        for name in IMAGES:
            Image.new("RGB", (2000, 50), colour).save(repository.path / name)
        repository.commit(colour)
    return repository


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    driver = browsers.start()
    yield driver
    driver.quit()


def dvc_yaml(repository: Repository) -> Any:
    return yaml.safe_load((repository.path / "dvc.yaml").read_text(encoding="utf-8"))


def count_charts(page: Path, browser: Any) -> int:
    """Open ``page``, wait until all of its charts are drawn, and return their number."""
    charts = page.read_text(encoding="utf-8").count("vegaEmbed('#")
    browser.get(page.as_uri())
    wait_for(browser, f"document.querySelectorAll('main > div svg.marks').length == {charts}")
    assert hosts(browser) == set()
    return charts


@pytest.mark.parametrize(("command", "revisions"), [(["show"], 1), (["diff", "HEAD~1", "HEAD"], 2)])
def test_all_charts_are_drawn_and_images_fit_side_by_side(
    repository: Repository, browser: Any, command: list[str], revisions: int
) -> None:
    repository.run("dvc", "plots", *command)
    drawn = count_charts(repository.path / "dvc_plots" / "index.html", browser)
    assert drawn == len(TABLES) + len(dvc_yaml(repository)["plots"])
    texts = browser.execute_script("return [...document.querySelectorAll('svg.marks text')].map(t => t.textContent)")
    # On both axes of the matrix, and once beside the bars, of each revision or of both together.
    assert min(map(texts.count, NAMES)) >= 3
    shown = browser.execute_script("return [...document.images].map(i => [i.naturalWidth, i.x + i.width, i.y])")
    assert len(shown) == revisions * len(IMAGES)
    assert {width for width, _, _ in shown} == {2000}
    assert max(right for _, right, _ in shown) <= browser.execute_script("return window.innerWidth") <= 1280
    assert len({top for _, _, top in shown}) == len(IMAGES)


def test_a_page_without_the_script_names_dvcs_own_and_says_so(
    repository: Repository, browser: Any, tmp_path: Path
) -> None:
    repository.run("dvc", "plots", "show", "-o", str(tmp_path / "page"))
    browser.get((tmp_path / "page" / "index.html").as_uri())
    scripts = "[...document.getElementById('online').content.querySelectorAll('script')].map(script => script.src)"
    assert {urlsplit(source).netloc for source in browser.execute_script(f"return {scripts}")} == {"cdn.jsdelivr.net"}
    wait_for(browser, "document.body.innerText.includes('dvc repro charts')")
