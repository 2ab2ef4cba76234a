import asyncio
from typing import Any

import pytest

from digits.core.errors import InputError
from digits.reading.recognizer import Recognizer
from digits.web.queue import TOGETHER, Queue
from tests.reading import fakes
from tests.reading.drawing import draw
from tests.web.serving import RECOGNIZER, png

IMAGES = [png(draw(text)) for text in ("0", "1", "10")]


class Counting(Recognizer):
    """Counts how many images are read together."""

    def __init__(self) -> None:
        super().__init__(fakes.infer, RECOGNIZER.reader)
        self.counts: list[int] = []

    def read_all(self, sources: Any) -> Any:
        images = list(sources)
        self.counts.append(len(images))
        return super().read_all(images)


def test_images_that_wait_are_read_together_and_each_gets_its_own_reading() -> None:
    recognizer = Counting()

    async def main() -> list[str]:
        queue = Queue(recognizer)
        readings = await asyncio.gather(*(queue.read(IMAGES[number % 3]) for number in range(50)))
        return [each.text for each in readings]

    assert asyncio.run(main()) == [("0", "1", "10")[number % 3] for number in range(50)]
    assert sum(recognizer.counts) == 50
    assert TOGETHER >= max(recognizer.counts) > 1


def test_what_cannot_be_read_does_not_disturb_the_others() -> None:
    async def main() -> list[Any]:
        queue = Queue(RECOGNIZER)
        images = [IMAGES[0], b"no image", IMAGES[1]]
        return await asyncio.gather(*map(queue.read, images), return_exceptions=True)

    first, error, last = asyncio.run(main())
    assert (first.text, last.text) == ("0", "1")
    assert isinstance(error, InputError)


def test_nobody_waits_for_an_image_that_was_given_up() -> None:
    recognizer = Counting()

    async def main() -> str:
        queue = Queue(recognizer)
        tasks = [asyncio.create_task(queue.read(IMAGES[0])) for _ in range(5)]
        await asyncio.sleep(0)
        for task in tasks[1:]:
            task.cancel()
        return (await queue.read(IMAGES[2])).text

    assert asyncio.run(main()) == "10"
    assert sum(recognizer.counts) < 6


def test_a_mistake_in_the_reader_leaves_nobody_waiting() -> None:
    class Broken(Counting):
        def read_all(self, sources: Any) -> Any:
            raise ZeroDivisionError

    async def main() -> None:
        await asyncio.wait_for(Queue(Broken()).read(IMAGES[0]), 10)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
