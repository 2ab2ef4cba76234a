"""Attack the project with hostile servers, files, parameters and surroundings, and print how often it survived.

    python -m tests.attacks [--long] [--seed N] [ATTACK...]

Each trial has its own seed, which is printed if it fails: repeat it with --seed and one attack.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

from tests.attacks import damaged_files, downloads, images, kills, parameters, servers, soak, strangers, surroundings
from tests.attacks.limits import Skipped
from tests.repository import bypass_proxies

# A trial's name, and what went wrong, which is empty if it survived, or why it was skipped.
Trial = tuple[str, str]
ATTACKS: dict[str, Callable[[int, bool], Iterator[Trial]]] = {
    "mirrors": downloads.attack,
    "parameters": parameters.attack,
    "files": damaged_files.attack,
    "images": images.attack,
    "server": servers.attack,
    "strangers": strangers.attack,
    "kills": kills.attack,
    "surroundings": surroundings.attack,
    "soak": soak.attack,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("attacks", metavar="ATTACK", nargs="*", help=f"default: {' '.join(ATTACKS)}")
    parser.add_argument("--long", action="store_true", help="many times as many trials")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    bypass_proxies()
    failures, notes = [], []
    print(
        f"{'attack':12}{'trials':>8}{'survived':>10}{'failed':>8}{'skipped':>9}{'seconds':>9}   seed {arguments.seed}"
    )
    for name in arguments.attacks or ATTACKS:
        start, trials, failed, skipped = time.monotonic(), 0, 0, 0
        for trial, wrong in ATTACKS[name](arguments.seed, arguments.long):
            trials += 1
            if isinstance(wrong, Skipped):
                skipped += 1
                notes.append(f"skipped: {name}: {trial}: {wrong}")
            elif wrong:
                failed += 1
                failures.append(f"{name}: {trial}: {wrong}")
        seconds, survived = time.monotonic() - start, trials - failed - skipped
        print(f"{name:12}{trials:8}{survived:10}{failed:8}{skipped:9}{seconds:9.0f}", flush=True)
    for each in (*notes, *failures):
        print(each, file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
