"""Cells appended to single tensors, waiting until their row has a cell of every tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .indexing import RowArray


class StagedCells:
    """Queues of samples by tensor: ``ds.images.append(x); ds.labels.append(y)`` is one row when both are there.

    A tensor that was created when rows already stood fills those first, which is how a Deep Lake script adds a column.

    >>> staged = StagedCells()
    >>> staged.add("a", [1, 2]); staged.add("b", [3])
    >>> staged.take_whole(["a", "b"])
    ({'a': [1], 'b': [3]}, 1)
    >>> staged.waiting()
    {'a': 1}
    """

    def __init__(self) -> None:
        self._queues: dict[str, list[Any]] = {}
        self._next_empty: dict[str, int] = {}

    def created(self, tensor: str, rows: int) -> None:
        """Note that `tensor` was created when the dataset had `rows` rows."""
        if rows:
            self._next_empty[tensor] = 0

    def add(self, tensor: str, values: Sequence[Any]) -> None:
        """Put samples at the end of a tensor's queue."""
        self._queues.setdefault(tensor, []).extend(values)

    def take_fill(self, length: int) -> dict[str, tuple[RowArray, list[Any]]]:
        """Samples that belong into rows older than their tensor, with the rows they go to."""
        taken = {}
        for tensor, start in list(self._next_empty.items()):
            values = self._queues.get(tensor, [])[: max(0, length - start)]
            if values:
                del self._queues[tensor][: len(values)]
                self._next_empty[tensor] = start + len(values)
                taken[tensor] = (np.arange(start, start + len(values), dtype=np.int64), values)
            if self._next_empty[tensor] >= length:
                del self._next_empty[tensor]
        return taken

    def take_whole(self, tensors: Sequence[str]) -> tuple[dict[str, list[Any]], int]:
        """Samples of rows that are whole, and how many rows that are."""
        count = min((len(self._queues.get(name, ())) for name in tensors), default=0)
        taken = {name: self._queues[name][:count] for name in tensors} if count else {}
        for name in taken:
            del self._queues[name][:count]
        return taken, count

    def waiting(self) -> dict[str, int]:
        """Samples that wait, by tensor."""
        return {name: len(queue) for name, queue in self._queues.items() if queue}

    def popped(self, rows: Sequence[int]) -> None:
        """Note that rows were removed: those already filled below them are fewer now."""
        for tensor, start in self._next_empty.items():
            self._next_empty[tensor] = start - sum(row < start for row in rows)

    def fork(self) -> StagedCells:
        """A copy, to come back to when a transaction is rolled back."""
        twin = StagedCells()
        twin._queues = {name: list(queue) for name, queue in self._queues.items()}
        twin._next_empty = dict(self._next_empty)
        return twin

    def clear(self) -> None:
        """Forget everything that waits."""
        self._queues.clear()
        self._next_empty.clear()
