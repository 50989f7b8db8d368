"""Rows by equal values of columns with NumPy: one stable sort, in which every group is a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ..storage.vectors import numpy_of
from ..tql.schema import ColumnInfo, Kind
from .element_tables import Array, Derived, Ints, ends_of
from .sort_scan import as_unsigned, key_arrays, value_order


def groups(source: Derived, rows: Ints | None, columns: Sequence[ColumnInfo]) -> tuple[Ints, Ints] | None:
    """The given rows (None: all) group by group, groups in order of first appearance, and where each group begins.

    None if a column holds NaN, which SQL tells from a missing value.
    """
    keys: list[Array] = []
    for column in columns:
        found = text_keys(source, rows, column) if column.kind is Kind.TEXT else number_keys(source, rows, column)
        if found is None:
            return None
        keys += found
    codes = small_codes(keys)
    places, starts = by_sorting(keys) if codes is None else by_counting(codes)
    return places if rows is None else rows[places], starts


def number_keys(source: Derived, rows: Ints | None, column: ColumnInfo) -> list[Array] | None:
    """The values, and where one is missing also which."""
    values, missing = key_arrays(source, rows, column.value, False)
    if missing is None:
        return [values]
    if values.dtype.kind == "f":
        return None
    return [missing.view(np.uint8), np.where(missing, values.dtype.type(0), values)]


def text_keys(source: Derived, rows: Ints | None, column: ColumnInfo) -> list[Array]:
    """A number for each text: its place among the different ones; 0 where it is missing."""
    cells = (source.arrays([column.value]) if rows is None else source.arrays_at([column.value], rows))[0]
    coded = cells.dictionary_encode().unify_dictionaries()
    parts = [place_numbers(chunk) for chunk in coded.chunks]
    return [np.concatenate(parts) if parts else np.zeros(0, np.int64)]


def place_numbers(chunk: pa.DictionaryArray) -> Array:
    found = numpy_of(chunk.indices).astype(np.int64) + 1
    return found * numpy_of(chunk.indices.is_valid()) if chunk.indices.null_count else found


# --- few different keys ----------------------------------------------------------------------------------------------


def small_codes(keys: Sequence[Array]) -> Array | None:
    """One 16-bit number for each row, equal for equal keys; None if they need more."""
    whole: Array | None = None
    span = 1
    for key in keys:
        small = as_unsigned(key)
        if small is None or small.dtype.itemsize > 2:
            return None
        size = int(small.max()) + 1
        span *= size
        if span > 1 << 16:
            return None
        whole = small.astype(np.uint16) if whole is None else whole * np.uint16(size) + small
    return whole


def by_counting(codes: Array) -> tuple[Ints, Ints]:
    """The places of equal codes together, in order of first appearance, and where each group begins."""
    size = len(codes)
    sizes = np.bincount(codes)
    first = np.full(len(sizes), size, np.int64)
    first[codes[::-1]] = np.arange(size - 1, -1, -1)  # of equal codes the first comes last, and stays
    ranked = np.argsort(first)[: np.count_nonzero(sizes)]
    rank = np.zeros(len(sizes), np.uint16)
    rank[ranked] = np.arange(len(ranked))
    return np.argsort(rank[codes], kind="stable"), ends_of(sizes[ranked])


# --- many different keys ---------------------------------------------------------------------------------------------


def by_sorting(keys: Sequence[Array]) -> tuple[Ints, Ints]:
    """The same of keys of any size."""
    order = value_order(keys[-1], False)
    for key in reversed(keys[:-1]):
        order = order[value_order(key[order], False)]
    return by_first_appearance(order, starts_of([key[order] for key in keys]))


def starts_of(keys: Sequence[Array]) -> Ints:
    """Where a sorted row differs from the one before."""
    size = len(keys[0])
    differs = np.zeros(size, dtype=bool)
    differs[:1] = True
    for key in keys:
        differs[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(differs)


def by_first_appearance(order: Ints, starts: Ints) -> tuple[Ints, Ints]:
    """Runs of `order` sorted by their first places, and where each begins then, and the last ends."""
    sizes = np.diff(np.append(starts, len(order)))
    ranked = np.argsort(order[starts])
    ends = ends_of(sizes[ranked])
    shift = np.repeat(starts[ranked] - ends[:-1], sizes[ranked])
    return order[shift + np.arange(len(order))], ends
