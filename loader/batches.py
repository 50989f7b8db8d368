"""Batches of NumPy arrays, for those who train without torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..storage.source import SampleSource
from .config import LoaderArguments, check_plan, make_builder, make_plan, random_seed, thread_options
from .pipeline import build_here
from .plan import Batches, EpochPlan
from .policy import BadSamples
from .ranks import Ranks
from .slots import SlotPool


class NumpyBatches:
    """An iterable of batches; each iteration is a new epoch. Made by `numpy_batches`."""

    def __init__(
        self, source: SampleSource, arguments: LoaderArguments, rank: int = 0, world: int = 1, start: int = 0
    ) -> None:
        check_plan(source, arguments, world)
        self._source = source
        self._arguments = arguments
        self._ranks = Ranks(rank, world)
        self._builder = make_builder(source, arguments, torch=False)
        self.seed = arguments.seed if arguments.seed is not None else random_seed()
        self.epoch = 0
        """Number of the next epoch."""
        self._start = start
        self._pool = SlotPool()
        self.bad_samples = BadSamples()

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self._plan(0).shards.steps

    def __iter__(self) -> Iterator[Any]:
        plan = self._plan(self.epoch, self._start)
        self.epoch, self._start = self.epoch + 1, 0
        return self._batches(plan.batches(ahead=thread_options(self._arguments).ahead))

    def _plan(self, epoch: int, start: int = 0) -> EpochPlan:
        return make_plan(self._source, self._arguments, self._ranks, epoch, start, self.seed)

    def _batches(self, batches: Batches) -> Iterator[Any]:
        for _, done in build_here(self._builder, batches, thread_options(self._arguments), self._pool):
            for sample in done.bad:
                self.bad_samples.add(sample)
                self.bad_samples.check(len(self._source), self._arguments.max_bad)
            yield done.batch


def numpy_batches(
    source: SampleSource, *, rank: int = 0, world: int = 1, start: int = 0, **arguments: Any
) -> NumpyBatches:
    """Batches of NumPy arrays from any source, decoded by threads.

    `start` leaves out the first positions of the first epoch. Takes the arguments of `make_loader` that have a
    meaning without worker processes (see `LoaderArguments`). A batch is a `SampleDict` of stacked arrays, or lists
    where shapes differ.
    """
    return NumpyBatches(source, LoaderArguments(**arguments), rank, world, start)
