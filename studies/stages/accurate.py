"""Measure how accurate the distilled networks are: each one, and their mean."""

from digits.core.errors import run_main
from digits.core.files import read_json, write_json
from digits.model import metrics
from studies.stages import entries
from studies.stages.entries import FILE, RUNS


def main() -> None:
    names = list(entries.groups()["distilled"])
    members = {name: read_json(RUNS / "distilled" / name / "test.json", "distilled-test") for name in names}
    spread = metrics.spread([member["accuracy"] for member in members.values()])
    write_json(FILE.parent / "accurate" / "metrics.json", {"members": len(names), **spread, "member": members})
    print(f"{metrics.describe_spread(spread)} over {len(names)} networks")


if __name__ == "__main__":
    run_main(main)
