"""Fetch a dataset's files from the first mirror that serves them, whatever the others serve."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from digits.core.errors import InputError
from digits.data.datasets import BYTES, SHA256

# How long to wait for an answer from all mirrors together: on a network that drops packets, resolving a name and trying
# each of its addresses could otherwise take minutes.
ANSWER_SECONDS = 8.0
# The longest pause within a download.
SILENCE_SECONDS = 5.0
# A file has to arrive with at least so many bytes a second, measured from its tenth second on.
LEAST_RATE, GRACE_SECONDS = 20_000, 10.0


Downloader = Callable[[str, str | Path, object], None]


class UnavailableError(InputError):
    """No mirror served the dataset."""


class _UnfitError(Exception):
    """What a mirror does that cannot be the dataset."""


def download(name: str, mirrors: Sequence[str], folder: Path) -> None:
    """Fetch the files of dataset ``name`` into ``folder`` from the first of ``mirrors`` that serves the right bytes.

    A mirror is a URL or a folder. One that does not answer, is too slow, or serves other bytes is named on stderr and
    skipped; no more is taken from it than the files' published sizes. Raises UnavailableError if none is left.
    """
    import pooch

    # It tells the URL with the password in it.
    pooch.get_logger().setLevel("ERROR")
    silent = _unreachable([mirror for mirror in mirrors if _is_url(mirror)])
    reasons = []
    for mirror in mirrors:
        reason = silent.get(mirror, "")
        if not reason:
            source = pooch.create(folder, mirror.rstrip("/") + "/", registry=SHA256[name])
            try:
                for file in SHA256[name]:
                    source.fetch(file, downloader=(_fetcher if _is_url(mirror) else _copier)(BYTES[name][file]))
                return
            except (OSError, ValueError, _UnfitError) as error:
                reason = _reason(error)
        reasons.append(f"{_shown(mirror)}: {reason}")
        print(f"warning: skipping the mirror {reasons[-1]}", file=sys.stderr)
    raise UnavailableError(f"no mirror serves {name}: {'; '.join(reasons) or 'params.yaml lists none'}")


def _is_url(mirror: str) -> bool:
    return "://" in mirror


def _shown(mirror: str) -> str:
    """Return ``mirror`` without a user's name and password."""
    if not _is_url(mirror):
        return mirror
    scheme, _, rest = mirror.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def _unreachable(urls: Sequence[str]) -> dict[str, str]:
    """Return the ``urls`` that send no HTTP response, and why. Threads, which may outlive it, ask all at once."""
    import requests

    silent = dict.fromkeys(urls, f"no answer within {ANSWER_SECONDS:.0f} s")

    def ask(url: str) -> None:
        try:
            requests.get(url, stream=True, timeout=ANSWER_SECONDS).close()
        except requests.Timeout:
            return
        except Exception as error:  # An invalid URL raises other errors than an unreachable host.
            silent[url] = f"unreachable ({type(error).__name__})"
            return
        del silent[url]

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in urls]
    deadline = time.monotonic() + ANSWER_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return silent.copy()


def _reason(error: Exception) -> str:
    import requests

    match error:
        case _UnfitError():
            return str(error)
        case requests.HTTPError():
            return f"HTTP status {error.response.status_code}"
        case requests.Timeout():
            return f"no data for {SILENCE_SECONDS:.0f} s"
        case requests.RequestException():
            return f"connection lost ({type(error).__name__})"
        case OSError():
            return f"{error.strerror}: {error.filename}"
    return "wrong content: its SHA-256 is not the published one"


def _copier(size: int) -> Downloader:
    """Return a function that copies a file of this ``size`` in bytes."""

    def copy(source: str, target: str | Path, pooch: object) -> None:
        path = Path(source)
        # Only a file has an end.
        if path.exists() and not (path.is_file() and path.stat().st_size <= size):
            raise _UnfitError(f"{path.name}: more than the {size:,} bytes of the published file")
        shutil.copyfile(source, target)

    return copy


def _fetcher(size: int) -> Downloader:
    """Return a function that downloads a file of this ``size`` in bytes."""

    def fetch(url: str, target: str | Path, pooch: object) -> None:
        # A thread, because a server that sends its header byte by byte would never time out.
        taken, errors = [0], list[Exception]()
        thread = threading.Thread(target=_take, args=(url, Path(target), size, taken, errors), daemon=True)
        start = time.monotonic()
        thread.start()
        with tqdm(total=size, unit="B", unit_scale=True, desc=Path(urlsplit(url).path).name, disable=None) as progress:
            while thread.is_alive():
                thread.join(0.1)
                progress.update(taken[0] - progress.n)
                seconds = time.monotonic() - start
                if seconds > GRACE_SECONDS and taken[0] < LEAST_RATE * seconds:
                    # It ends as soon as it hears that nobody waits.
                    taken[0] = size + 1
                    raise _UnfitError(f"slower than {LEAST_RATE // 1000} kB a second")
        if errors:
            raise errors[0]

    return fetch


def _take(url: str, target: Path, size: int, taken: list[int], errors: list[Exception]) -> None:
    import requests
    import urllib3

    try:
        # As the file is: decoded, a small answer may be endless.
        headers = {"Accept-Encoding": "identity"}
        with requests.get(url, stream=True, timeout=SILENCE_SECONDS, headers=headers) as answer:
            answer.raise_for_status()
            # It exists, unless nobody waits any longer.
            with target.open("r+b") as file:
                while chunk := answer.raw.read(1 << 16, decode_content=False):
                    taken[0] += len(chunk)
                    if taken[0] > size:
                        raise _UnfitError(f"more than the {size:,} bytes of the published file")
                    file.write(chunk)
    except urllib3.exceptions.ReadTimeoutError:
        errors.append(requests.Timeout())
    except urllib3.exceptions.HTTPError as error:
        errors.append(requests.ConnectionError(type(error).__name__))
    except Exception as error:  # Told by the thread that waits for it.
        errors.append(error)
