"""Rows in order of columns of numbers with NumPy: exact, stable, NULL and NaN together at one end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..storage.vectors import numpy_of_all
from ..tql.rows import OrderKey
from .by_fragment import by_fragment, whole
from .element_tables import Array, Derived, Ints, narrow

BLOCK = 1 << 16
"""Rows among which the first guess at the last wanted value is made."""
INDEX_BITS = 32


@dataclass(frozen=True, slots=True)
class Keyed:
    """One sort key of each row."""

    values: Array
    missing: Array | None
    """Where the value is NULL or NaN; None: nowhere."""
    descending: bool
    nulls_first: bool


def ordered(source: Derived, rows: Ints | None, keys: tuple[OrderKey, ...], limit: int | None) -> Ints:
    """The given rows (None: all) sorted, equal ones in the order they have; the first `limit` of them."""
    keyed = [key_of(source, rows, key) for key in keys]
    given = source.rows() if rows is None else rows
    wanted = len(given) if limit is None else limit
    near = candidates(keyed[0], wanted)
    if near is not None:
        keyed = [taken(key, near) for key in keyed]
        given = given[near]
    order: Ints | None = None
    for key in reversed(keyed):
        step = stable_order(key if order is None else taken(key, order))
        order = step if order is None else order[step]
    assert order is not None, "there is a key"
    found: Ints = given[order[:wanted]]
    return found


def taken(key: Keyed, places: Ints) -> Keyed:
    missing = None if key.missing is None else key.missing[places]
    return Keyed(key.values[places], missing, key.descending, key.nulls_first)


# --- keys ------------------------------------------------------------------------------------------------------------


def key_of(source: Derived, rows: Ints | None, key: OrderKey) -> Keyed:
    """The values of a key and where they are missing; those of all rows are kept."""
    name = key.column.value
    if rows is None:
        values, missing = source.remember(("sort key", name), lambda: key_arrays(source, None, name, key.lengths))
    else:
        values, missing = key_arrays(source, rows, name, key.lengths)
    return Keyed(values, missing, key.descending, key.nulls_first)


def key_arrays(source: Derived, rows: Ints | None, name: str, lengths: bool) -> tuple[Array, Array | None]:
    values, missing = (
        by_fragment(source, rows, partial(part_at, source, name, lengths, part), dtype)
        for part, dtype in ((0, "int64"), (1, "bool"))
    )
    return values, missing if missing.any() else None


def part_at(source: Derived, name: str, lengths: bool, part: int, number: int, places: Ints | None) -> Array:
    """Values (0) or missing marks (1) at places of a fragment."""
    make = lengths_of if lengths else numbers_of
    found: Array = source.remember(("sort part", name, number), lambda: make(source, name, number))[part]
    return found if places is None else found[places]


def numbers_of(source: Derived, name: str, number: int) -> tuple[Array, Array]:
    chunks = source.scalars(name, number)
    values = whole([chunk.values for chunk in chunks], "int64")
    known = whole([np.ones(len(c.values), dtype=bool) if c.valid is None else c.valid for c in chunks], "bool")
    if values.dtype.kind == "f":
        known = known & ~np.isnan(values)
    return values.view(np.uint8) if values.dtype.kind == "b" else values, ~known


def lengths_of(source: Derived, name: str, number: int) -> tuple[Array, Array]:
    column = source.arrays([name], [number])[0]
    missing = ~numpy_of_all(column.is_valid()) if column.null_count else np.zeros(len(column), dtype=bool)
    return narrow(source.cell_lengths(name, number)), missing


# --- the first few ---------------------------------------------------------------------------------------------------


def candidates(key: Keyed, wanted: int) -> Ints | None:
    """Places, ascending, among which the first `wanted` are by the first key, or None if that is not worth while.

    The last value wanted among the first rows is a bound for all of them; where it leaves most (rows that come sorted
    the other way), the exact one is found.
    """
    if key.nulls_first or wanted * 4 > len(key.values) or wanted == 0:
        return None
    first = key.values[:BLOCK] if key.missing is None else key.values[:BLOCK][~key.missing[:BLOCK]]
    near = within_bound(key, first, wanted)
    if near is not None and len(near) > max(BLOCK, 16 * wanted):
        near = within_bound(key, key.values[near], wanted, near)
    return near


def within_bound(key: Keyed, sample: Array, wanted: int, places: Ints | None = None) -> Ints | None:
    """The places (of `places`) whose value is no worse than the last one wanted of `sample`; None if it has too few."""
    if len(sample) < wanted:
        return None
    values = key.values if places is None else key.values[places]
    at = len(sample) - wanted if key.descending else wanted - 1
    bound = np.partition(sample, at)[at]
    good = values >= bound if key.descending else values <= bound
    if key.missing is not None:
        good &= ~(key.missing if places is None else key.missing[places])
    hits = np.flatnonzero(good)
    return hits if places is None else places[hits]


# --- whole orders ----------------------------------------------------------------------------------------------------


def stable_order(key: Keyed) -> Ints:
    """The places in the order of one key, equal ones as they come."""
    if key.missing is None:
        return value_order(key.values, key.descending)
    known, missing = np.flatnonzero(~key.missing), np.flatnonzero(key.missing)
    order = known[value_order(key.values[known], key.descending)]
    return np.concatenate([missing, order] if key.nulls_first else [order, missing])


def value_order(values: Array, descending: bool) -> Ints:
    """A stable sort. Numbers of up to 32 bits are sorted as one number with their place, which is several times as fast
    as sorting places by them."""
    small = as_unsigned(values)
    if small is None:
        if not descending:
            return np.argsort(values, kind="stable")
        return len(values) - 1 - np.argsort(values[::-1], kind="stable")[::-1]
    if descending:
        small = ~small
    if small.dtype.itemsize < 4:
        return np.argsort(small, kind="stable")  # a radix sort
    packed = small.astype(np.uint64) << np.uint64(INDEX_BITS)
    packed |= np.arange(len(values), dtype=np.uint64)
    packed.sort()
    return (packed & np.uint64(2**INDEX_BITS - 1)).astype(np.int64)


def as_unsigned(values: Array) -> Array | None:
    """Unsigned numbers of up to 32 bits in the order of the values; None if they need more."""
    if len(values) == 0 or len(values) >= 2**INDEX_BITS:
        return None
    if values.dtype == np.float32:
        bits = (values + np.float32(0)).view(np.uint32)  # the two zeros are one
        negative = bits >> np.uint32(31)
        return bits ^ np.where(negative, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    if values.dtype.kind not in "iu":
        return None
    low, high = int(values.min()), int(values.max())
    for dtype in (np.uint8, np.uint16, np.uint32):
        if high - low <= np.iinfo(dtype).max:
            # Differences are taken in 64 bits, where those that fit come out right even after an overflow.
            return (values.astype(np.int64) - np.int64(low) if low < 2**63 else values - np.uint64(low)).astype(dtype)
    return None
