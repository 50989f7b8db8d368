"""Slices handed out ahead of need, and their results taken back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from .work import Slice

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2
"""Slices under way or done for each worker: enough that none waits, few enough that results stay small in memory."""


def ordered(
    submit: Callable[[Slice], T], result: Callable[[T], R], slices: Iterable[Slice], window: int
) -> Iterator[R]:
    """Results in order, with at most `window` slices handed out and not yet taken back."""
    waiting: deque[T] = deque()
    for part in slices:
        if len(waiting) >= window:
            yield result(waiting.popleft())
        waiting.append(submit(part))
    while waiting:
        yield result(waiting.popleft())
