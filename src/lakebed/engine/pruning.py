"""Which fragments can hold rows that pass a test, by what is known of them: label codes, least and greatest values.

A fragment is left out only where no row of it can pass; where something is not known, it may.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..storage.source import Fragmented
from ..tql.bound import Compare, Const, Expr, Logic, Member
from ..tql.elements import leaf_of
from ..tql.intervals import Intervals, complement
from ..tql.row_tests import ElementTest, Joined, LabelTest, ScalarTest, SpanTest, Test, intervals_of
from ..tql.schema import ColumnInfo, Kind
from ..tql.walking import walk
from .element_scan import COMPARE
from .element_tables import Array, Derived, ends_of
from .label_scan import label_mask


def possible(source: Derived, test: Test) -> Array:
    """One boolean for each fragment: a row of it may pass."""
    match test:
        case Joined():
            join = np.logical_and if test.op == "AND" else np.logical_or
            found: Array = reduce(join, (possible(source, part) for part in test.tests))
            return found
        case SpanTest():
            return touched(source, test.wanted)
        case LabelTest():
            return labels_possible(source, test)
        case ScalarTest():
            return scalars_possible(source, test)
        case ElementTest() if test.quantifier == "ANY" and not test.negated:
            return elements_possible(source, test.condition)
        case ElementTest() if test.quantifier == "ALL_STRICT" and not test.negated:
            return elements_possible(source, test.condition)
        case _:
            return everything(source)


def everything(source: Derived) -> Array:
    return np.ones(len(source.fragments()), dtype=bool)


def touched(source: Derived, wanted: Intervals) -> Array:
    """The fragments that hold a row of the intervals."""
    starts = source.starts()
    found = np.zeros(len(starts) - 1, dtype=bool)
    for low, high in wanted:
        found |= (starts[:-1] <= high) & (starts[1:] > low)
    return found


# --- labels ----------------------------------------------------------------------------------------------------------


def labels_possible(source: Derived, test: LabelTest) -> Array:
    """A row passes ANY and ALL_STRICT only with a code that is wanted, and fails ALL only with one that is not.

    The other forms are true of rows without labels, which nothing is known about.
    """
    match test.quantifier, test.negated:
        case (("ANY" | "ALL_STRICT"), False):
            return codes_possible(source, test.column, test.wanted)
        case "ALL", True:
            return codes_possible(source, test.column, complement(test.wanted))
        case _:
            return everything(source)


def codes_possible(source: Derived, column: ColumnInfo, wanted: Intervals) -> Array:
    """The fragments that hold one of the codes: looked for as in rows, a fragment being a row of its codes."""
    known, offsets, codes = source.remember(("codes", column.value), lambda: label_codes(source, column.value))
    return ~known | label_mask(offsets, codes, LabelTest(column, "ANY", wanted))


def label_codes(source: Derived, name: str) -> tuple[Array, Array, Array]:
    """Which fragments have known codes, and the codes of each as offsets and values."""
    live = source.live()
    found = live.label_codes(name) if isinstance(live, Fragmented) else [None] * len(source.fragments())
    known = np.array([codes is not None for codes in found], dtype=bool)
    held = [np.zeros(0, np.int64) if codes is None else codes for codes in found]
    return (
        known,
        ends_of(np.array([len(codes) for codes in held], np.int64)),
        np.concatenate([np.zeros(0, np.int64), *held]),
    )


# --- single numbers --------------------------------------------------------------------------------------------------


def scalars_possible(source: Derived, test: ScalarTest) -> Array:
    """By the least and the greatest value; a test that NaN passes says nothing about a column of floats."""
    zones = source.remember(("zones", test.column.value), lambda: zones_of(source, test.column))
    if zones is None:
        return everything(source)
    known, low, high = zones
    floats = low.dtype.kind == "f"
    if isinstance(test.condition, Member):
        if test.negated:
            return everything(source)
        found = [between(low, high, option) for option in test.condition.options]
        return ~known | reduce(np.logical_or, found, np.zeros(len(known), dtype=bool))
    op, value = oriented(test.condition)
    if (floats and (test.negated or op == "!=")) or value != value:  # NaN, of which no opposites are true
        return everything(source)
    if test.negated:
        op = OPPOSITE[op]
    return ~known | holds_between(op, low, high, value)


OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def oriented(condition: Compare) -> tuple[str, Any]:
    """The comparison with the column on its left side."""
    if isinstance(condition.right, Const):
        return condition.op, condition.right.value
    assert isinstance(condition.left, Const), "one side is known"
    return MIRRORED[condition.op], condition.left.value


def holds_between(op: str, low: Array, high: Array, value: Any) -> Array:
    """Whether a number from `low` to `high` compares so. The ends are compared as the values would be."""
    if op == "=":
        return between(low, high, value)
    if op == "!=":
        return ~between(low, low, value) | ~between(high, high, value)
    found: Array = COMPARE[op](low if op in ("<", "<=") else high, value)
    return found


def between(low: Array, high: Array, value: Any) -> Array:
    found: Array = (low <= value) & (high >= value)
    return found


def zones_of(source: Derived, column: ColumnInfo) -> tuple[Array, Array, Array] | None:
    """Which fragments have known ends, and these as the column's own numbers."""
    live = source.live()
    if not isinstance(live, Fragmented) or not column.dtype or column.dtype == "bool":
        return None
    found = live.zones(column.value)
    dtype = np.dtype("float32" if column.dtype == "float16" else column.dtype)
    known = np.array([zone is not None for zone in found], dtype=bool)
    low, high = (np.array([0 if zone is None else zone[end] for zone in found]).astype(dtype) for end in (0, 1))
    return known, low, high


# --- elements --------------------------------------------------------------------------------------------------------


def elements_possible(source: Derived, condition: Expr) -> Array:
    """Whether an element may make the condition true: its parts about labels alone are looked up."""
    labels = labels_in(condition)
    if labels is not None:
        wanted = intervals_of(condition)
        return everything(source) if wanted is None else codes_possible(source, labels, wanted)
    if isinstance(condition, Logic) and condition.op != "NOT":
        join = np.logical_and if condition.op == "AND" else np.logical_or
        found: Array = reduce(join, (elements_possible(source, arg) for arg in condition.args))
        return found
    return everything(source)


def labels_in(condition: Expr) -> ColumnInfo | None:
    """The one label column that a condition is about; None if it is about anything else."""
    leaves = [leaf for e in walk(condition) if (leaf := leaf_of(e)) is not None]
    columns: Sequence[ColumnInfo] = [column for column, part in leaves if part is None and column.kind is Kind.LABEL]
    if not columns or len(columns) < len(leaves) or any(column != columns[0] for column in columns):
        return None
    return columns[0]
