"""Download a dataset from the first mirror that serves it, whatever the other mirrors do."""

import hashlib
import re
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import requests
from tqdm import tqdm

from digits.core.errors import InputError
from digits.core.files import replacing
from digits.data.datasets import BYTES, SHA256

# How long a mirror may be silent, and how many bytes a second it must send after that.
SILENCE_SECONDS, BYTES_PER_SECOND = 5.0, 20_000
CHUNK = 1 << 14


class UnavailableError(InputError):
    """No mirror served the dataset."""


class _MirrorError(Exception):
    """Why a mirror is skipped."""


def download(name: str, mirrors: Sequence[str], folder: Path) -> None:
    """Write the files of dataset ``name`` into ``folder`` from the first of ``mirrors`` that serves the published ones.

    A mirror is a URL or a folder. One that is unreachable, silent or slow, or has other bytes, is named on stderr and
    skipped; no more is read from it than the published sizes. Raises UnavailableError if none is left.
    """
    reasons = []
    for mirror in mirrors:
        try:
            files = _read(name, mirror)
        except _MirrorError as error:
            # Neither the password nor the token that a URL may contain.
            reasons.append(f"{re.sub('//[^/]*@', '//', mirror).partition('?')[0]}: {error}")
            print(f"warning: skipping the mirror {reasons[-1]}", file=sys.stderr)
            continue
        for file, content in files.items():
            with replacing(folder / file) as path:
                path.write_bytes(content)
        return
    raise UnavailableError(f"no mirror serves {name}: {'; '.join(reasons) or 'params.yaml lists none'}")


def _read(name: str, mirror: str) -> dict[str, bytes]:
    """Return the content of each file of the dataset. Raises _MirrorError if one is missing or another file."""
    files = {}
    with tqdm(total=sum(BYTES[name].values()), unit="B", unit_scale=True, desc=name, disable=None) as progress:
        for file, size in BYTES[name].items():
            try:
                if "://" in mirror:
                    content = _fetch(f"{mirror.rstrip('/')}/{file}", size, progress)
                else:
                    content = (Path(mirror) / file).read_bytes()
            except OSError as error:
                raise _MirrorError(f"{file}: {error.strerror}") from None
            if hashlib.sha256(content).hexdigest() != SHA256[name][file]:
                raise _MirrorError(f"{file}: wrong content: its SHA-256 is not the published one")
            files[file] = content
    return files


def _fetch(url: str, size: int, progress: "tqdm[Any]") -> bytes:
    """Return what ``url`` serves, at most ``size`` bytes.

    A thread reads it, because the timeout of requests starts anew with each address of a host and each byte of a
    header, and does not bound how long the host's name is resolved.
    """
    chunks = Queue[bytes | Exception](1)
    threading.Thread(target=_send, args=(url, chunks), daemon=True).start()
    content, start = bytearray(), time.monotonic()
    while True:
        deadline = start + SILENCE_SECONDS + len(content) / BYTES_PER_SECOND
        try:
            chunk = chunks.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            slow = f"less than {BYTES_PER_SECOND:,} bytes a second"
            raise _MirrorError(slow if content else f"no answer within {SILENCE_SECONDS:.0f} s") from None
        if isinstance(chunk, requests.HTTPError):
            raise _MirrorError(f"HTTP status {chunk.response.status_code}")
        if isinstance(chunk, Exception):
            # Its text contains the whole URL.
            raise _MirrorError(f"cannot be {'read' if content else 'reached'} ({type(chunk).__name__})")
        if not chunk:
            return bytes(content)
        content += chunk
        progress.update(len(chunk))
        if len(content) > size:
            raise _MirrorError(f"more than the {size:,} bytes of the published file")


def _send(url: str, chunks: "Queue[bytes | Exception]") -> None:
    """Put what ``url`` serves, and then empty bytes, or the error that occurs, into ``chunks``."""
    try:
        # Not decoded: a mirror may call the file's own compression an encoding, and little may decode to gigabytes.
        headers = {"Accept-Encoding": "identity"}
        with requests.get(url, stream=True, timeout=SILENCE_SECONDS, headers=headers) as response:
            response.raise_for_status()
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                chunks.put(chunk)
            chunks.put(b"")
    except Exception as error:  # Told to the reader: requests, urllib3 and http.client each raise their own.
        chunks.put(error)
