"""Attack the project with strangers' files and requests, and with accidents, and print how often it survived.

    python -m tests.attacks [--long] [--seed N] [ATTACK...]

The seed determines all trials; those that fail are listed at the end.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

from tests.attacks import accidents, images, servers, strangers
from tests.repository import bypass_proxies

# A trial's name, and what went wrong: nothing if it survived.
Trial = tuple[str, str]
ATTACKS: dict[str, Callable[[int, bool], Iterator[Trial]]] = {
    "images": images.attack,
    "server": servers.attack,
    "strangers": strangers.attack,
    "accidents": accidents.attack,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("attacks", metavar="ATTACK", nargs="*", help=f"default: {' '.join(ATTACKS)}")
    parser.add_argument("--long", action="store_true", help="many times as many trials")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    bypass_proxies()
    failures = list[str]()
    print(f"{'attack':12}{'trials':>8}{'survived':>10}{'seconds':>9}   seed {arguments.seed}")
    for name in arguments.attacks or ATTACKS:
        start, trials, failed = time.monotonic(), 0, len(failures)
        for trial, problem in ATTACKS[name](arguments.seed, arguments.long):
            trials += 1
            if problem:
                failures.append(f"{name}: {trial}: {problem}")
        survived, seconds = trials - len(failures) + failed, time.monotonic() - start
        print(f"{name:12}{trials:8}{survived:10}{seconds:9.0f}", flush=True)
    print(*failures, sep="\n", end="", file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
