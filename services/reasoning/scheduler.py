"""Continuous batching: all calls advance together, one pass of the network at a time.

A call is a generator that says what it wants read next and gets the hidden states and scores of it. The
scheduler gathers the wishes of all calls into one pass: the weights are fetched from memory once for all of
them, which is most of what writing a token costs. Newcomers join between two passes and the finished leave
(iteration-level scheduling: Yu et al. 2022, Orca); long texts are read in chunks beside the tokens that
others write, so that nobody waits long (Agrawal et al. 2023, Sarathi).
"""

import queue
import threading
from collections.abc import Generator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from services.reasoning.model import Llama, Span

_CHUNK = 64
"""Most rows of reading in one pass. Where a text is cut depends on nothing else, so neither do results."""


@dataclass(frozen=True)
class Read:
    """What a call wants read."""

    span: Span
    scored: tuple[int, ...] = ()
    """Rows after which the next token is to be foretold, in ascending order."""


@dataclass(frozen=True)
class Rows:
    """What came of it."""

    hidden: Tensor
    """(N, D): last hidden states."""
    logits: Tensor
    """(scored rows, vocabulary)."""


T = TypeVar("T")
Task = Generator[Read | None, Rows, T]
"""The work of a call; `None` waits for another call's progress, and gets no rows."""

_NOTHING = Rows(torch.empty(0), torch.empty(0))


class Scheduler:
    """Runs tasks in a thread of its own."""

    def __init__(self, model: Llama, most: int) -> None:
        """Starts the thread.

        Args:
            model: The network.
            most: Tasks that advance together; further ones wait in line.
        """
        self._model = model
        self._most = most
        self._jobs: list[_Job] = []
        self._newcomers: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="reasoning")
        self._thread.start()

    def submit(self, task: Task[T]) -> "Future[T]":
        """Runs a task. Cancelling the future closes it before the next pass."""
        future: Future[T] = Future()
        self._newcomers.put(_Job(task, future))
        return future

    def stop(self) -> None:
        """Gives up what is under way, and ends the thread."""
        self._stopped.set()
        self._newcomers.put(None)  # wakes it
        self._thread.join()

    @torch.inference_mode()
    def _run(self) -> None:
        while self._admit():
            for job in self._jobs:
                if job.wish is None or job.future.cancelled():
                    job.go_on(_NOTHING)
            batch = self._pick()
            if batch:
                try:
                    self._pass(batch)
                except Exception as error:
                    for job in batch:
                        job.fail(error)
            self._jobs = [job for job in self._jobs if not job.done]
        waiting: list[_Job | None] = list(self._jobs)
        while not self._newcomers.empty():
            waiting.append(self._newcomers.get())
        for given_up in waiting:
            if given_up is not None:
                given_up.future.cancel()
                given_up.go_on(_NOTHING)

    def _admit(self) -> bool:
        """Lets newcomers in, waiting if there is nothing else to do; false at the end."""
        while len(self._jobs) < self._most:
            try:
                job = self._newcomers.get(block=not self._jobs)
            except queue.Empty:
                break
            if job is None:
                break
            job.start()
            if not job.done:
                self._jobs.append(job)
        return not self._stopped.is_set()

    def _pick(self) -> list["_Job"]:
        """Who takes part in the next pass: all who write, and as many readers as there is room for."""
        room = _CHUNK
        batch = []
        for job in self._jobs:
            rows = job.next_rows
            if rows > 1:
                if rows > room:
                    continue
                room -= rows
            if rows:
                batch.append(job)
        # Who had to stand back is first next time.
        self._jobs = [job for job in self._jobs if job not in batch] + batch
        return batch

    def _pass(self, batch: list["_Job"]) -> None:
        chunks = [job.chunk() for job in batch]
        sizes = [len(chunk.span.tokens) for chunk in chunks]
        hidden = torch.split(self._model.read([chunk.span for chunk in chunks]), sizes)
        pairs = zip(hidden, chunks, strict=True)
        scored = [states[list(chunk.scored)] for states, chunk in pairs if chunk.scored]
        logits = self._model.logits(torch.cat(scored)) if scored else torch.empty(0, 0)
        each = torch.split(logits, [len(chunk.scored) for chunk in chunks])
        for job, states, scores in zip(batch, hidden, each, strict=True):
            job.take(Rows(states, scores))


class _Job:
    """A task under way."""

    def __init__(self, task: Task[Any], future: "Future[Any]") -> None:
        self._task = task
        self.future = future
        self.wish: Read | None = None
        self.done = False
        self._taken: list[Rows] = []
        self._read = 0

    @property
    def next_rows(self) -> int:
        """Rows of its next chunk."""
        return 0 if self.wish is None or self.done else min(len(self.wish.span.tokens) - self._read, _CHUNK)

    def start(self) -> None:
        """Runs to its first wish."""
        self._advance(None)

    def go_on(self, rows: Rows) -> None:
        """Runs to its next wish, or to its end."""
        self._advance(rows)

    def chunk(self) -> Read:
        """The next rows of what it wants."""
        assert self.wish is not None
        span, a = self.wish.span, self._read
        b = a + self.next_rows
        if a == 0 and b == len(span.tokens):
            return self.wish
        cut = replace(
            span,
            tokens=span.tokens[a:b],
            start=span.start + a,
            positions=None if span.positions is None else span.positions[a:b],
            mask=None if span.mask is None else span.mask[a:b, : span.start + b],
        )
        return Read(cut, tuple(row - a for row in self.wish.scored if a <= row < b))

    def take(self, rows: Rows) -> None:
        """Takes what came of the chunk; goes on if it was the last."""
        assert self.wish is not None
        self._taken.append(rows)
        self._read += len(rows.hidden)
        if self._read < len(self.wish.span.tokens):
            return
        if len(self._taken) > 1:
            logits = [taken.logits for taken in self._taken if len(taken.logits)]
            rows = Rows(
                torch.cat([taken.hidden for taken in self._taken]),
                torch.cat(logits) if logits else rows.logits,
            )
        self.go_on(rows)

    def fail(self, error: Exception) -> None:
        """Ends it with an error."""
        self.done = True
        self._task.close()
        with suppress(InvalidStateError):  # it was cancelled
            self.future.set_exception(error)

    def _advance(self, rows: Rows | None) -> None:
        self._taken, self._read = [], 0
        try:
            if self.future.cancelled():
                self._task.close()
                self.done = True
            else:
                self.wish = next(self._task) if rows is None else self._task.send(rows)
        except StopIteration as end:
            self.done = True
            with suppress(InvalidStateError):
                self.future.set_result(end.value)
        except Exception as error:
            self.fail(error)
