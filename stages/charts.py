"""Write the JavaScript that draws DVC's charts, so that they need no internet."""

from pathlib import Path

import vl_convert

from digits.core.files import write_text
from digits.core.job import run_stage
from digits.core.params import Params

# DVC's templates need Vega-Lite 5; this is its last release.
VEGA_LITE = "5.21"


def main(params: Params) -> None:
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)
    # In a function, so that its thousands of short names do not collide with those of a page.
    write_text(Path("plots/vega.js"), f"(() => {{\n{bundle}\n}})();\n")


if __name__ == "__main__":
    run_stage(main)
