import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from runtime.aio import iterate_in_thread, until


async def test_items_come_in_order_while_the_loop_stays_free() -> None:
    def slow(stopped: threading.Event) -> Iterator[int]:
        for item in range(3):
            time.sleep(0.05)
            yield item

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    assert [item async for item in iterate_in_thread(slow)] == [0, 1, 2]
    ticking.cancel()
    assert ticks > 5


async def test_an_error_comes_through() -> None:
    def broken(stopped: threading.Event) -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    items = iterate_in_thread(broken)
    assert await anext(items) == 1
    with pytest.raises(ValueError, match="no more"):
        await anext(items)


async def test_it_never_runs_far_ahead_of_its_reader() -> None:
    made = []

    def fast(stopped: threading.Event) -> Iterator[int]:
        for item in range(100):
            made.append(item)
            yield item

    async with aclosing(iterate_in_thread(fast, ahead=2)) as items:
        await anext(items)
        await asyncio.sleep(0.1)
        assert len(made) <= 5


async def test_a_reader_who_leaves_stops_the_thread() -> None:
    ended = threading.Event()

    def endless(stopped: threading.Event) -> Iterator[int]:
        try:
            while not stopped.is_set():
                time.sleep(0.01)
                yield 1
        finally:
            ended.set()

    async with aclosing(iterate_in_thread(endless)) as items:
        await anext(items)
    assert await asyncio.to_thread(ended.wait, 2)


async def test_a_reader_that_is_cancelled_leaves_no_task_behind():
    async def silent():
        await asyncio.Event().wait()
        yield 0

    async def read():
        async with aclosing(until(silent(), asyncio.get_running_loop().create_future())) as items:
            return [item async for item in items]

    others = asyncio.all_tasks()
    reader = asyncio.create_task(read())
    await asyncio.sleep(0.01)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == others
