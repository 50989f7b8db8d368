"""Tests on label columns with NumPy over the Arrow children: one pass, which stops when enough rows are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .element_tables import Array, Ints, ListChunk
from .tql.rows import Intervals, LabelTest

FIRST_BLOCK = 8_192
"""Rows of the first block of a scan with a limit; each further block doubles, up to `LAST_BLOCK`."""
LAST_BLOCK = 262_144
SPARSE = 16
"""With fewer hits than one in so many elements, looking up their rows beats reducing every row."""
LARGEST_TABLE = 1 << 20


def label_rows(chunks: Sequence[ListChunk], test: LabelTest, limit: int | None) -> Ints:
    """The rows that pass, ascending; at most `limit`."""
    sizes = [(chunk.first, len(chunk.offsets) - 1) for chunk in chunks]

    def mask(number: int, start: int, stop: int) -> Array:
        return label_mask(chunks[number].offsets[start : stop + 1], chunks[number].values, test)

    return rows_in_blocks(sizes, mask, limit)


def rows_in_blocks(
    chunks: Sequence[tuple[int, int]], mask: Callable[[int, int, int], Array], limit: int | None
) -> Ints:
    """The rows where `mask` is true, looked at block by block until there are `limit`.

    Args:
        chunks: first row and number of rows of each.
        mask: (number of the chunk, start, stop within it) to one boolean for each row between.
        limit: None looks at everything at once.
    """
    found: list[Array] = []
    total, block = 0, FIRST_BLOCK if limit is not None else 1 << 62
    for number, (first, size) in enumerate(chunks):
        start = 0
        while start < size and (limit is None or total < limit):
            stop = min(size, start + block)
            hits = np.flatnonzero(mask(number, start, stop)) + (first + start)
            found.append(hits)
            total += len(hits)
            start, block = stop, min(block * 2, LAST_BLOCK) if limit is not None else block
    rows = np.concatenate(found) if found else np.zeros(0, np.int64)
    return rows[:limit].astype(np.int64, copy=False)


def label_masks(chunks: Sequence[ListChunk], test: LabelTest) -> Array:
    """One boolean for each row of the dataset."""
    masks = [label_mask(chunk.offsets, chunk.values, test) for chunk in chunks]
    return np.concatenate(masks) if masks else np.zeros(0, dtype=bool)


def label_mask(offsets: Array, values: Array, test: LabelTest) -> Array:
    """One boolean for each row between `offsets`."""
    inside = within(values[offsets[0] : offsets[-1]], test.wanted)
    if test.quantifier == "ANY":
        mask = rows_with(inside, offsets)
    else:
        mask = ~rows_with(~inside, offsets)
        if test.quantifier == "ALL_STRICT":
            mask &= offsets[1:] > offsets[:-1]
    return ~mask if test.negated else mask


def rows_with(hits: Array, offsets: Array) -> Array:
    """Whether each row has a true element."""
    mask = np.zeros(len(offsets) - 1, dtype=bool)
    count = np.count_nonzero(hits)
    if count == 0:
        return mask
    if count * SPARSE < len(hits):
        mask[np.searchsorted(offsets, np.flatnonzero(hits) + offsets[0], side="right") - 1] = True
        return mask
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    mask[filled] = np.logical_or.reduceat(hits, offsets[filled] - offsets[0])
    return mask


def within(values: Array, wanted: Intervals) -> Array:
    """Whether each value lies in one of the intervals."""
    bounds = np.iinfo(values.dtype)
    clipped = [(max(lo, int(bounds.min)), min(hi, int(bounds.max))) for lo, hi in wanted]
    clipped = [(lo, hi) for lo, hi in clipped if lo <= hi]
    if len(clipped) > 3 and len(values) and values.min() >= 0 and values.max() < LARGEST_TABLE:
        return table_of(clipped, int(values.max()) + 1)[values]
    if len(clipped) == 1:
        return between(values, *clipped[0], bounds)
    inside = np.zeros(len(values), dtype=bool)
    for low, high in clipped:
        inside |= between(values, low, high, bounds)
    return inside


def between(values: Array, low: int, high: int, bounds: np.iinfo[Any]) -> Array:
    if low == high:
        return np.equal(values, low)
    if high == bounds.max:
        return values >= low
    if low == bounds.min:
        return values <= high
    return (values >= low) & (values <= high)


def table_of(intervals: Sequence[tuple[int, int]], size: int) -> Array:
    table = np.zeros(size, dtype=bool)
    for low, high in intervals:
        table[low : min(high + 1, size)] = True
    return table
