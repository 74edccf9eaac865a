"""Runs blocking model code beside an event loop."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def iterate_in_thread(
    make: Callable[[threading.Event], Iterator[T]], ahead: int = 4
) -> AsyncGenerator[T]:
    """Yields what a blocking iterator makes, without blocking the event loop.

    The iterator runs in a thread of its own and is at most `ahead` items in front of its reader. When the
    reader stops or is cancelled, the event given to `make` is set and the thread ends at its next item.

    Args:
        make: Makes the iterator; long items should look at the event themselves.
        ahead: Bound on finished items that wait.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[T | _End] = asyncio.Queue()
    room = threading.Semaphore(ahead)
    stopped = threading.Event()

    def put(item: "T | _End") -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def work() -> None:
        try:
            for item in make(stopped):
                room.acquire()
                if stopped.is_set():
                    break
                put(item)
            put(_End(None))
        except BaseException as error:
            put(_End(error))

    # The context carries the current span over, so that spans of the model hang where they belong.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), daemon=True, name="iterate_in_thread")
    thread.start()
    try:
        while True:
            item = await queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            room.release()
            yield item
    finally:
        stopped.set()
        room.release()


async def until(items: AsyncGenerator[T], stop: "asyncio.Future[Any]") -> AsyncGenerator[T]:
    """Yields items until a future is done, also while the next one is awaited; closes the iterator.

    The iterator runs in a task of its own, one item ahead, so that its context variables stay its own.
    """
    queue: asyncio.Queue[T | _End] = asyncio.Queue(1)

    async def pump() -> None:
        try:
            async with aclosing(items):
                async for item in items:
                    await queue.put(item)
            await queue.put(_End(None))
        except Exception as error:
            await queue.put(_End(error))

    pumping = asyncio.create_task(pump())
    try:
        while not stop.done():
            step = asyncio.ensure_future(queue.get())
            try:
                await asyncio.wait({step, stop}, return_when=asyncio.FIRST_COMPLETED)
                if not step.done():
                    return
            finally:
                # Without effect on one that is done.
                step.cancel()
            found = step.result()
            if isinstance(found, _End):
                if found.error is not None:
                    raise found.error
                return
            yield found
    finally:
        pumping.cancel()
        with suppress(asyncio.CancelledError):
            await pumping


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
