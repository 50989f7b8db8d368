"""Rows for which a Python function is true: it is asked by threads, processes or a Ray cluster, rows stay in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .indexing import RowArray
from .progress import progress
from .reading import Readable
from .storage.errors import InvalidInputError
from .transforms.evaluation import Options, spans
from .transforms.functions import Pipeline, Transform
from .transforms.schedulers import run
from .transforms.work import Job, Outcome, Slice, Step

HINT = 'the function is called with a Row: row.boxes.numpy(), row["labels"].text()'


def question(function: Callable[[Any], Any] | Pipeline | Transform) -> Step:
    """The step that asks `function` about a row; decorated with `compute`, it brings its further arguments along.

    Raises:
        InvalidInputError: kind "bad-argument", it is no function, or a chain of several.
    """
    if isinstance(function, Transform):
        function = function()
    if isinstance(function, Pipeline) and len(function.steps) == 1:
        return replace(function.steps[0], asks=True)
    if isinstance(function, Pipeline) or not callable(function):
        raise InvalidInputError(
            f"filter() takes one function or the text of a condition, found {function!r}", kind="bad-argument"
        )
    return Step(function, name="filter", asks=True)


def matching_rows(rows: Readable, step: Step, options: Options) -> RowArray:
    """Numbers of the rows of the fixed `rows` for which the function of `step` is true; int64 (n,), ascending.

    Raises:
        TransformError: the function raised; names the row, the cause is chained where threads share memory with it.
        WorkerError: a worker process died.
    """
    job = Job((step,), rows=rows, noun="row")
    slices = (Slice(first, last, None) for first, last in spans(0, [len(rows)], options.num_workers))
    batches = run(job, slices, options.effective_scheduler, options.num_workers)
    kept: list[int] = []
    with progress(len(rows), "rows", shown=options.progressbar, what=step.name) as bar:
        try:
            for outcomes in batches:
                kept += _kept(outcomes)
                bar.update(len(outcomes))
        finally:
            batches.close()
    return np.array(kept, dtype=np.int64)


def _kept(outcomes: list[Outcome]) -> list[int]:
    for outcome in outcomes:
        if outcome.failure is not None:
            raise outcome.raised(HINT)
    return [outcome.index for outcome in outcomes if outcome.rows]
