"""What a worker does with a slice of the input: call the functions, encode what they give. Nothing here writes."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import LakebedError
from ..loader.errors import TransformError
from ..reading import Readable
from ..storage.htypes import EncodeContext, htype_of
from ..storage.htypes.payload import PayloadHtype
from ..storage.links.base import LinkReader, StoredLink
from ..storage.schema import TensorSpec
from ..tensor import plain
from .outputs import Fields, SamplesOut, handed_on, rows_of


@dataclass(frozen=True, slots=True)
class Step:
    """One function of a chain with the arguments it was given."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    asks: bool = False
    """Whether the function is asked about a sample, ``function(sample) -> bool``, instead of making rows of it."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes images and other files in the worker, so that the process that writes only writes."""

    specs: Mapping[str, TensorSpec]
    """Tensors of the output that hold files."""
    labels: frozenset[str]
    """Tensors of the output that hold class labels."""
    links: LinkReader

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self._encoded(name, plain(value, "class_label" if name in self.labels else ""))
            for name, value in row.items()
        }

    def _encoded(self, name: str, value: Any) -> Any:
        spec = self.specs.get(name)
        if spec is None or value is None:
            return value
        context = EncodeContext(fetch=lambda url, creds: self.links.fetch(StoredLink(url, creds)))
        try:
            return htype_of(spec).prepare([value], spec, context)[1][0]
        except LakebedError as error:
            # Storage speaks of row 0, the only one that it was shown.
            raise type(error)(error.message, kind=error.kind, place=f"tensor {name!r}", hint=error.hint) from error


def encoder_for(specs: Sequence[TensorSpec], links: LinkReader) -> Encoder:
    """The encoder of these tensors; those whose samples are no files are left to the writer."""
    files = {spec.name: spec for spec in specs if isinstance(htype_of(spec), PayloadHtype)}
    return Encoder(files, frozenset(spec.name for spec in specs if spec.full_htype == "class_label"), links)


@dataclass(frozen=True, slots=True)
class Job:
    """All that a worker needs but the input."""

    steps: tuple[Step, ...]
    encoder: Encoder | None = None
    """Encodes what the functions give; None where nothing is written."""
    rows: Readable | None = None
    """The dataset that the input is, fixed; None where inputs are sent along."""
    lenient: bool = False
    """Whether to go on after an input that fails."""
    noun: str = "input"
    """What errors call an input."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive inputs, the unit of work; `items` is None where they are rows of `Job.rows`."""

    start: int
    stop: int
    items: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input: its rows, or what went wrong."""

    index: int
    rows: tuple[Mapping[str, Any], ...] = ()
    failure: LakebedError | None = None
    trace: str = ""
    """Traceback of the failure as text; the cause itself is lost on the way from another process."""

    def raised(self, hint: str) -> LakebedError:
        """The failure to raise: with its cause or a note of its traceback, and with `hint` if it has none."""
        assert self.failure is not None
        if self.failure.__cause__ is None:
            self.failure.add_note(self.trace)
        self.failure.hint = self.failure.hint or hint
        return self.failure


def work(job: Job, part: Slice) -> list[Outcome]:
    """The outcomes of a slice, in order; ends with the first failure unless the job is lenient."""
    outcomes = []
    for index in range(part.start, part.stop):
        outcome = _one(job, index, _item(job, part, index))
        outcomes.append(outcome)
        if outcome.failure is not None and not job.lenient:
            break
    return outcomes


def _item(job: Job, part: Slice, index: int) -> Any:
    if part.items is not None:
        return part.items[index - part.start]
    assert job.rows is not None
    return job.rows[index]


def _one(job: Job, index: int, item: Any) -> Outcome:
    try:
        rows = [item]
        for step in job.steps:
            rows = [row for given in rows for row in _called(step, given)]
        return Outcome(index, tuple(rows) if job.encoder is None else tuple(map(job.encoder, rows)))
    except Exception as error:
        return failed(error, index, job.noun)


def _called(step: Step, sample: Any) -> list[Fields]:
    if step.asks:
        return [Fields()] if step.function(sample, *step.args, **step.kwargs) else []
    out = SamplesOut()
    sample = handed_on(sample) if isinstance(sample, Fields) else sample
    step.function(sample, out, *step.args, **step.kwargs)
    return rows_of(out)


def failed(error: Exception, index: int, noun: str = "input") -> Outcome:
    """The outcome of an input whose function raised, or whose rows do not fit."""
    failure = located(error, f"{noun} {index}")
    return Outcome(index, failure=failure, trace="".join(traceback.format_exception(error)))


def located(error: Exception, place: str) -> LakebedError:
    """`error` said to be at `place`: the same class for errors of Lakebed, TransformError for others."""
    if isinstance(error, LakebedError):
        found = copy.copy(error)
        found.place = f"{place}, {error.place}" if error.place else place
    else:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        found = TransformError(f"the function failed: {said}", place=place)
    found.__cause__ = error
    return found
