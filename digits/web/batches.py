"""Read images that arrive at the same time in one batch: small ones then take half the processor time."""

import asyncio
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from digits.core.errors import InputError
from digits.reading.reading import Reading
from digits.reading.recognizer import Recognizer

# At most this many images are read together, so that the first one does not wait for long.
SIZE = 16


class Batches:
    """Reads images in the order of their arrival, one batch at a time, which bounds the memory."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer, self.thread = recognizer, ThreadPoolExecutor(1)
        self.waiting: deque[tuple[bytes, Future[Reading | InputError]]] = deque()

    async def read(self, image: bytes) -> Reading | InputError:
        """Read an image file's bytes. Returns the error if they are not an image."""
        future = Future[Reading | InputError]()
        self.waiting.append((image, future))
        self.thread.submit(self._read_waiting)
        return await asyncio.wrap_future(future)

    def _read_waiting(self) -> None:
        # This is called once for each image; the first call may leave nothing for the others.
        taken = [self.waiting.popleft() for _ in range(min(SIZE, len(self.waiting)))]
        # Without those whose request was given up.
        batch = [(image, future) for image, future in taken if future.set_running_or_notify_cancel()]
        readings = self.recognizer.read_all(image for image, _ in batch)
        for (_, future), reading in zip(batch, readings, strict=True):
            future.set_result(reading)
