"""Lets work of several threads be done together, without waiting for more to come."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Together(Generic[Question, Answer]):
    """Answers questions in batches: while one is worked on, the next one gathers."""

    def __init__(self, work: Callable[[Sequence[Question]], Sequence[Answer]], most: int) -> None:
        """Takes the work, which gives an answer for each question, and how many it may be given."""
        self._work, self._most = work, most
        self._waiting: deque[tuple[Question, Future[Answer]]] = deque()
        self._turn = threading.Lock()

    def __call__(self, question: Question) -> Answer:
        """Asks, and blocks until there is an answer; raises what the work raised."""
        answer: Future[Answer] = Future()
        self._waiting.append((question, answer))
        with self._turn:
            # Whoever has the turn works for all that wait, oldest first, until its own answer is there.
            while not answer.done():
                self._answer([self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))])
        return answer.result()

    def _answer(self, taken: Sequence[tuple[Question, "Future[Answer]"]]) -> None:
        try:
            answers = self._work([question for question, _ in taken])
        except BaseException as error:
            for _, future in taken:
                future.set_exception(error)
        else:
            for (_, future), answer in zip(taken, answers, strict=True):
                future.set_result(answer)
