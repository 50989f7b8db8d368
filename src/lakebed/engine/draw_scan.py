"""SAMPLE BY with NumPy: rows drawn by weights, the same ones for the same seed."""

from __future__ import annotations

import numpy as np

from ..tql.bound import Draw
from ..tql.errors import TQLTypeError
from .element_tables import Array, Ints


def drawn(weights: Array, draw: Draw, seed: int) -> Ints:
    """Places of weights in the order in which they are drawn.

    Raises:
        TQLTypeError: nothing can be drawn by these weights.
    """
    if not len(weights):
        return np.zeros(0, np.int64)
    refuse_bad(weights, draw)
    count = len(weights) if draw.count is None else draw.count
    if draw.percent is not None:
        count = int(len(weights) * draw.percent / 100)
    random = np.random.default_rng(seed)
    return with_replacement(weights, count, random) if draw.replace else without_replacement(weights, count, random)


def refuse_bad(weights: Array, draw: Draw) -> None:
    reason = ""
    if weights.min() < 0:
        reason = "a weight is negative"
    elif not np.isfinite(weights.max()):
        reason = "a weight is not a finite number"
    elif weights.max() == 0:
        reason = "every weight is zero"
    if reason:
        raise TQLTypeError(f"rows cannot be drawn: {reason}", kind="bad-weights", span=draw.weight.span)


def with_replacement(weights: Array, count: int, random: np.random.Generator) -> Ints:
    able = np.flatnonzero(weights)
    ends = np.cumsum(weights[able])
    places = np.searchsorted(ends, random.random(count) * ends[-1], side="right")
    found: Ints = able[np.minimum(places, len(able) - 1)]
    return found


def without_replacement(weights: Array, count: int, random: np.random.Generator) -> Ints:
    """The rows with the smallest exponential times: each is drawn by its weight among those that are left."""
    times = random.standard_exponential(len(weights))
    with np.errstate(divide="ignore", invalid="ignore"):
        times /= weights  # infinite for those that are never drawn
    count = min(count, int(np.count_nonzero(weights)))
    near = np.argpartition(times, count)[:count] if count < len(times) else np.arange(len(times))
    found: Ints = near[np.argsort(times[near], kind="stable")]
    return found
