"""The connection to Ray, without its noise."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import ray

from digits.core.errors import InputError


@contextmanager
def connect(address: str | None) -> Iterator[None]:
    """Connect to the Ray cluster at ``address``, or start one on this machine that ends with this process.

    In the block, sys.stdout and standard error lead nowhere. Raises InputError if Ray
    cannot be reached.
    """
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0")
    # Nothing large goes through Ray's own memory; without a limit it takes a third of the machine's.
    options: dict[str, Any] = {} if address else {"include_dashboard": False, "object_store_memory": 256 << 20}
    try:
        if address and ":" in address.removeprefix("ray://"):
            # Ray itself would try for many minutes.
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address or "local", logging_level=logging.CRITICAL, log_to_driver=False, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"Ray at {address or 'this machine'}: {str(error).strip().splitlines()[0]}") from error
    # Ray's own handler prints a stack.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Ray prints pages of a node's log when it is lost, and its C++ has its own way to stderr.
    stderr = os.dup(2)
    with open(os.devnull, "w") as devnull, redirect_stdout(devnull):  # noqa: PTH123
        os.dup2(devnull.fileno(), 2)
        try:
            yield
        finally:
            ray.shutdown()
            os.dup2(stderr, 2)
