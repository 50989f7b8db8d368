"""One thread at a time: a lock that a forked child finds free, and methods that hold their object's."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class ForkSafeLock:
    """A lock that its holder may take again. A child is forked without the other threads, so nobody holds it there."""

    def __init__(self) -> None:
        self._lock = RLock()
        _LOCKS.add(self)

    def renew(self) -> None:
        self._lock = RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # taken before this process was forked
            self._lock.release()


_LOCKS: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()


def _renew_all() -> None:
    for lock in list(_LOCKS):
        lock.renew()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_all)


class Locked(Protocol):
    """What has methods that are `exclusive`."""

    lock: ForkSafeLock


S = TypeVar("S", bound=Locked)


def exclusive(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """The method, run by one thread at a time of those that share its object."""

    @wraps(method)
    def held(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return method(self, *args, **kwargs)

    return held
