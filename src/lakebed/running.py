"""Runs work in a thread so that Ctrl-C can cancel it: DuckDB looks at no signal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from .errors import LakebedError

T = TypeVar("T")

GRACE = 2.0
"""Seconds that cancelled work is given to stop before it is left to itself."""
STEP = 0.05

_LEFT: list[threading.Thread] = []
"""Cancelled work that had not stopped when its time was over."""


class Cancelled(LakebedError):
    """The user pressed Ctrl-C.

    `left_running` says that the work did not stop in time; it goes on unseen and its result is dropped.
    """

    default_kind = "cancelled"

    def __init__(self, left_running: bool) -> None:
        super().__init__("cancelled", hint="it is still ending in the background" if left_running else "")
        self.left_running = left_running


def run_cancellable(work: Callable[[], T], interrupt: Callable[[threading.Thread], Any], grace: float = GRACE) -> T:
    """What `work` returns or raises; meanwhile the calling thread only waits, so a signal reaches it.

    Args:
        interrupt: asks the work of a thread to stop; called again and again until it has, or `grace` seconds are over,
            because it may be between two steps that can be interrupted.

    Raises:
        Cancelled: a KeyboardInterrupt came while waiting.
    """
    outcome: list[tuple[bool, Any]] = []
    done = threading.Event()

    def target() -> None:
        try:
            outcome.append((True, work()))
        except BaseException as error:  # handed to the waiting thread, whatever it is
            outcome.append((False, error))
        finally:
            done.set()

    _LEFT[:] = [left for left in _LEFT if left.is_alive()]
    thread = threading.Thread(target=target, name="lakebed work", daemon=True)
    try:
        thread.start()
        # A wait without timeout cannot be interrupted on Windows.
        while not done.wait(STEP):
            pass
    except KeyboardInterrupt:
        stopped = _stop(done, lambda: interrupt(thread), grace)
        if not stopped:
            _LEFT.append(thread)
        raise Cancelled(left_running=not stopped) from None
    succeeded, value = outcome[0]
    if succeeded:
        result: T = value
        return result
    raise value


def wait_for_left(interrupt: Callable[[threading.Thread], Any], grace: float = GRACE) -> None:
    """At the end of the process: give cancelled work that is still running a last chance to stop."""
    end = time.monotonic() + grace
    for thread in _LEFT:
        while thread.is_alive() and time.monotonic() < end:
            interrupt(thread)
            thread.join(STEP)


def _stop(done: threading.Event, interrupt: Callable[[], Any], grace: float) -> bool:
    """Whether the work ended in time; a second Ctrl-C waits no longer."""
    end = time.monotonic() + grace
    try:
        while not done.is_set() and time.monotonic() < end:
            interrupt()
            done.wait(STEP)
    except KeyboardInterrupt:
        return done.is_set()
    return done.is_set()
