"""Taking turns on one machine: writers of a local folder queue for a moment, instead of all racing for one to win.

Only courtesy. Correctness comes from creating the log entry; a turn that cannot be had in time is done without.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from .base import Store
from .local import LocalStore

try:
    import fcntl

    _HERE = True
except ImportError:  # Windows: writers race, and the log decides
    _HERE = False

LONGEST = 0.5
"""Seconds to wait for a turn: a writer that was stopped while it had one holds nobody up for longer."""
_PAUSE = 0.002


@contextlib.contextmanager
def turn(store: Store) -> Iterator[None]:
    """Hold the turn of this folder, or go on without it after `LONGEST` seconds, or where there is none."""
    held = _take(store.url) if _HERE and isinstance(store, LocalStore) else None
    try:
        yield
    finally:
        if held is not None:
            fcntl.flock(held, fcntl.LOCK_UN)  # closing alone would leave it to a child that was forked meanwhile
            os.close(held)


def _take(root: str) -> int | None:
    try:
        held = os.open(os.path.join(root, "tmp", "turn"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:  # no folder yet, or no permission: the write itself will say so
        return None
    give_up = time.monotonic() + LONGEST
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > give_up:
                os.close(held)
                return None
            time.sleep(_PAUSE)
        else:
            return held
