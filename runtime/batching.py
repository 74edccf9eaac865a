"""Work of many sessions done together: a GPU takes sixteen pictures nearly as fast as one."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class Batcher(Generic[In, Out]):
    """Runs what several threads ask for at the same time as one batch."""

    def __init__(self, run: Callable[[list[In]], Sequence[Out]], most: int, name: str) -> None:
        """Starts the thread that works.

        Args:
            run: Does a batch; as many results as items, in order.
            most: Largest batch.
            name: Of the thread.
        """
        self._run, self._most = run, most
        self._waiting: queue.SimpleQueue[tuple[In, Future[Out]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def all(self, items: Sequence[In]) -> list[Out]:
        """Does some items, along with those of others, and waits for them."""
        return [future.result() for future in [self.submit(item) for item in items]]

    def submit(self, item: In) -> "Future[Out]":
        """Does an item, along with those of others, while the caller goes on."""
        future: Future[Out] = Future()
        self._waiting.put((item, future))
        return future

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < self._most and not self._waiting.empty():
                batch.append(self._waiting.get())
            try:
                results = self._run([item for item, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    future.set_result(result)
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
