"""The HTTP API, whose POST /read answers what is read in an image, and the page that uses it."""

import asyncio
import base64
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartParser
from starlette.staticfiles import StaticFiles

from digits.core.errors import InputError
from digits.reading.decoding import TooLargeError, UnsupportedError, printable
from digits.reading.reading import Reading
from digits.reading.recognizer import Recognizer
from digits.web.batches import Batches

# Seconds from the start of a request to its answer, the number of files in a form, and how many of these wait to be
# read at a time, so that other requests have their turn.
SECONDS, MAX_FILES, TURNS = 20, 100, 4
# Values of ?details=.
DETAILS = {"true": True, "1": True, "false": False, "0": False}
# DNS rebinding needs a host name, and none ends in a number: any IPv4 address is allowed.
ADDRESSES = ["localhost", "[::1]", *(f"*.{byte}" for byte in range(256))]
# Nothing that is uploaded is written to the disk or to the terminal.
MultiPartParser.spool_max_size = 2**63
logging.getLogger("python_multipart").setLevel("CRITICAL")


def create(recognizer: Recognizer, hosts: Sequence[str], origins: Sequence[str], max_bytes: int) -> FastAPI:
    """Return the application.

    hosts: names of this machine, besides its IPv4 addresses, by which the page is opened
    origins: of other sites, such as ``https://example.org``, whose pages may read images here
    max_bytes: of a request's body
    """
    # The pages that show an OpenAPI schema load scripts from another site.
    app = FastAPI(openapi_url=None)
    app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["POST"])
    names = [re.sub(r"^https?://|:\d+$", "", origin) for origin in origins if origin != "null"]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*ADDRESSES, *hosts, *names], www_redirect=False)
    for kind, status in ((UnsupportedError, 415), (TooLargeError, 413), (InputError, 422)):
        app.add_exception_handler(kind, lambda _, error, status=status: JSONResponse({"error": str(error)}, status))
    app.add_exception_handler(
        StarletteHTTPException,
        lambda _, error: JSONResponse({"error": error.detail}, error.status_code, error.headers),
    )
    batches = Batches(recognizer)

    @app.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/classes")
    async def classes() -> dict[str, Any]:
        return {"classes": recognizer.task.classes, "pages": recognizer.task.are_digits}

    @app.get("/read")
    @app.get("/read/")
    async def explain() -> None:
        raise HTTPException(405, "send an image by POST: curl --data-binary @photo.jpg ADDRESS/read", {"Allow": "POST"})

    @app.post("/read")
    @app.post("/read/")
    async def read(request: Request) -> Any:
        page = f"{request.url.scheme}://{request.headers['host']}"
        if request.headers.get("origin", page) not in (page, *origins):
            raise HTTPException(403, "a request from another site; allow it with --allow-origin")
        details = DETAILS.get(request.query_params.get("details", "false").lower())
        if details is None:
            raise HTTPException(422, "details: should be true or false")
        turns = asyncio.Semaphore(TURNS)

        async def read_image(image: bytes) -> Reading | InputError:
            async with turns:
                return await batches.read(image)

        # A slow body is the client's fault, a slow answer is not.
        status = 408
        try:
            async with asyncio.timeout(SECONDS):
                body = await _read_body(request, max_bytes)
                status = 503
                images = await _images(request, body)
                readings = await asyncio.gather(*(read_image(image) for _, image in images))
        except TimeoutError:
            raise HTTPException(status, f"not done in {SECONDS} seconds; try again", {"Connection": "close"}) from None
        if len(images) > 1:
            return [_answer(name, reading, details) for (name, _), reading in zip(images, readings, strict=True)]
        if isinstance(readings[0], InputError):
            raise readings[0]
        return readings[0].as_dict(details=details)

    app.mount("/", StaticFiles(directory=Path(__file__).parent / "static", html=True))
    return app


def _answer(name: str, reading: Reading | InputError, details: bool) -> dict[str, Any]:
    if isinstance(reading, InputError):
        return {"picture": name, "error": str(reading).replace("the image", name, 1)}
    return {"picture": name, **reading.as_dict(details=details)}


async def _read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body. Raises HTTPException if it has more than ``max_bytes`` bytes."""
    too_large = HTTPException(413, f"the request has more than {max_bytes / 1_000_000:g} MB", {"Connection": "close"})
    # Before the server answers 100 Continue.
    if "expect" in request.headers and int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_large
    size, chunks = 0, []
    async for chunk in request.stream():
        size += len(chunk)
        # The rest is received, but not kept: most clients read no answer before they have sent everything.
        if size <= max_bytes:
            chunks.append(chunk)
    if size > max_bytes:
        raise too_large
    return b"".join(chunks)


async def _images(request: Request, body: bytes) -> list[tuple[str, bytes]]:
    """Return the name and the bytes of each image: the body itself or the data URL in it, or the files of a form."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return [("", _decoded(body))]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    try:
        form = await Request(request.scope, receive).form(max_files=MAX_FILES, max_fields=MAX_FILES)
    except (LookupError, UnicodeError):
        raise HTTPException(422, "a form with an unknown charset, or names that are not in it; use UTF-8") from None
    files = [file for _, file in form.multi_items() if not isinstance(file, str)]
    if not files:
        raise HTTPException(422, "a form that is damaged, or has no file")
    return [(printable(file.filename), await file.read()) for file in files]


def _decoded(body: bytes) -> bytes:
    """Return the image in a body that is a data URL, or JSON with one, as a page's canvas gives it; others as they are.

    Raises HTTPException if JSON has no image, or the Base64 is damaged.
    """
    url = body.strip()
    if url.startswith(b"{"):
        try:
            url = json.loads(url)["image"].encode()
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise HTTPException(422, 'JSON without an image; send {"image": "data:image/png;base64,…"}') from None
    elif not url.startswith(b"data:"):
        return body
    try:
        return base64.b64decode(url.partition(b"base64,")[2] or url, validate=True)
    except ValueError:
        raise HTTPException(422, "image: damaged Base64; send data:image/png;base64,…") from None
