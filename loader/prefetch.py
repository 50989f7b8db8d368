"""Chunk files of a streamed view, fetched before they are needed and let go when they are not.

The order of an epoch is known in advance, so nothing is guessed: files come in the order of their first use, and a
    file whose last use is over is dropped at once, which no other choice could better. At any time the files of the
    group of chunks that is being shuffled together and of the next one are here or on their way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .builder import BatchRows
from .order import EpochOrder
from .view import MaterialisedView

_AT_ONCE = 4
"""Files fetched side by side; large ones are themselves fetched in parts."""


@dataclass(frozen=True, slots=True)
class Use:
    """When a chunk file is needed: at positions from `start` to `stop` of the epoch."""

    block: int
    start: int
    stop: int


def uses(order: EpochOrder) -> list[Use]:
    """Every chunk file of an epoch, by first use."""
    return [Use(block, start, stop) for start, stop, blocks in order.groups() for block in blocks]


def prefetched(view: MaterialisedView, order: EpochOrder, batches: Iterator[BatchRows]) -> Iterator[BatchRows]:
    """`batches`, with the files that each one needs on their way before it is given out.

    Closing the iterator cancels what has not begun.
    """
    coming = deque(uses(order))
    here: deque[Use] = deque()
    executor = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lakebed-prefetch")
    try:
        for batch in batches:
            first, last = int(batch.positions[0]), int(batch.positions[-1])
            while here and here[0].stop <= first:
                view.forget(here.popleft().block)
            while coming and coming[0].start <= max(last, _horizon(order, last)):
                use = coming.popleft()
                if use.stop > first:
                    executor.submit(view.file, use.block)
                    here.append(use)
            yield batch
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for use in here:
            view.forget(use.block)


def _horizon(order: EpochOrder, position: int) -> int:
    """Start of the group after the one that `position` is in."""
    return order.next_group(position)
