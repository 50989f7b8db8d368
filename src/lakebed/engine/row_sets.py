"""Set operations, cuts and ranges of row numbers with NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..tql.bound import Cut
from ..tql.intervals import Intervals
from ..tql.rows import MergeRows
from .element_tables import Array, Ints


def mask_of(rows: Ints, size: int) -> Array:
    mask = np.zeros(size, dtype=bool)
    mask[rows] = True
    return mask


def inside(rows: Ints, wanted: Intervals) -> Array:
    mask = np.zeros(len(rows), dtype=bool)
    for low, high in wanted:
        mask |= (rows >= low) & (rows <= high)
    return mask


def span_rows(wanted: Intervals, size: int) -> Ints:
    """Ranges of positions without looking at the others."""
    parts = [np.arange(max(low, 0), min(high + 1, size), dtype=np.int64) for low, high in wanted]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def cut(rows: Ints, limits: Cut) -> Ints:
    count = limits.count
    if limits.percent is not None:
        count = int(len(rows) * limits.percent / 100)
    end = None if count is None else limits.offset + count
    return rows[limits.offset : end]


def joined_windows(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Windows that touch or overlap as one."""
    if not len(low):
        return low, high
    begins = np.concatenate([[True], low[1:] > np.maximum.accumulate(high)[:-1]])
    firsts = np.flatnonzero(begins)
    return low[firsts], np.maximum.reduceat(high, firsts)


def is_ascending(rows: Ints) -> bool:
    return len(rows) < 2 or bool(np.all(rows[1:] >= rows[:-1]))


def merged(plan: MergeRows, branches: Sequence[Ints]) -> Ints:
    """UNION, INTERSECT or EXCEPT of rows; without ALL each row once, in the order that the language promises."""
    if plan.op == "UNION":
        together = np.concatenate(branches)
        if plan.all:
            return together
        return np.unique(together) if plan.ascending else first_appearances(together)
    left, right = branches
    if plan.all:
        return counted(plan.op, left, right)
    left = first_appearances(left)
    hit = np.isin(left, right)
    return left[hit if plan.op == "INTERSECT" else ~hit]


def first_appearances(rows: Ints) -> Ints:
    if len(rows) < 2 or bool(np.all(rows[1:] > rows[:-1])):
        return rows
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]


def counted(op: str, left: Ints, right: Ints) -> Ints:
    """INTERSECT ALL and EXCEPT ALL: a row on the right uses up one on the left."""
    rank = occurrence(left)
    values, amounts = np.unique(right, return_counts=True)
    have = np.zeros(len(left), np.int64)
    if len(values):
        at = np.clip(np.searchsorted(values, left), 0, len(values) - 1)
        have = np.where(values[at] == left, amounts[at], 0)
    return left[rank < have] if op == "INTERSECT" else left[rank >= have]


def occurrence(rows: Ints) -> Ints:
    """For each place how often its row came before."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = (
        np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(rows) else np.zeros(0, np.int64)
    )
    sizes = np.diff(np.concatenate([starts, [len(rows)]]))
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.arange(len(rows)) - np.repeat(starts, sizes)
    return rank
