"""Rows for which a Python function is true: it is asked by threads, processes or a Ray cluster, rows stay in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .indexing import RowArray
from .progress import progress
from .reading import Readable
from .transforms.evaluation import Options, spans
from .transforms.schedulers import run
from .transforms.work import Job, Outcome, Slice, Step

__all__ = ["Options", "matching_rows"]

HINT = 'the function is called with a Row: row.boxes.numpy(), row["labels"].text()'


def matching_rows(rows: Readable, function: Callable[[Any], Any], options: Options) -> RowArray:
    """Numbers of the rows of the fixed `rows` for which `function` is true; int64 (n,), ascending.

    Raises:
        TransformError: `function` raised; names the row, the cause is chained where threads share memory with it.
        WorkerError: a worker process died.
    """
    step = Step(function, name="filter", asks=True)
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
