"""Memory for whole batches that is used again: touching fresh pages costs as much as decoding a small image.

A slot is handed out as an array; when the last view of it (array or tensor) is gone, it returns to the pool by
itself. A consumer that
keeps every batch simply makes the pool grow: nothing is ever overwritten while somebody can see it.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from typing import Any

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

_ALIGN = 64


class SlotPool:
    """Reusable private memory. Thread-safe; in another process it is a pool of that process's own."""

    def __init__(self, kept: int = 8) -> None:
        self._kept = kept
        self._free: list[Bytes] = []
        self._used: dict[int, tuple[Bytes, weakref.ref[Any]]] = {}
        # Collecting garbage may return a slot in the middle of `take` in the same thread.
        self._lock = threading.RLock()
        self.made = 0
        """Slots allocated so far: flat once the consumer's habits are known."""

    def __reduce__(self) -> tuple[type[SlotPool], tuple[int]]:
        return SlotPool, (self._kept,)

    def take(self, nbytes: int) -> Bytes:
        """`nbytes` of writable memory, uint8 (nbytes,), content undefined; give it back by forgetting it."""
        with self._lock:
            memory = self._fitting(nbytes)
            holder = (ctypes.c_char * len(memory)).from_buffer(memory.data)
            number = id(holder)
            self._used[number] = (memory, weakref.ref(holder, lambda _, n=number: self._give(n)))  # type: ignore[misc]  # mypy cannot infer lambdas with defaults
        return np.frombuffer(memoryview(holder), np.uint8)[:nbytes]

    @property
    def in_use(self) -> int:
        """Slots that somebody can still see."""
        return len(self._used)

    def _fitting(self, nbytes: int) -> Bytes:
        for i, memory in enumerate(self._free):
            if nbytes <= len(memory) <= 2 * nbytes + _ALIGN:
                return self._free.pop(i)
        self.made += 1
        return np.empty(max(_ALIGN, nbytes), np.uint8)  # NumPy asks for huge pages: a few faults instead of thousands

    def _give(self, number: int) -> None:
        with self._lock:
            memory, _ = self._used.pop(number)
            self._free.append(memory)
            if len(self._free) > self._kept:
                self._free.pop(0)
