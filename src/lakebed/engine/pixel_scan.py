"""Numbers about pixels: samples decoded in parallel, a few at a time, with a progress bar when there are many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..progress import progress
from ..storage.source import SampleSource
from .element_tables import Array, Ints

BATCH = 16
"""Samples that a thread reads at once."""
THREADS = 4
SHOWN_FROM = 512
"""Samples from which on a progress bar is shown."""

STATISTICS: dict[str, Callable[[Array], Any]] = {
    "mean": np.mean, "std": np.std, "sum": np.sum, "min": np.min, "max": np.max, "median": np.median,
}  # fmt: skip


def pixel_numbers(source: SampleSource, tensor: str, statistic: str, rows: Ints) -> Array:
    """One float64 for each of `rows`; NaN where the sample is empty.

    Raises:
        StorageError, SampleError: a sample cannot be read.
    """
    batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]

    def work(batch: Ints) -> list[float]:
        return [number(sample, statistic) for sample in source.read(tensor, batch)]

    found: list[float] = []
    with (
        progress(len(rows), "samples", shown=len(rows) >= SHOWN_FROM, what=f"{statistic}({tensor})") as bar,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        for batch, numbers in zip(batches, pool.map(work, batches), strict=True):
            found += numbers
            bar.update(len(batch))
    return np.array(found, dtype=np.float64)


def number(sample: Any, statistic: str) -> float:
    values = np.asarray(sample) if not isinstance(sample, Sequence) else np.array(sample, dtype=object)
    return float(STATISTICS[statistic](values)) if values.size else math.nan
