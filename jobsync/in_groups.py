"""What several threads want at once is done in one go, by one of them, for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Wish(Generic[Asked, Answer]):
    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answers: list[Answer] = []
        self.error: Exception | None = None


class InGroups(Generic[Asked, Answer]):
    """Carries out wishes of several threads, as many at a time as have gathered.

    *carry_out* is given at most *most* of them, in the order in which they came, and returns an
    answer to each; it is called by one thread at a time. Wishes that come meanwhile wait for the
    next call. So a thread that is alone waits for nobody, and none is answered from what was begun
    before it asked.
    """

    def __init__(
        self, carry_out: Callable[[Sequence[Asked]], Sequence[Answer]], most: int = 1_000
    ) -> None:
        self._carry_out = carry_out
        self._most = most
        self._waiting: list[_Wish[Asked, Answer]] = []
        self._is_busy = False
        self._news = threading.Condition()

    def ask(self, asked: Asked) -> Answer:
        """The answer to *asked*. Raises what *carry_out* raises, as for all of the same group."""
        mine: _Wish[Asked, Answer] = _Wish(asked)
        with self._news:
            self._waiting.append(mine)
            while not mine.answers and mine.error is None:
                if self._is_busy:
                    self._news.wait()
                else:
                    self._serve()
        if mine.error is not None:
            raise mine.error
        return mine.answers[0]

    def _serve(self) -> None:
        """Carry out what has gathered; others may add to it meanwhile."""
        group = self._waiting[: self._most]
        del self._waiting[: self._most]
        self._is_busy = True
        self._news.release()
        try:
            answers = self._carry_out([wish.asked for wish in group])
            for wish, answer in zip(group, answers, strict=True):
                wish.answers.append(answer)
        except Exception as error:
            for wish in group:
                wish.error = error
        except BaseException:  # Ctrl-C ends the thread that it came to; the others ask themselves
            self._waiting[:0] = group
            raise
        finally:
            self._news.acquire()
            self._is_busy = False
            self._news.notify_all()
