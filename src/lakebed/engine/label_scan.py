"""Tests on label columns with NumPy over the Arrow children: one pass, which stops when enough rows are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..tql.intervals import Intervals
from ..tql.row_tests import LabelTest
from .element_tables import Array, Ints, ListChunk

FIRST_BLOCK = 8_192
"""Rows of the first block of a scan with a limit; each further block doubles, up to `LAST_BLOCK`."""
LAST_BLOCK = 262_144
SPARSE = 16
"""With fewer hits than one in so many elements, looking up their rows beats reducing every row."""
RARE = 256
"""With fewer hits still, they are found by looking at 64 elements at once."""
LARGEST_TABLE = 1 << 20
DENSE = 4
"""With more than one row in so many asked for, looking at all of them beats picking them out."""

Mask = Callable[[int, int], Array]
"""One boolean for each row from a first one to a last one."""


def label_rows(chunks: Iterable[ListChunk], test: LabelTest, limit: int | None) -> Ints:
    """The rows that pass, ascending; at most `limit`."""
    scans = ((chunk.first, len(chunk.offsets) - 1, part_of(chunk, test)) for chunk in chunks)
    return rows_in_blocks(scans, limit)


def part_of(chunk: ListChunk, test: LabelTest) -> Mask:
    return lambda start, stop: label_mask(chunk.offsets[start : stop + 1], chunk.values, test)


def rows_in_blocks(chunks: Iterable[tuple[int, int, Mask]], limit: int | None) -> Ints:
    """The rows where a mask is true, looked at block by block until there are `limit`; later chunks are not asked for.

    Args:
        chunks: first row, number of rows, and (start, stop) to one boolean for each row between, counted in the chunk.
        limit: None looks at everything at once.
    """
    found: list[Array] = []
    total, block = 0, FIRST_BLOCK if limit is not None else 1 << 62
    for first, size, mask in chunks if limit != 0 else ():
        start = 0
        while start < size and (limit is None or total < limit):
            stop = min(size, start + block)
            hits = np.flatnonzero(mask(start, stop)) + (first + start)
            found.append(hits)
            total += len(hits)
            start, block = stop, min(block * 2, LAST_BLOCK) if limit is not None else block
        if limit is not None and total >= limit:
            break
    rows = np.concatenate(found) if found else np.zeros(0, np.int64)
    return rows[:limit].astype(np.int64, copy=False)


def label_mask_at(chunk: ListChunk, places: Ints, test: LabelTest) -> Array:
    """One boolean for each of some rows of a chunk."""
    if len(places) * DENSE > len(chunk.offsets):
        found: Array = label_mask(chunk.offsets, chunk.values, test)[places]
        return found
    starts = chunk.offsets[places]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(chunk.offsets[places + 1] - starts, dtype=np.int64)])
    values = chunk.values[np.repeat(starts - ends[:-1], np.diff(ends)) + np.arange(ends[-1])]
    return label_mask(ends, values, test)


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
    """Whether each row has a true element.

    Hits are packed into bits first: what follows then reads an eighth of the memory.
    """
    words = packed(hits)
    count = int(np.bitwise_count(words).sum())
    if count * SPARSE >= len(hits):
        before = counts_before(words, offsets - offsets[0])
        found: Array = before[1:] != before[:-1]
        return found
    mask = np.zeros(len(offsets) - 1, dtype=bool)
    if count:
        places = places_of(hits, words) if count * RARE < len(hits) else np.flatnonzero(hits)
        mask[np.searchsorted(offsets, places + offsets[0], side="right") - 1] = True
    return mask


def packed(hits: Array) -> Array:
    """Booleans as bits of 64-bit words, the first one lowest; there is always a word past the last one."""
    words = np.zeros(len(hits) // 64 + 2, dtype="<u8")
    bits = np.packbits(hits, bitorder="little")
    words.view(np.uint8)[: len(bits)] = bits
    return words


def places_of(hits: Array, words: Array) -> Ints:
    """Where the few true ones are, by the words that are not zero."""
    whole = len(hits) // 64
    at = np.flatnonzero(words[:whole])
    near = np.flatnonzero(hits[: whole * 64].reshape(-1, 64)[at])
    last = np.flatnonzero(hits[whole * 64 :]) + whole * 64
    return np.concatenate([at[near >> 6] * 64 + (near & 63), last])


def counts_before(words: Array, ends: Array) -> Array:
    """How many bits are set before each place."""
    whole = np.zeros(len(words) + 1, dtype=np.int64)
    np.cumsum(np.bitwise_count(words), out=whole[1:])
    at, inside = ends >> 6, (ends & 63).astype(np.uint64)
    counts: Array = whole[at] + np.bitwise_count(words[at] & ((np.uint64(1) << inside) - np.uint64(1)))
    return counts


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
