"""Read images that arrive at the same time together."""

import asyncio
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from digits.core.errors import InputError
from digits.reading.reading import Reading
from digits.reading.recognizer import Recognizer

# At most this many images are read together, so that the first one does not wait for long.
TOGETHER = 16


class Queue:
    """Images that wait to be read, in the order of their arrival."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer, self.thread = recognizer, ThreadPoolExecutor(1)
        self.waiting: deque[tuple[bytes, Future[Reading]]] = deque()

    async def read(self, image: bytes) -> Reading:
        """Read an image file's bytes. Raises InputError if they are none."""
        future: Future[Reading] = Future()
        self.waiting.append((image, future))
        self.thread.submit(self._read_waiting)
        return await asyncio.wrap_future(future)

    def _read_waiting(self) -> None:
        # Called once for each image; the first call may leave nothing for the others.
        taken = [self.waiting.popleft() for _ in range(min(TOGETHER, len(self.waiting)))]
        started = deque[Future[Reading]]()

        def images() -> Iterator[bytes]:
            for image, future in taken:
                # Nobody waits any longer for those that were cancelled.
                if future.set_running_or_notify_cancel():
                    started.append(future)
                    yield image

        try:
            for reading in self.recognizer.read_all(images()):
                future = started.popleft()
                if isinstance(reading, InputError):
                    future.set_exception(reading)
                else:
                    future.set_result(reading)
        except Exception as error:  # A mistake in the reader, for which nobody must wait.
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
