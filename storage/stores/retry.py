"""Trying again after a passing fault, with growing random pauses so that many clients do not return at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

ATTEMPTS = 6
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


def pauses(attempts: int = ATTEMPTS) -> Iterator[float]:
    """Seconds to wait after each failed attempt; the last attempt is not followed by a pause (0)."""
    for attempt in range(attempts - 1):
        yield min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt) * (0.5 + random.random())
    yield 0.0


def retrying(
    call: Callable[[], T],
    passing: Callable[[Exception], bool],
    attempts: int = ATTEMPTS,
    within: float = float("inf"),
) -> T:
    """The result of `call`, repeated while it raises errors that `passing` says may go away.

    No attempt begins later than `within` seconds after the first. Raises whatever the last attempt raised.
    """
    began = time.monotonic()
    waits = list(pauses(attempts))
    for wait in waits[:-1]:
        try:
            return call()
        except Exception as error:
            if not passing(error) or time.monotonic() - began > within:
                raise
        time.sleep(wait)
    return call()
