"""What the server refuses: requests of other sites, and more than it can hold."""

import ipaddress
import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# A body that is too large is thrown away for so many seconds, because most clients hear no answer before its end.
DRAINED = 5


def refusal(status: int, reason: str) -> JSONResponse:
    """Return an answer with one line, after which the connection is closed."""
    return JSONResponse({"error": reason}, status, {"Connection": "close"})


class Wall:
    """Middleware that lets through requests to ``host``, from its own pages or those of ``origins``."""

    def __init__(self, app: ASGIApp, host: str, origins: Sequence[str]) -> None:
        self.app, self.origins = app, origins
        # Whoever opens the server to other machines reaches it by any of its addresses, or its name.
        self.public = host in ("0.0.0.0", "::")
        machine = socket.gethostname().lower()
        self.names = {"localhost", "127.0.0.1", "::1", host, machine, f"{machine}.local", *map(_name, origins)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers, app = Headers(scope=scope), self.app
        if not self._is_own(headers.get("host", "")):
            app = refusal(421, "this server has another name; allow this one with --allow-origin")
        elif headers.get("origin") not in (None, f"http://{headers['host']}", *self.origins):
            app = refusal(403, "the request of another site; allow it with --allow-origin")
        return await app(scope, receive, send_safely)

    def _is_own(self, host: str) -> bool:
        try:
            return _name(f"//{host}") in self.names or (self.public and bool(ipaddress.ip_address(_name(f"//{host}"))))
        except ValueError:
            return False


def _name(url: str) -> str:
    return urlsplit(url).hostname or ""


async def read_body(request: Request, most: int) -> bytes:
    """Return the body. Raises HTTPException if it has more than ``most`` bytes."""
    length = request.headers.get("content-length", "0")
    # A client that waits for leave to send gets none.
    refused, body, since = "expect" in request.headers and int(length) > most, bytearray(), time.monotonic()
    if not refused:
        async for chunk in request.stream():
            refused = refused or len(body) + len(chunk) > most
            if not refused:
                body += chunk
            elif time.monotonic() > since + DRAINED:
                break
    if refused:
        raise HTTPException(413, f"more than {most / 1_000_000:g} MB")
    return bytes(body)
