"""The application, served for tests by a thread of this process."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2

from digits.core.task import Task
from digits.reading.recognizer import DigitRecognizer, Reader, Recognizer
from digits.web import app, server
from tests.reading import fakes
from tests.reading.drawing import Grey

READER = Reader(fakes.detector, fakes.classifier, fakes.SETTINGS)
RECOGNIZER = DigitRecognizer(fakes.infer, READER)
SHOES = Task(classes=("sneaker", "ankle boot", *"abcdefgh"), fit="resize", polarity="dark")


@contextlib.contextmanager
def serving(recognizer: Recognizer = RECOGNIZER, origins: Sequence[str] = ("https://example.org",)) -> Iterator[int]:
    """Serve the application, with a limit of 1 MB and one other site, and yield its port."""
    created = app.create(recognizer, ["me.local"], origins, 1_000_000)
    with server.listen("127.0.0.1", 0) as opened:
        served = server.configure(created)
        thread = threading.Thread(target=served.run, kwargs={"sockets": [opened]})
        thread.start()
        while not served.started:
            time.sleep(0.01)
        try:
            yield opened.getsockname()[1]
        finally:
            served.should_exit = True
            thread.join()


def ask(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any, http.client.HTTPMessage]:
    """Return the status of the answer, its content, decoded if it is JSON, and its headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if is_json and content else content, answer.headers


@contextlib.contextmanager
def begun(port: int, *headers: str, target: str = "POST /read") -> Iterator[socket.socket]:
    """Send the head of a request, and yield the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join([f"{target} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode())
        yield connection


def png(image: Grey) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
