"""Run DVC pipelines on a Ray cluster: python -m cluster repro studies/folds"""

import argparse
import os
from pathlib import Path

from digits.core.errors import run_main


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    repro = commands.add_parser("repro", help="what dvc repro does, with independent stages at the same time")
    repro.add_argument("folders", metavar="FOLDER", nargs="*", type=Path, help="of a dvc.yaml; default: this folder")
    repro.add_argument("--address", help="of a Ray cluster; default: RAY_ADDRESS, or else Ray is started here")
    repro.add_argument(
        "--remote",
        help="URL of the DVC remote through which the nodes exchange data; default: they share the cache "
        "folder of this clone, which all of them must reach",
    )
    reading = commands.add_parser("read", help="read images into a folder of Parquet files")
    reading.add_argument(
        "paths", metavar="PATH", nargs="+", help="a file, folder or pattern, or a URL that fsspec knows"
    )
    reading.add_argument(
        "--out", metavar="FOLDER", required=True, help="of the Parquet files; only what it lacks is read"
    )
    reading.add_argument("--address", help="as for repro")
    given = parser.parse_args()
    address = given.address or os.environ.get("RAY_ADDRESS")

    def run() -> None:
        if given.command == "read":
            from cluster import read

            read.read(given.paths, given.out, address)
        else:
            from cluster import driver

            driver.repro(given.folders or [Path()], address, given.remote)

    run_main(run)


if __name__ == "__main__":
    main()
