"""The application, served for tests by a thread of this process."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import uvicorn
from fastapi import FastAPI

from digits.core.symbols import Symbols
from digits.reading.recognizer import Reader, Recognizer
from digits.web import app, server
from tests.reading import fakes
from tests.reading.drawing import Grey

READER = Reader(fakes.detector, fakes.classifier, fakes.SETTINGS)
RECOGNIZER = Recognizer(fakes.infer, READER)
SHOES = Symbols(classes=("sneaker", "ankle boot", *"abcdefgh"), fit="resize", polarity="dark")


@contextlib.contextmanager
def serving(created: FastAPI) -> Iterator[int]:
    """Serve ``created`` at a free port of this machine, which is returned."""
    with server.listen("127.0.0.1", 0) as opened:
        config = uvicorn.Config(created, log_level="critical", timeout_graceful_shutdown=1)
        served = uvicorn.Server(config)
        thread = threading.Thread(target=served.run, kwargs={"sockets": [opened]})
        thread.start()
        while not served.started:
            time.sleep(0.01)
        try:
            yield opened.getsockname()[1]
        finally:
            served.should_exit = True
            thread.join()


def create(
    recognizer: Recognizer = RECOGNIZER, hosts: tuple[str, ...] = ("127.0.0.1",), origins: tuple[str, ...] = ()
) -> FastAPI:
    return app.create(recognizer, hosts, origins, 1_000_000)


def ask(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any, http.client.HTTPMessage]:
    """Return the status of the answer, its content, decoded if it is JSON, and its headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if is_json else content, answer.headers


def png(image: Grey) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
