"""Serve an application at an address of this machine."""

import socket
import sys
import webbrowser
from threading import Thread

import uvicorn
from fastapi import FastAPI

from digits.core.errors import InputError

# Each connection may hold a request's body in memory.
MAX_CONNECTIONS = 128
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


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
    # A socket that listens at all addresses is reached by one of them.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"Draw digits, or read a photo, at {address} (Ctrl-C ends it)", flush=True)
    # Without a terminal there is probably nobody to look at a browser.
    if browser and sys.stdout.isatty():
        Thread(target=webbrowser.open, args=[address], daemon=True).start()
    configure(app).run(sockets=[opened])


def configure(app: FastAPI) -> uvicorn.Server:
    """Return a server for ``app``, with limits, and headers that keep its page apart from other sites."""
    config = uvicorn.Config(
        app,
        log_level="critical",
        ws="none",
        headers=[*HEADERS.items()],
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)
