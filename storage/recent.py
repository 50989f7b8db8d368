"""A few things kept by key: what was not used for longest goes first. Threads may share one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from .exclusive import ForkSafeLock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `most` values.

    >>> squares = Recent(2)
    >>> [squares.get(n, lambda: n * n) for n in (2, 3, 2, 4)], 3 in squares
    ([4, 9, 4, 16], False)
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: OrderedDict[K, V] = OrderedDict()
        self._lock = ForkSafeLock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of `key`, made if it is not held. Two threads may both make it; one of theirs is kept."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        return self.put(key, make())

    def put(self, key: K, value: V) -> V:
        """Hold `value`, unless there is one; returns the one that is held."""
        with self._lock:
            found = self._held.setdefault(key, value)
            self._held.move_to_end(key)
            while len(self._held) > self.most:
                self._held.popitem(last=False)
            return found

    def keep(self, wanted: Callable[[K], bool]) -> None:
        """Let go of all others."""
        with self._lock:
            for key in [key for key in self._held if not wanted(key)]:
                del self._held[key]

    def __contains__(self, key: K) -> bool:
        return key in self._held
