"""From the arguments of a loader to checked options; nothing here needs torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_all_start_methods
from typing import Any

import numpy as np

from ..storage.errors import InvalidInputError
from ..storage.source import SampleSource
from .builder import BatchBuilder, BuildOptions, Transform, check_transform
from .decode import DecodeHints
from .images import image_mode, is_image
from .order import ShuffleSpec
from .pipeline import ThreadOptions
from .plan import EpochPlan, is_remote
from .policy import POLICIES, OnBadSample
from .ranks import Ranks
from .reading import ReadOptions, RowReader
from .shards import ShardPlan, Tail
from .view import MaterialisedView

REMOTE_WINDOW = 16
"""Chunk files that are mixed together when a view is streamed; locally all are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderArguments:
    """What `make_loader` and `numpy_batches` have in common; see `make_loader` for the meaning of each."""

    tensors: Sequence[str] | None = None
    transform: Transform | None = None
    transform_kwargs: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 1
    shuffle: bool = False
    collate_fn: Callable[[list[Any]], Any] | None = None
    drop_last: bool = False
    tail: Tail = "balanced"
    decode_method: Mapping[str, str] = field(default_factory=dict)
    return_index: bool = True
    resize: tuple[int, int] | None = None
    min_side: int | None = None
    window: int | None = None
    seed: int | None = None
    on_error: OnBadSample = "raise"
    max_bad: float = 0.01
    num_threads: int | None = None
    prefetch_factor: int | None = None
    timeout: float = 120.0

    @property
    def pads(self) -> bool:
        """Whether rows are repeated to fill the last batch."""
        return self.tail == "pad" and not self.drop_last

    def __post_init__(self) -> None:
        if self.on_error not in POLICIES:
            raise InvalidInputError(f"on_error is one of {', '.join(POLICIES)}: found {self.on_error!r}")
        check_numbers(self)
        check_calls(self)
        if self.resize is not None and not _is_size(self.resize):
            raise InvalidInputError(f"resize is (height, width): found {self.resize!r}")
        if isinstance(self.tensors, str):
            raise InvalidInputError(f"tensors is a list of names: found {self.tensors!r}", hint="put it in brackets")
        if self.resize is not None and self.min_side is not None:
            raise InvalidInputError("resize and min_side exclude each other: resize already decodes at a fraction")


_LEAST = {"batch_size": 1, "prefetch_factor": 1, "num_threads": 0, "window": 0, "min_side": 1}


def check_numbers(arguments: LoaderArguments) -> None:
    """Refuse numbers that have no meaning, by the name of their argument.

    Raises:
        InvalidInputError
    """
    for name, least in _LEAST.items():
        value = getattr(arguments, name)
        if value is None and name != "batch_size":
            continue
        if not isinstance(value, int | np.integer) or value < least:
            raise InvalidInputError(f"{name} is a whole number of at least {least}: found {value!r}")
    share: Any = arguments.max_bad
    if not isinstance(share, int | float | np.number) or not 0 <= share <= 1:
        raise InvalidInputError(
            f"max_bad is a share of the rows from 0 to 1: found {share!r}", hint="0.01 allows one row of a hundred"
        )
    timeout: Any = arguments.timeout
    if not isinstance(timeout, int | float | np.number) or timeout < 0:
        raise InvalidInputError(f"timeout is a number of seconds, 0 for none: found {timeout!r}")
    seed: Any = arguments.seed
    if seed is not None and not (isinstance(seed, int | np.integer) and -(2**63) <= seed < 2**63):
        raise InvalidInputError(f"seed is a whole number of 64 bits: found {seed!r}")


def check_calls(arguments: LoaderArguments) -> None:
    """Refuse a collate function that cannot be called, and decode methods that are no mapping by tensor.

    Raises:
        InvalidInputError
    """
    collate: Any = arguments.collate_fn
    if collate is not None and not callable(collate):
        raise InvalidInputError(
            f"collate_fn is a function that makes a batch of a list of samples: found {collate!r}",
            hint="leave it out to stack samples of equal shape",
        )
    methods: Any = arguments.decode_method
    if not isinstance(methods, Mapping):
        raise InvalidInputError(
            f"decode_method is a dict of methods by tensor: found {methods!r}",
            hint="decode_method={'images': 'pil'}",
        )


def check_workers(num_workers: Any) -> None:
    """Refuse what is no number of worker processes.

    Raises:
        InvalidInputError
    """
    if isinstance(num_workers, bool) or not isinstance(num_workers, int | np.integer) or num_workers < 0:
        raise InvalidInputError(
            f"num_workers is a whole number of at least 0: found {num_workers!r}",
            hint="0 reads and decodes in threads of this process",
        )


def check_context(context: Any) -> None:
    """Refuse what names no way to start processes.

    Raises:
        InvalidInputError
    """
    known = get_all_start_methods()
    if isinstance(context, str) and context not in known:
        raise InvalidInputError(f"multiprocessing_context is one of {', '.join(known)}: found {context!r}")


def _is_size(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(side >= 1 for side in value)


def names_of(source: SampleSource, tensors: Sequence[str] | None) -> tuple[str, ...]:
    """The tensors to read: those asked for, or all that are not hidden."""
    if tensors is not None:
        return tuple(tensors)
    return tuple(spec.name for spec in source.schema if not spec.hidden)


def make_builder(source: SampleSource, arguments: LoaderArguments, torch: bool) -> BatchBuilder:
    """The builder of batches for these arguments. Raises InvalidInputError, NotFoundError."""
    names = names_of(source, arguments.tensors)
    if arguments.pads and "valid" in names:
        raise InvalidInputError(
            "tail='pad' adds \"valid\" to each sample, and a tensor has that name",
            kind="name-taken",
            hint="leave it out with tensors=, or use tail='balanced' or 'drop'",
        )
    check_transform(arguments.transform, names)
    hints = DecodeHints(arguments.resize, arguments.min_side)
    reader = RowReader(source, ReadOptions(names, dict(arguments.decode_method), hints, arguments.return_index))
    options = BuildOptions(
        transform=arguments.transform,
        transform_kwargs=dict(arguments.transform_kwargs),
        collate=arguments.collate_fn,
        torch=torch,
        on_error=arguments.on_error,
        mark_padding=arguments.pads,
    )
    return BatchBuilder(reader, options, uniform_shapes(source, reader))


def uniform_shapes(source: SampleSource, reader: RowReader) -> dict[str, tuple[int, ...]]:
    """Image tensors whose decoded samples are all known to have one shape."""
    found: dict[str, tuple[int, ...]] = {}
    for spec in reader.specs:
        if not is_image(spec) or reader.options.decode_method.get(spec.name, "numpy") != "numpy":
            continue
        channels = 1 if image_mode(spec) == "gray" else 3
        shape = _recorded_shape(source, spec.name)
        if reader.options.hints.resize:
            found[spec.name] = (*reader.options.hints.resize, shape[2] if shape else channels)
        elif shape is not None and reader.options.hints.min_side is None:
            found[spec.name] = shape
    return found


def _recorded_shape(source: SampleSource, tensor: str) -> tuple[int, ...] | None:
    if not isinstance(source, MaterialisedView):
        return None
    shape = source.index.facts.get(tensor, {}).get("shape")
    return tuple(shape) if shape else None


def make_plan(
    source: SampleSource, arguments: LoaderArguments, ranks: Ranks, epoch: int, start: int, seed: int
) -> EpochPlan:
    """The plan of an epoch on one rank."""
    tail: Tail = "drop" if arguments.drop_last else arguments.tail
    spec = shuffle_spec(source, arguments, seed)
    return EpochPlan(source, spec, arguments.batch_size, tail, ranks.rank, ranks.world, epoch, start)


def shuffle_spec(source: SampleSource, arguments: LoaderArguments, seed: int) -> ShuffleSpec:
    """How epochs are ordered."""
    window = arguments.window
    if window is None:
        window = REMOTE_WINDOW if is_remote(source) else 0
    return ShuffleSpec(arguments.shuffle, seed, window)


def check_plan(source: SampleSource, arguments: LoaderArguments, world: int) -> None:
    """Raise now what would be raised in the first epoch."""
    ShardPlan(len(source), arguments.batch_size, world, "drop" if arguments.drop_last else arguments.tail)


def thread_options(arguments: LoaderArguments) -> ThreadOptions:
    """Threads for loading in this process."""
    threads = arguments.num_threads if arguments.num_threads is not None else usable_cores()
    ahead = arguments.prefetch_factor if arguments.prefetch_factor is not None else 2
    return ThreadOptions(threads, ahead, arguments.timeout or None)


def usable_cores() -> int:
    """Cores this process may use, at most 16: more threads than that only stand in each other's way."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:
        count = os.cpu_count() or 1
    return min(16, count)


def random_seed() -> int:
    """A seed that nobody chose."""
    return int.from_bytes(os.urandom(8), "little") >> 1
