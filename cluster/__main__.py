"""Run DVC pipelines, or read images, on a Ray cluster: python -m cluster repro studies"""

import argparse
import os
from importlib.util import find_spec

from digits.core.errors import InputError, run_main


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    repro = commands.add_parser("repro", help="what dvc repro does, with independent stages at the same time")
    repro.add_argument(
        "targets", metavar="FOLDER[:STAGE]", nargs="*", default=["."], help="of a dvc.yaml; default: this folder"
    )
    repro.add_argument(
        "--remote",
        help="URL of the DVC remote through which the nodes exchange data; default: they share the cache "
        "folder of this clone, which all of them must reach",
    )
    read = commands.add_parser("read", help="read images into a folder of Parquet files")
    read.add_argument("paths", metavar="PATH", nargs="+", help="a file, folder or pattern, or a URL that fsspec knows")
    read.add_argument("--out", metavar="FOLDER", required=True, help="of the Parquet files; only what it lacks is read")
    for command in (repro, read):
        command.add_argument(
            "--address",
            default=os.environ.get("RAY_ADDRESS"),
            help="of a Ray cluster; default: RAY_ADDRESS, or else Ray is started here",
        )
    arguments = parser.parse_args()
    if not find_spec("ray"):
        raise InputError("Ray is missing: pip install -r requirements-cluster.txt")
    # Each imports for seconds what the other does not need.
    if arguments.command == "read":
        from cluster.read import read_images

        read_images(arguments.paths, arguments.out, arguments.address)
    else:
        from cluster.driver import reproduce

        reproduce(arguments.targets, arguments.address, arguments.remote)


if __name__ == "__main__":
    run_main(main)
