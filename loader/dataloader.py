"""The loader: a real `torch.utils.data.DataLoader` over any source, exact, resumable, and ended cleanly."""

from __future__ import annotations

import os
import pickle
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch.utils.data import DataLoader

from ..errors import LakebedError
from ..storage.errors import InvalidInputError
from .advice import hint
from .config import LoaderArguments, shuffle_spec
from .dataset import BatchDataset, Delivery
from .errors import LoaderTimeoutError, WorkerError
from .plan import EpochPlan
from .policy import BadSamples
from .state import LoaderState, source_hash
from .stats import LoaderStats
from .transport import Receiver


class Loader(DataLoader[Any]):
    """The loader that `make_loader` returns; ``len`` is the number of batches of an epoch on this rank.

    Attributes:
        epoch: number of the next epoch; `set_epoch` chooses it.
        bad_samples: every sample that could not be read.
    """

    def __init__(self, dataset: BatchDataset, seed: int, num_workers: int, **options: Any) -> None:
        self.bad_samples = BadSamples()
        self.seed = seed
        self.epoch = 0
        self._stats = LoaderStats()
        self._current: tuple[int, int] = (0, 0)
        self._resumed: tuple[int, int] | None = None
        self._restored = False
        self._receiver: Receiver | None = None
        self._ended_with: Any = None
        self._batches = dataset
        given = {name: value for name, value in options.items() if name not in _OURS}
        super().__init__(dataset, batch_size=None, num_workers=num_workers, collate_fn=_unchanged, **given)

    def __len__(self) -> int:
        return self.plan(0, 0).shards.steps

    @property
    def arguments(self) -> LoaderArguments:
        return self._batches.arguments

    def __iter__(self) -> Any:
        epoch, start = self._resumed or (self.epoch, 0)
        self._resumed = None
        self.epoch = epoch + 1
        if self._receiver is None or not self.persistent_workers:
            self._receiver = Receiver()
        if self.arguments.seed is None and not self._restored and self._batches.ranks.world > 1:
            self.seed = 0  # drawn before the ranks were known, by each for itself
        self._batches.begin(epoch, start, self.seed, self._receiver.token)
        self._current = (epoch, start)
        self._stats.start()
        self._batches.driven = True
        self._wait_at_most(self.timeout)  # workers that stay are asked to begin again, and may have to finish first
        try:
            inner: Any = super().__iter__()
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise _unsent(error) from error
        finally:
            self._batches.driven = False
        # torch looks whether its workers live only when a wait is over: these are short, and `_next` repeats them.
        self._wait_at_most(min(self.timeout, _LOOK_AFTER), inner)
        running = LoaderIterator(self, inner, epoch, start, self._receiver)
        self._end_workers_with(self if self.persistent_workers else running, inner)
        return running

    def __getitem__(self, index: Any) -> Any:
        # As Deep Lake 4's `pytorch` would be asked, which gives rows for a DataLoader to batch.
        raise InvalidInputError(
            "a loader gives batches in their order, no single rows",
            kind="bad-index",
            hint="it is a DataLoader already: ds.pytorch(transform=f, batch_size=n, shuffle=True)",
        )

    def _wait_at_most(self, seconds: float, inner: Any = None) -> None:
        """Let torch wait so long for one batch; without `inner`, the iterator that persistent workers belong to."""
        inner = inner if inner is not None else self._iterator
        if inner is not None and self.num_workers:
            inner._timeout = seconds

    def _end_workers_with(self, owner: Any, inner: Any) -> None:
        """Stop the workers of `inner` when `owner` is gone, also where an exception's traceback made a cycle of both.

        The collector of cycles takes torch's queues apart before torch can use them to end its workers, and then
        waits five seconds for each. `finalize` keeps `inner` out of the cycle.
        """
        if self.num_workers and inner is not self._ended_with:
            self._ended_with = inner if self.persistent_workers else None
            weakref.finalize(owner, _end_workers, inner, os.getpid()).atexit = False

    def plan(self, epoch: int, start: int) -> EpochPlan:
        """The batches of this rank in an epoch, from a position on."""
        return self._batches.plan(epoch, start, self.seed)

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is epoch `epoch`."""
        self.epoch = epoch
        self._resumed = None

    def stats(self) -> dict[str, Any]:
        """Where the time went (see `LoaderStats.to_dict`), "bad_samples", and a "hint" on what would load faster."""
        return {**self._stats.to_dict(), "bad_samples": self.bad_samples.count, "hint": hint(self._batches.source)}

    def skip(self, rows: int) -> None:
        """The next iteration leaves out the first `rows` positions of its epoch (over all ranks together)."""
        self._resumed = (self.epoch, min(rows, len(self._batches.source)))

    def state_dict(self) -> dict[str, Any]:
        """Where this loader stands, after the newest batch that was given out: under 1 KB of plain values, the same on
        every rank but for the count of bad samples."""
        epoch, consumed = self._resumed or self._current
        if self._resumed is None and self.plan(epoch, consumed).shards.steps == 0 and consumed:
            epoch, consumed = epoch + 1, 0
        return self._state(epoch, consumed).to_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any], force: bool = False) -> None:
        """Go on where `state_dict` was taken: the next iteration gives exactly the rest of that epoch.

        The number of workers may differ. With another batch size or number of ranks the rest is cut into other
        batches, and still comes exactly once. `force` starts the epoch afresh where the rows are others.

        Raises:
            InvalidInputError: no state of a loader.
            StateError: the state belongs to other rows or another order.
        """
        state = LoaderState.from_dict(state_dict)
        try:
            state.check(self._state(0, 0))
        except LakebedError:
            if not force:
                raise
            state = replace(state, consumed=0)
        self.seed = state.seed
        self._restored = True
        self._resumed = (state.epoch, state.consumed)
        self.epoch = state.epoch

    def _state(self, epoch: int, consumed: int) -> LoaderState:
        source = self._batches.source
        spec = shuffle_spec(source, self.arguments, self.seed)
        return LoaderState(
            seed=self.seed,
            shuffle=spec.shuffle,
            window=spec.window,
            epoch=epoch,
            consumed=consumed,
            rows=len(source),
            source=source_hash(source),
            bad=self.bad_samples.count,
        )

    def delivered(self, epoch: int, consumed: int, delivery: Delivery, waited: float) -> None:
        """Take note of a batch that is about to be given out."""
        self._current = (epoch, consumed)
        built = delivery.built
        assert built is not None
        self._stats.add(built.count, waited, built.times)
        for sample in built.bad:
            self.bad_samples.add(sample)
        if built.bad:
            self.bad_samples.check(len(self._batches.source), self.arguments.max_bad)


class LoaderIterator:
    """One epoch: counts what was given out and raises errors of workers as what they are."""

    def __init__(self, loader: Loader, inner: Iterator[Delivery], epoch: int, start: int, receiver: Receiver) -> None:
        self._loader = loader
        self._inner = inner
        self._epoch = epoch
        self._shards = loader.plan(epoch, start).shards
        self._step = 0
        self._receiver = receiver

    def __iter__(self) -> LoaderIterator:
        return self

    def __len__(self) -> int:
        """Batches that are left."""
        return self._shards.steps - self._step

    def __next__(self) -> Any:
        began = time.perf_counter()
        delivery = self._next(began)
        if delivery.failure is not None:
            for note in delivery.notes:
                delivery.failure.add_note(note)
            raise delivery.failure
        consumed = self._shards.bounds(self._step)[1]
        self._step += 1
        self._loader.delivered(self._epoch, consumed, delivery, time.perf_counter() - began)
        assert delivery.built is not None
        return delivery.built.batch

    def _next(self, began: float) -> Delivery:
        while True:
            try:
                return next(self._inner)
            except (RuntimeError, ConnectionError, EOFError) as error:
                if _is_timeout(error) and time.perf_counter() - began < self._loader.timeout:
                    continue
                raise self._explained(error) from error

    def _explained(self, error: Exception) -> Exception:
        """Errors of worker processes in our own words; others as they are."""
        place = f"epoch {self._epoch}, batch {self._step}"
        if isinstance(error, LakebedError):
            return error
        if _is_timeout(error):
            return LoaderTimeoutError(
                f"no batch came from the workers within {self._loader.timeout:g} s",
                place=place,
                hint="the store or a linked file does not answer; raise timeout= if it is only slow",
            )
        if "DataLoader worker" in str(error) or isinstance(error, ConnectionError | EOFError):
            return WorkerError(
                f"a worker process died: {error}",
                place=place,
                hint="it may have been out of memory, or a native library crashed; num_workers=0 shows where",
            )
        return error


_OURS = frozenset({"batch_size", "batch_sampler", "collate_fn", "drop_last", "sampler", "shuffle"})
"""Arguments of torch's that the dataset stands for: trainers make a loader again from its attributes and pass them."""


_LOOK_AFTER = 5.0
"""Seconds after which a consumer that waits looks whether the workers are alive."""


def _unchanged(value: Any) -> Any:
    return value


def _is_timeout(error: Exception) -> bool:
    return not isinstance(error, LakebedError) and "timed out" in str(error)


def _unsent(error: Exception) -> Exception:
    """What stops workers from being started, in our own words; another error as it is."""
    if "pickle" not in str(error).lower():
        return error
    return InvalidInputError(
        f"workers cannot be started, because something they need cannot be sent to them: {error}",
        kind="not-picklable",
        hint="define the transform at the top of a module, or use multiprocessing_context='fork'",
    )


def _end_workers(inner: Any, process: int) -> None:
    if os.getpid() == process:
        inner._shutdown_workers()
    else:  # a worker was forked while this loader was garbage: whose workers these are will end them
        inner._shutdown = True
