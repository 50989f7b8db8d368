"""Builds one batch: rows are read and decoded (in any thread), then transformed and collated (in the consumer's)."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import LakebedError
from ..storage.errors import DamageError, InvalidInputError
from .collate import Ready, collate_numpy, collate_torch
from .errors import TransformError
from .order import random_bits
from .policy import BadSample, Failed, OnBadSample
from .reading import RowReader, failures
from .samples import SampleDict
from .slots import SlotPool
from .stats import BatchTimes

Ints = np.ndarray[Any, np.dtype[np.int64]]
Transform = Callable[..., Any] | Mapping[str, Callable[[Any], Any] | None]

_SUBSTITUTES = 8


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What becomes of the samples of a batch.

    Attributes:
        transform: called with each sample dict (and `transform_kwargs`); or a dict of callables by tensor, None
            keeping it.
        collate: makes a batch of the list of transformed samples; None: `collate_torch` or `collate_numpy`.
        torch: which of the two.
        on_error: policy for samples that cannot be read.
        mark_padding: add "valid", a bool that is False for a row which only fills its batch, to each sample.
    """

    transform: Transform | None = None
    transform_kwargs: Mapping[str, Any] = field(default_factory=dict)
    collate: Callable[[list[Any]], Any] | None = None
    torch: bool = True
    on_error: OnBadSample = "raise"
    mark_padding: bool = False


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The rows of one batch."""

    seed: int
    epoch: int
    step: int
    positions: Ints
    rows: Ints
    padding: int = 0
    """How many rows at the end only fill the batch: they have come before in this epoch."""


@dataclass(slots=True)
class Loaded:
    """Some decoded rows of a batch."""

    samples: list[SampleDict]
    rows: list[int]
    """Source row of each sample."""
    bad: list[BadSample]
    whole: bool
    """No sample was left out, so what was decoded into the batch's memory is complete."""
    seconds: float
    nbytes: int
    """Of the payloads that were read."""


@dataclass(frozen=True, slots=True)
class Built:
    """A finished batch and what it cost."""

    batch: Any
    count: int
    bad: tuple[BadSample, ...]
    times: BatchTimes


class BatchBuilder:
    """Turns rows into batches; picklable."""

    def __init__(self, reader: RowReader, options: BuildOptions, uniform: Mapping[str, tuple[int, ...]]) -> None:
        self.reader = reader
        self.options = options
        self.uniform = uniform if options.transform is None and options.collate is None else {}
        """Shapes of image tensors whose samples are all alike; they are decoded into the batch's memory."""

    def outputs(self, count: int, pool: SlotPool) -> dict[str, np.ndarray[Any, Any]]:
        """Memory for the uniform tensors of a batch of `count` samples."""
        return {
            name: pool.take(count * int(np.prod(shape))).reshape(count, *shape) for name, shape in self.uniform.items()
        }

    def load(self, batch: BatchRows, start: int, stop: int, out: Mapping[str, np.ndarray[Any, Any]]) -> Loaded:
        """Read and decode rows `start` to `stop` of a batch.

        Raises:
            LakebedError: a sample cannot be read and the policy is "raise".
        """
        began = time.perf_counter()
        part = {name: array[start:stop] for name, array in out.items()}
        samples, nbytes = self.reader.read(batch.rows[start:stop], part)
        if self.options.mark_padding:
            for i, sample in enumerate(samples):
                sample["valid"] = np.bool_(start + i < len(batch.rows) - batch.padding)
        loaded = Loaded([], [], [], True, 0.0, nbytes)
        for i, sample in enumerate(samples):
            row = int(batch.rows[start + i])
            failed = failures(sample)
            if not failed:
                loaded.samples.append(sample)
                loaded.rows.append(row)
                continue
            loaded.whole = False
            self._replace(batch, start + i, row, sample, failed[0], loaded)
        loaded.whole = loaded.whole and all(_placed(samples, name, array) for name, array in part.items())
        loaded.seconds = time.perf_counter() - began
        return loaded

    def finish(self, parts: Sequence[Loaded], out: Mapping[str, np.ndarray[Any, Any]]) -> Built:
        """Transform and collate.

        Raises:
            TransformError: the transform or the collate function raised.
            DamageError: no sample of the batch could be read.
        """
        began = time.perf_counter()
        rows = [row for part in parts for row in part.rows]
        bad = tuple(sample for part in parts for sample in part.bad)
        if not rows:
            raise DamageError(
                f"none of the {len(bad)} samples of a batch could be read",
                kind="empty-batch",
                place=str(bad[-1].place) if bad else "",
                hint="use on_error='substitute', or mend the data",
            )
        ready = {k: v.view(Ready) for k, v in out.items()} if all(part.whole for part in parts) else {}
        done = [sample for part in parts for sample in self.transformed(part)]
        batch = self._collated(done, rows, ready)
        nbytes = sum(part.nbytes for part in parts)
        reads = self.reader.take_file_reads()
        times = BatchTimes(sum(part.seconds for part in parts), time.perf_counter() - began, nbytes, reads)
        return Built(batch, len(rows), bad, times)

    def transformed(self, loaded: Loaded) -> list[Any]:
        """The samples after the transform. Raises TransformError."""
        return [self._transformed(sample, row) for sample, row in zip(loaded.samples, loaded.rows, strict=True)]

    def _replace(
        self, batch: BatchRows, offset: int, row: int, sample: SampleDict, failed: Failed, loaded: Loaded
    ) -> None:
        """Apply the policy to a sample that could not be read."""
        policy, done = self.options.on_error, "skipped"
        if policy == "raise":
            raise failed.error
        if policy == "blank":
            done = "blank"
            loaded.samples.append(self._blanked(sample))
            loaded.rows.append(row)
        elif policy == "substitute":
            other, found = self._substitute(batch, int(batch.positions[offset]), failed)
            done = f"substituted by row {other}"
            loaded.samples.append(SampleDict({**sample, **found}))
            loaded.rows.append(other)
        place = self.reader.place(row, failed.tensor)
        loaded.bad.append(BadSample(batch.epoch, place, failed.error.kind, failed.error.message, done))

    def _blanked(self, sample: SampleDict) -> SampleDict:
        specs = {spec.name: spec for spec in self.reader.specs}
        return SampleDict(
            (name, self.reader.blank(specs[name]) if isinstance(value, Failed) else value)
            for name, value in sample.items()
        )

    def _substitute(self, batch: BatchRows, position: int, failed: Failed) -> tuple[int, SampleDict]:
        """Another sample, fixed by seed, epoch and position alone."""
        count = len(self.reader.source)
        bits = random_bits(_SUBSTITUTES, batch.seed ^ position, batch.epoch, 2**32 - 2)
        for row in (int(b % np.uint64(count)) for b in bits):
            (sample,), _ = self.reader.read(np.array([row], np.int64))
            if not failures(sample):
                return row, sample
        raise failed.error

    def _transformed(self, sample: SampleDict, row: int) -> Any:
        transform = self.options.transform
        if transform is None:
            return sample
        try:
            if callable(transform):
                return transform(sample, **self.options.transform_kwargs)
            names = [*transform, *(name for name in ("index", "valid") if name in sample.keys() - transform.keys())]
            return SampleDict((name, _applied(transform.get(name), sample[name])) for name in names)
        except Exception as error:
            raise transform_error("transform", error, str(self.reader.place(row))) from error

    def _collated(self, samples: list[Any], rows: list[int], ready: Mapping[str, Any]) -> Any:
        place = "rows " + ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
        if self.options.collate is None:
            return self._stacked(samples, ready, place)
        try:
            return self.options.collate(samples)
        except Exception as error:
            raise transform_error("collate_fn", error, place) from error

    def _stacked(self, samples: list[Any], ready: Mapping[str, Any], place: str) -> Any:
        try:
            return collate_torch(samples, ready) if self.options.torch else collate_numpy(samples, ready)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TransformError(
                f"the samples that transform gave make no batch: {type(error).__name__}: {error}",
                kind="samples-differ",
                place=place,
                hint="return the same keys, or as many values, for every row, or join them with collate_fn=",
            ) from error


def transform_error(what: str, error: Exception, place: str) -> LakebedError:
    """What is raised when a function of the user raises; the traceback stands in the notes."""
    found = TransformError(
        f"{what} raised {type(error).__name__}: {error}",
        place=place,
        hint="call it on ds[row] to see it happen in this process",
    )
    found.add_note("".join(traceback.format_exception(error)))
    return found


def check_transform(transform: Transform | None, tensors: Sequence[str]) -> None:
    """Refuse a dict of transforms that names other tensors than those to be read."""
    if isinstance(transform, Mapping):
        strange = set(transform) - set(tensors)
        if strange:
            raise InvalidInputError(f"transform names {', '.join(sorted(strange))}, which are not among the tensors")
    for function in transform.values() if isinstance(transform, Mapping) else [transform]:
        if function is not None and not callable(function):
            raise InvalidInputError(f"transform is a function, or a dict of them by tensor: found {function!r}")


def _applied(function: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if function is None else function(value)


def _placed(samples: Sequence[SampleDict], name: str, out: np.ndarray[Any, Any]) -> bool:
    """Whether every sample of a tensor was written where it belongs."""
    start, step = out.__array_interface__["data"][0], out.strides[0]
    return all(
        isinstance(sample[name], np.ndarray)
        and sample[name].shape == out.shape[1:]
        and sample[name].__array_interface__["data"][0] == start + i * step
        for i, sample in enumerate(samples)
    )
