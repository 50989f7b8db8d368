"""Chunk files of a streamed view, fetched before they are needed and let go when they are not.

The order of an epoch is known in advance, so nothing is guessed: files come in the order of their first use, and a
    file whose last use is over is dropped at once, which no other choice could better. At any time the files of the
    group of chunks that is being shuffled together and of the next one are here or on their way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from .builder import BatchRows
from .order import EpochOrder
from .threads import DaemonPool
from .view import MaterialisedView

_AT_ONCE = 4
"""Files fetched side by side; large ones are themselves fetched in parts."""


@dataclass(frozen=True, slots=True)
class Use:
    """When a chunk file is needed: at positions from `start` to `stop` of the epoch."""

    block: int
    start: int
    stop: int


def uses(order: EpochOrder, worker: int = 0, workers: int = 1) -> list[Use]:
    """Every chunk file of an epoch, by first use.

    Each worker begins a group elsewhere, so that they fill the local cache together instead of fetching the same files.
    """
    found = []
    for start, stop, blocks in order.groups():
        first = len(blocks) * worker // workers
        found += [Use(block, start, stop) for block in blocks[first:] + blocks[:first]]
    return found


class Prefetched:
    """`batches`, with the files that each one needs on their way before it is given out.

    `close` lets all files go and cancels what has not begun; the end of the batches alone does not, since the last ones
    may still be read.

    Args:
        coming: the files of the epoch, see `uses`.
        ahead: batches that the caller may still be reading when it asks for the next one.
    """

    def __init__(
        self,
        view: MaterialisedView,
        order: EpochOrder,
        batches: Iterator[BatchRows],
        coming: list[Use],
        ahead: int = 0,
    ) -> None:
        self._view = view
        self._order = order
        self._batches = batches
        self._coming = deque(coming)
        self._here: deque[tuple[Use, Future[Any]]] = deque()
        self._under_way: deque[int] = deque(maxlen=ahead + 1)
        self._pool = DaemonPool(_AT_ONCE, "lakebed-prefetch")

    def __iter__(self) -> Prefetched:
        return self

    def __next__(self) -> BatchRows:
        batch = next(self._batches)
        first, last = int(batch.positions[0]), int(batch.positions[-1])
        self._under_way.append(first)
        while self._here and self._here[0][0].stop <= self._under_way[0]:
            self._release(*self._here.popleft())
        horizon = max(last, self._order.next_group(last))
        while self._coming and self._coming[0].start <= horizon:
            use = self._coming.popleft()
            if use.stop > first:
                self._here.append((use, self._pool.submit(self._view.file, use.block)))
        return batch

    def close(self) -> None:
        """Let all files go."""
        self._pool.close()
        while self._here:
            self._release(*self._here.popleft())

    def __del__(self) -> None:
        self.close()

    def _release(self, use: Use, future: Future[Any]) -> None:
        """Let a file go; one that is just being fetched for nobody goes when it arrives."""
        view = self._view
        if not future.cancel():
            future.add_done_callback(lambda _: view.forget(use.block))
        view.forget(use.block)
