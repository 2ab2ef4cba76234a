"""Serve an application at an address of this machine."""

import socket
import sys
import webbrowser
from threading import Thread

import uvicorn
from fastapi import FastAPI

from digits.core.errors import InputError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at ``host``, a name or an address of this machine. Raises InputError if none can."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
        raise InputError(f"{host}:{port}: cannot listen ({reason}); choose another --port or --host") from None


def run(app: FastAPI, opened: socket.socket, browser: bool) -> None:
    """Serve ``app`` until interrupted; with ``browser``, open its page."""
    host, port = opened.getsockname()[:2]
    # What was opened to all addresses is reached by one of them.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"Draw digits, or read a photo, at {address} (Ctrl-C ends it)", flush=True)
    # Where nobody looks at what is printed, nobody looks at a browser.
    if browser and sys.stdout.isatty():
        Thread(target=webbrowser.open, args=[address], daemon=True).start()
    config = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[opened])
