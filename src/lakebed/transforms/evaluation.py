"""One run of a transform: input cut into slices, outcomes written in order, transactions around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from ..handle import Handle
from ..lenient import warn_left_out
from ..progress import Bar, progress
from ..reading import Readable
from ..storage.errors import InvalidInputError, StateError
from .checkpoints import Checkpoints
from .landing import Appending, Discarding, Landing, Replacing
from .schedulers import SCHEDULERS, Batches, run
from .work import Job, Slice, Step, encoder_for

if TYPE_CHECKING:
    from ..datasets import Dataset

SLICE = 32
"""Most inputs of a slice. Small ones keep memory low and workers evenly busy; each costs about a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Arguments of `eval`; see `Pipeline.eval`."""

    num_workers: int = 0
    scheduler: str = "threaded"
    progressbar: bool = True
    skip_ok: bool = False
    read_only_ok: bool = False
    checkpoint_interval: int = 0
    ignore_errors: bool = False
    resume: bool = True

    def __post_init__(self) -> None:
        for name in ("num_workers", "checkpoint_interval"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise InvalidInputError(f"{name} is a number from 0: found {value!r}", kind="bad-argument")

        if self.scheduler not in SCHEDULERS:
            raise InvalidInputError(
                f"there is no scheduler {self.scheduler!r}",
                kind="unknown-scheduler",
                hint=f"schedulers are {', '.join(map(repr, SCHEDULERS))}",
            )

    @property
    def effective_scheduler(self) -> str:
        """Without workers the work is done here; Ray counts its processors itself."""
        return self.scheduler if self.num_workers or self.scheduler == "ray" else "serial"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A run on checked arguments: `data` in, rows out to where `landing` puts them."""

    steps: tuple[Step, ...]
    data: Any
    landing: Landing
    options: Options

    def run(self) -> None:
        """Do it all; without checkpoints nothing is written if an input fails."""
        interval = self.options.checkpoint_interval
        dataset = self.landing.dataset
        checkpoints = Checkpoints(dataset, self.steps, self.data, isinstance(self.landing, Replacing))
        start = checkpoints.done() if interval and self.options.resume else 0
        total = len(self.data)
        ends = [*range(start + interval, total, interval), total] if interval else [total]
        batches = run(
            self._job(), self._slices(start, ends), self.options.effective_scheduler, self.options.num_workers
        )
        with progress(total, "samples", shown=self.options.progressbar, what=self._name) as bar:
            bar.update(start)
            try:
                for begin, end in pairwise([start, *ends]):
                    self._block(batches, begin, end, bar, checkpoints if interval else None)
            finally:
                batches.close()
        warn_left_out(self.landing.left_out, total, "samples", depth=5)

    @property
    def _name(self) -> str:
        return ", ".join(step.name for step in self.steps)

    def _block(self, batches: Batches, begin: int, end: int, bar: Bar, checkpoints: Checkpoints | None) -> None:
        """Write the inputs `begin` to `end` in one transaction, and commit if more are to come."""
        if isinstance(self.landing, Discarding):
            self._put(batches, begin, end, bar)
            return
        dataset = self.landing.dataset
        with dataset:
            self._put(batches, begin, end, bar)
            if checkpoints is not None:
                checkpoints.write(end)
        if checkpoints is not None and end < len(self.data):
            dataset.commit(f"Checkpoint of {self._name}: {end} of {len(self.data)} samples")

    def _put(self, batches: Batches, begin: int, end: int, bar: Bar) -> None:
        place = begin
        while place < end:
            outcomes = next(batches)
            self.landing.put(outcomes)
            place += len(outcomes)
            bar.update(len(outcomes))

    def _job(self) -> Job:
        dataset = self.landing.dataset
        specs = [] if isinstance(self.landing, Discarding) else list(dataset._schema())
        rows = self.data if isinstance(self.data, Readable) else None
        return Job(self.steps, encoder_for(specs, dataset._ws.context.links), rows, self.options.ignore_errors)

    def _slices(self, start: int, ends: Sequence[int]) -> Iterator[Slice]:
        for first, last in spans(start, ends, self.options.num_workers):
            yield Slice(first, last, self._items(first, last))

    def _items(self, first: int, last: int) -> tuple[Any, ...] | None:
        if isinstance(self.data, Readable):
            return None
        return tuple(self.data[place] for place in range(first, last))


def spans(start: int, ends: Sequence[int], workers: int) -> Iterator[tuple[int, int]]:
    """Where slices begin and end: from `start` to the last of `ends`, none across one of them."""
    size = max(1, min(SLICE, (ends[-1] - start) // (4 * max(1, workers))))
    for begin, end in pairwise([start, *ends]):
        for first in range(begin, end, size):
            yield first, min(first + size, end)


def evaluate(steps: Sequence[Step], data_in: Any, ds_out: Dataset | None, options: Options) -> None:
    """Check the arguments, then run."""
    landing = _landing(data_in, ds_out, options)
    Evaluation(tuple(steps), _fixed(data_in), landing, options).run()


def _landing(data_in: Any, ds_out: Dataset | None, options: Options) -> Landing:
    target = cast("Dataset", data_in if ds_out is None else ds_out)
    if not isinstance(target, Handle):  # a dataset, whose module uses this one
        raise InvalidInputError(
            "there is no dataset to write to: " + ("data_in" if ds_out is None else "ds_out") + " is a "
            f"{type(target).__name__}",
            kind="no-target",
            hint="pass a dataset: eval(data, ds_out); without ds_out, the rows of data_in are replaced",
        )
    if ds_out is None and options.read_only_ok and target.read_only:
        return Discarding(target, options.ignore_errors)
    target._writable()
    target._expect_whole_rows()
    _check_target(target, options)
    if ds_out is None:
        return Replacing(target, options.ignore_errors)
    return Appending(target, options.ignore_errors, options.skip_ok)


def _check_target(target: Dataset, options: Options) -> None:
    if not target._names():
        raise InvalidInputError(
            "the dataset has no tensors to write to",
            kind="no-tensors",
            place=target.path,
            hint='create them first: ds.create_tensor("images", htype="image", sample_compression="jpg")',
        )
    if options.checkpoint_interval and target._ws.in_transaction:
        raise StateError(
            "checkpoints inside `with ds:` would commit half a transaction",
            kind="in-transaction",
            hint="leave the with block, or checkpoint_interval=0",
        )


def _fixed(data: Any) -> Any:
    """The input as it is now: rows of a dataset pinned, others as they are."""
    if isinstance(data, Readable):
        return data._subset(None, None)
    if isinstance(data, str | bytes) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise InvalidInputError(
            f"data_in is a {type(data).__name__}, expected a list, another sequence, a dataset or a view",
            kind="bad-input",
            hint="list(...) makes a list of an iterator; lakebed.load(path) opens a dataset",
        )
    return data
