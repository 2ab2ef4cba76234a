"""What the server refuses: requests of other sites, and more than it can hold."""

import re
import time
from collections.abc import Sequence

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
DRAINED = 15
# Requests at a time, each of which may hold a body in memory.
MOST = 128
# A name, or an address, and a port.
HOST = re.compile(r"(?P<name>(?P<address>[0-9.]+|\[[0-9a-f:.]+\])|[^:/?#@\[\]\s]+)(:\d+)?")


def refusal(status: int, reason: str) -> JSONResponse:
    """Return an answer with one line, after which the connection is closed."""
    return JSONResponse({"error": reason}, status, {"Connection": "close"})


class Wall:
    """Middleware that lets through requests to one of ``hosts``, from the server's own page or one of ``origins``."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self.app, self.origins, self.requests = app, {*map(str.lower, origins)}, 0
        # Whoever opens the server to other machines reaches it by any of its addresses.
        self.public = not {"0.0.0.0", "[::]"}.isdisjoint(hosts)  # noqa: S104
        names = (HOST.fullmatch(each.partition("//")[2]) for each in self.origins)
        self.names = {"localhost", "127.0.0.1", "[::1]", *hosts, *(each["name"] for each in names if each)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers, app = Headers(scope=scope), self.app
        host = headers.get("host", "").lower()
        own = HOST.fullmatch(host)
        if self.requests >= MOST:
            app = refusal(503, "too many requests; try again later")
        elif not own or not (own["name"] in self.names or (self.public and own["address"])):
            app = refusal(421, "this server has another name; start it with --host or --allow-origin")
        elif not {*map(str.lower, headers.getlist("origin"))} <= {f"http://{host}", *self.origins}:
            app = refusal(403, "a request from another site; allow it with --allow-origin")
        self.requests += 1
        try:
            return await app(scope, receive, send_safely)
        finally:
            self.requests -= 1


async def read_body(request: Request, most: int) -> bytearray:
    """Return the body. Raises HTTPException if it has more than ``most`` bytes."""
    length, body, since = request.headers.get("content-length", "0"), bytearray(), time.monotonic()
    # A client that waits for leave to send gets none.
    refused = "expect" in request.headers and int(length) > most
    if not refused:
        async for chunk in request.stream():
            refused = refused or len(body) + len(chunk) > most
            if not refused:
                body += chunk
            elif time.monotonic() > since + DRAINED:
                break
    if refused:
        raise HTTPException(413, f"the request has more than {most / 1_000_000:g} MB")
    return body
