"""The plan of an epoch on one rank: which rows make up which batch."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeGuard

import numpy as np

from ..storage.source import SampleSource
from .builder import BatchRows
from .order import EpochOrder, ShuffleSpec
from .shards import ShardPlan, Tail
from .view import MaterialisedView

Ints = np.ndarray[Any, np.dtype[np.int64]]


class Batches(Protocol):
    """An iterator of batches that can be closed."""

    def __iter__(self) -> Iterator[BatchRows]: ...

    def __next__(self) -> BatchRows: ...

    def close(self) -> None:
        """Let go of what is held for batches to come."""


@dataclass(frozen=True)
class EpochPlan:
    """Batches of `rank` in epoch `epoch`, from position `start` on."""

    source: SampleSource
    shuffle: ShuffleSpec
    batch_size: int
    tail: Tail
    rank: int
    world: int
    epoch: int
    start: int = 0

    @cached_property
    def shards(self) -> ShardPlan:
        return ShardPlan(len(self.source), self.batch_size, self.world, self.tail, self.start)

    @cached_property
    def order(self) -> EpochOrder:
        return EpochOrder(block_rows(self.source), self.shuffle, self.epoch)

    def batches(self, worker: int = 0, workers: int = 1, ahead: int = 0) -> Batches:
        """The batches that one worker builds, in order; the caller has up to `ahead` of them under way at once."""
        batches = self._batches(worker, workers)
        if is_remote(self.source) and self._in_stored_order:
            from .prefetch import Prefetched, uses

            coming = uses(self.order, worker, max(1, workers))
            return Prefetched(self.source, self.order, batches, coming, ahead)
        return batches

    def _batches(self, worker: int, workers: int) -> Generator[BatchRows, None, None]:
        for step, low, high in self.shards.mine(self.rank, worker, workers):
            positions = np.arange(low, high, dtype=np.int64) % max(1, len(self.source))
            padding = min(high - low, max(0, high - len(self.source)))
            yield BatchRows(self.shuffle.seed, self.epoch, step, positions, self.rows(low, high), padding)

    @property
    def _in_stored_order(self) -> bool:
        """Whether positions go through chunk files one group after the other."""
        return self.shuffle.shuffle or self._stored_as_viewed

    @cached_property
    def _stored_as_viewed(self) -> bool:
        return isinstance(self.source, MaterialisedView) and self.source.index.options["order"] == "view"

    def rows(self, low: int, high: int) -> Ints:
        """Source rows at positions of the epoch; positions past the end start again at the first."""
        count = len(self.source)
        parts = []
        while low < high:
            start = low % count
            stop = min(count, start + high - low)
            parts.append(self.order.rows(start, stop))
            low += stop - start
        stored = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        if self.shuffle.shuffle and isinstance(self.source, MaterialisedView):
            return self.source.stored_to_view(stored)
        return stored


def is_remote(source: SampleSource) -> TypeGuard[MaterialisedView]:
    """Whether rows lie in files that must be brought here first."""
    return isinstance(source, MaterialisedView) and source.store.url.startswith("s3://")


def block_rows(source: SampleSource) -> Ints:
    """Lengths of the blocks that shuffling goes by: chunk files, or the whole source."""
    if isinstance(source, MaterialisedView):
        return source.block_rows
    return np.array([len(source)], dtype=np.int64)
