"""Ask the HTTP API by many clients at once, and read the same images as files, in turns.

    python -m benchmarks.serving IMAGE... [--clients 32] [--seconds 30]

Prints images per second, requests that were not answered with 200, and the memory of the server's process.
"""

import argparse
import http.client
import itertools
import json
import threading
import time
from pathlib import Path

import psutil

from benchmarks.processes import serving
from digits.core.errors import run_main
from digits.reading.recognizer import Recognizer

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    images = [path.read_bytes() for path in arguments.images]
    recognizer = Recognizer.load()
    with serving() as (port, started):
        process = psutil.Process(started.pid)
        for number in range(ROUNDS):
            start = time.perf_counter()
            count = sum(1 for _ in recognizer.read_all(itertools.islice(itertools.cycle(images), 200)))
            files = count / (time.perf_counter() - start)
            served, failed = _ask(port, images, arguments.clients, arguments.seconds / ROUNDS)
            print(
                f"round {number + 1}: files {files:.1f} images/s; served {served:.1f}, {served / files:.2f} times; "
                f"{failed} failed; {process.memory_info().rss / 1e6:.0f} MB"
            )


def _ask(port: int, images: list[bytes], clients: int, seconds: float) -> tuple[float, int]:
    """Return answered images per second, and the number of requests that failed."""
    done, failed, end = [0] * clients, [0] * clients, time.perf_counter() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for image in itertools.cycle(images[number % len(images) :] + images[: number % len(images)]):
            if time.perf_counter() > end:
                break
            connection.request("POST", "/read", image)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status == 200 and "text" in json.loads(content):
                done[number] += 1
            else:
                failed[number] += 1

    threads = [threading.Thread(target=client, args=[number]) for number in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - start), sum(failed)


if __name__ == "__main__":
    run_main(main)
