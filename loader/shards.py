"""Who gets which positions of an epoch: global batches in order, each cut into one share per rank.

Pure arithmetic without state, so that any step of any rank is found directly. Worker processes take whole batches in
turn, and torch hands them out in turn, so the number of workers changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..storage.errors import InvalidInputError

Tail = Literal["balanced", "drop", "pad"]


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """The steps that are left of an epoch, equally many for every rank.

    Attributes:
        rows: length of the epoch.
        batch: rows of a full batch on one rank.
        world: number of ranks.
        tail: what happens to the rows that fill no global batch. ``"balanced"``: they are shared out, so that every row
            comes exactly once and the shares of a step differ by at most one row. ``"drop"``: they are left out.
            ``"pad"``: the epoch's first rows are repeated until the batch is full, and samples carry "valid".
        start: positions already used up in this epoch.

    >>> plan = ShardPlan(rows=10, batch=2, world=2)
    >>> [[plan.share(step, rank) for rank in range(2)] for step in range(plan.steps)]
    [[(0, 2), (2, 4)], [(4, 6), (6, 8)], [(8, 9), (9, 10)]]
    """

    rows: int
    batch: int
    world: int = 1
    tail: Tail = "balanced"
    start: int = 0

    def __post_init__(self) -> None:
        if self.batch < 1 or self.world < 1:
            raise InvalidInputError(f"batch_size and world size are at least 1: found {self.batch} and {self.world}")
        if self.tail not in ("balanced", "drop", "pad"):
            raise InvalidInputError(f"tail is 'balanced', 'drop' or 'pad': found {self.tail!r}")
        if self.tail == "balanced" and 0 < self.rows < self.world:
            raise InvalidInputError(
                f"{self.rows} rows cannot be shared by {self.world} ranks so that each gets one",
                kind="too-few-rows",
                hint="use fewer ranks, or tail='pad' to repeat rows",
            )

    @property
    def width(self) -> int:
        """Rows of a global batch."""
        return self.batch * self.world

    @property
    def left(self) -> int:
        """Positions not yet used."""
        return max(0, self.rows - self.start)

    @property
    def steps(self) -> int:
        """Batches that every rank still gets."""
        full, rest = divmod(self.left, self.width)
        return full + (rest > 0 and self.tail != "drop" and not self._swallows)

    def bounds(self, step: int) -> tuple[int, int]:
        """Positions of global batch `step` (from 0, counted from `start`); the end may pass `rows` when padding."""
        if self._swallows and step == self.steps - 1:
            return self.start + step * self.width, self.rows
        if self._lends and step >= self.steps - 2:
            border = self.start + (self.steps - 2) * self.width
            middle = border + (self.rows - border + 1) // 2
            return (border, middle) if step == self.steps - 2 else (middle, self.rows)
        low = self.start + step * self.width
        return low, (low + self.width if self.tail != "balanced" else min(low + self.width, self.rows))

    def share(self, step: int, rank: int) -> tuple[int, int]:
        """Positions of `rank` in global batch `step`; taken modulo `rows` when padding."""
        low, high = self.bounds(step)
        size, extra = divmod(high - low, self.world)
        begin = low + rank * size + min(rank, extra)
        return begin, begin + size + (rank < extra)

    def mine(self, rank: int, worker: int = 0, workers: int = 1) -> Iterator[tuple[int, int, int]]:
        """(step, low, high) of every batch that one worker of one rank builds, in order."""
        for step in range(worker, self.steps, max(1, workers)):
            yield (step, *self.share(step, rank))

    @property
    def _short(self) -> bool:
        """The last global batch has fewer rows than there are ranks, and there is one before it."""
        return self.tail == "balanced" and 0 < self.left % self.width < self.world and self.left > self.width

    @property
    def _lends(self) -> bool:
        """The last two global batches share their rows evenly."""
        return self._short and self.batch > 1

    @property
    def _swallows(self) -> bool:
        """With batches of one row there is nothing to share: the last global batch takes the rest in."""
        return self._short and self.batch == 1
