"""The HTTP API, whose POST /read answers what is read in an image, and the page that uses it."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

from digits.core.errors import InputError
from digits.reading.decoding import TooLargeError, UnsupportedError, printable
from digits.reading.recognizer import Recognizer
from digits.web.queue import Queue
from digits.web.wall import Wall, read_body, refusal

# Seconds from the start of a request to its answer, the files that it may have, and how many of them wait at a time.
SECONDS, FILES, WAITING = 20, 100, 4
# Nothing that is sent is written to the disk, or told on the terminal.
MultiPartParser.spool_max_size = 2**63
logging.getLogger("python_multipart").setLevel("CRITICAL")


def create(recognizer: Recognizer, hosts: Sequence[str], origins: Sequence[str], most: int) -> FastAPI:
    """Return what is reached by ``hosts``, from its own page and ``origins``, with requests of ``most`` bytes."""
    # The pages that show an OpenAPI schema load scripts from another site.
    app = FastAPI(openapi_url=None)
    app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["POST"])
    app.add_middleware(Wall, hosts=hosts, origins=origins)
    for kind, status in ((UnsupportedError, 415), (TooLargeError, 413), (InputError, 422)):
        app.add_exception_handler(kind, lambda _, error, status=status: refusal(status, str(error)))
    app.add_exception_handler(AnyHTTPException, lambda _, error: refusal(error.status_code, error.detail))
    queue = Queue(recognizer)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/classes")
    async def classes() -> dict[str, Any]:
        return {"classes": recognizer.symbols.classes, "pages": recognizer.symbols.are_digits}

    @app.post("/read")
    async def read(request: Request) -> Any:
        # A slow body is the client's fault, a slow answer is not.
        status, waiting = 408, asyncio.Semaphore(WAITING)

        async def read_one(image: bytes) -> Any:
            # So that other requests have their turn.
            async with waiting:
                return await queue.read(image)

        try:
            async with asyncio.timeout(SECONDS):
                body = bytes(await read_body(request, most))
                status = 503
                images = await _images(request, body)
                several = len(images) > 1
                readings: list[Any] = await asyncio.gather(
                    *(read_one(each) for _, each in images), return_exceptions=several
                )
        except TimeoutError:
            return refusal(status, f"not done in {SECONDS} seconds; try again")
        except ClientDisconnect:
            return refusal(400, "the request ended too early")
        details = request.query_params.get("details") == "true"
        if several:
            return [_answer(name, each, details) for (name, _), each in zip(images, readings, strict=True)]
        return readings[0].as_dict(details=details)

    app.mount("/", StaticFiles(directory=Path(__file__).parent / "static", html=True))
    return app


def _answer(name: str, reading: Any, details: bool) -> dict[str, Any]:
    if isinstance(reading, InputError):
        return {"picture": name, "error": str(reading).replace("the image", printable(name), 1)}
    if isinstance(reading, BaseException):
        raise reading
    return {"picture": name, **reading.as_dict(details=details)}


async def _images(request: Request, body: bytes) -> list[tuple[str, bytes]]:
    """Return the name and the bytes of each image: the body itself, or the files of a form."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        return [("", body)]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    # Names in UTF-8: other character sets, which the client could ask for, may give what JSON cannot express.
    header = b'multipart/form-data; boundary="%s"' % options.get(b"boundary", b"")
    form = await Request({**request.scope, "headers": [(b"content-type", header)]}, receive).form(
        max_files=FILES, max_fields=FILES
    )
    files = [each for _, each in form.multi_items() if not isinstance(each, str)]
    if not files:
        raise HTTPException(422, "a form that is damaged, or has no file")
    return [(each.filename or "", await each.read()) for each in files]
