"""The order of an epoch: a pure function of (seed, epoch), the same for any number of workers, ranks and threads.

Blocks of stored rows (chunks of a materialised view) are permuted and cut into groups of `window` blocks; the rows of a
group are permuted together. A position is found without replaying the ones before it. The random bits are raw
Philox output and the permutations are stable sorts of them, so the order does not depend on the version of NumPy.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Ints = np.ndarray[Any, np.dtype[np.int64]]

GROUP_ROWS = 1 << 22
"""A group of a full shuffle holds at most about this many rows, so that its permutation takes less than a second."""
_KEPT_GROUPS = 3


@dataclass(frozen=True, slots=True)
class ShuffleSpec:
    """How an epoch is ordered.

    Attributes:
        shuffle: False keeps the rows in their own order.
        seed: any integer of 64 bits.
        window: blocks that are mixed together; 0 mixes everything (up to `GROUP_ROWS` rows at a time).
    """

    shuffle: bool = False
    seed: int = 0
    window: int = 0


def permutation(count: int, seed: int, epoch: int, stream: int) -> Ints:
    """The numbers 0 to count-1 in an order fixed by the other arguments, int64 (count,)."""
    key = np.array([seed % 2**64, (epoch % 2**32) << 32 | stream % 2**32], dtype=np.uint64)
    bits = np.random.Philox(key=key).random_raw(count)
    return np.argsort(bits, kind="stable").astype(np.int64, copy=False)


def random_bits(count: int, seed: int, epoch: int, stream: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """`count` random uint64 fixed by the other arguments."""
    key = np.array([seed % 2**64, (epoch % 2**32) << 32 | stream % 2**32], dtype=np.uint64)
    return np.asarray(np.random.Philox(key=key).random_raw(count), dtype=np.uint64)


class EpochOrder:
    """Positions of one epoch to stored row numbers.

    Args:
        lengths: rows of each block, in stored order; one block for a source without blocks.
        spec: how to shuffle.
        epoch: number of the epoch, from 0.

    >>> order = EpochOrder([4], ShuffleSpec(shuffle=True, seed=1), epoch=0)
    >>> sorted(order.rows(0, 4).tolist())
    [0, 1, 2, 3]
    """

    def __init__(self, lengths: Ints | list[int], spec: ShuffleSpec, epoch: int) -> None:
        blocks = np.asarray(lengths, dtype=np.int64)
        self._spec = spec
        self._epoch = epoch
        self._first = np.concatenate([[0], np.cumsum(blocks)])
        self._blocks = blocks
        self._perms: OrderedDict[int, Ints] = OrderedDict()
        if spec.shuffle:
            self._plan_groups()

    def __len__(self) -> int:
        return int(self._first[-1])

    def rows(self, start: int, stop: int) -> Ints:
        """Stored rows at positions `start` to `stop`, int64; 0 <= start <= stop <= len."""
        if not self._spec.shuffle:
            return np.arange(start, stop, dtype=np.int64)
        parts = []
        group = int(np.searchsorted(self._group_start, start, side="right")) - 1
        while start < stop:
            begin, end = int(self._group_start[group]), int(self._group_start[group + 1])
            parts.append(self._group(group)[start - begin : min(stop, end) - begin])
            start = max(start, min(stop, end))
            group += 1
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def groups(self) -> Iterator[tuple[int, int, list[int]]]:
        """(first position, end, blocks) of each stretch of the epoch that reads a set of blocks of its own."""
        if not self._spec.shuffle:
            for block, (start, stop) in enumerate(pairwise(self._first.tolist())):
                yield start, stop, [block]
            return
        for group, (start, stop) in enumerate(pairwise(self._group_start.tolist())):
            border = slice(self._group_border[group], self._group_border[group + 1])
            yield start, stop, self._block_order[border].tolist()

    def next_group(self, position: int) -> int:
        """First position of the stretch after the one that `position` is in; the end of the epoch if it is the last."""
        starts = self._group_start if self._spec.shuffle else self._first
        return int(starts[min(len(starts) - 1, int(np.searchsorted(starts, position, side="right")))])

    def _plan_groups(self) -> None:
        count = len(self._blocks)
        self._block_order = permutation(count, self._spec.seed, self._epoch, 0)
        ordered = self._blocks[self._block_order]
        self._group_border = _group_borders(ordered, self._spec, self._epoch)
        self._group_start = np.concatenate([[0], np.cumsum(ordered)])[self._group_border]

    def _group(self, number: int) -> Ints:
        """All rows of a group, mixed; the newest few are kept, since neighbours ask for the same ones."""
        held = self._perms.get(number)
        if held is None:
            chosen = self._block_order[self._group_border[number] : self._group_border[number + 1]]
            rows = np.concatenate([np.arange(self._first[b], self._first[b + 1]) for b in chosen])
            held = rows[permutation(len(rows), self._spec.seed, self._epoch, number + 1)]
            self._perms[number] = held
            if len(self._perms) > _KEPT_GROUPS:
                self._perms.popitem(last=False)
        return held


def _group_borders(ordered: Ints, spec: ShuffleSpec, epoch: int) -> Ints:
    """Where groups begin and end among the permuted blocks; the first is of random size, so that borders move."""
    count = len(ordered)
    window = spec.window or _full_window(ordered)
    if window >= count:
        return np.array([0, count], dtype=np.int64)
    first = 1 + int(random_bits(1, spec.seed, epoch, 2**32 - 1)[0] % np.uint64(window))
    return np.array([0, *range(first, count, window), count], dtype=np.int64)


def _full_window(ordered: Ints) -> int:
    rows = int(ordered.sum())
    return len(ordered) if rows <= GROUP_ROWS else max(1, len(ordered) * GROUP_ROWS // rows)
