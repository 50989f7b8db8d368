"""Tests on columns of single values with NumPy: compared with known numbers, stopping when enough rows are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..tql.bound import Const, Member
from ..tql.row_tests import ScalarTest
from .element_scan import COMPARE
from .element_tables import Array, Ints, ScalarChunk
from .label_scan import Mask, rows_in_blocks

FEW_OPTIONS = 8
"""Options of IN that are compared one by one; more are looked up."""


def scalar_rows(chunks: Iterable[ScalarChunk], test: ScalarTest, limit: int | None) -> Ints:
    """The rows that pass, ascending; at most `limit`."""
    return rows_in_blocks(((chunk.first, len(chunk.values), part_of(chunk, test)) for chunk in chunks), limit)


def part_of(chunk: ScalarChunk, test: ScalarTest) -> Mask:
    def mask(start: int, stop: int) -> Array:
        valid = None if chunk.valid is None else chunk.valid[start:stop]
        return scalar_mask(chunk.values[start:stop], valid, test)

    return mask


def scalar_mask(values: Array, valid: Array | None, test: ScalarTest) -> Array:
    mask = holds(values, test)
    if test.negated:
        mask = ~mask
    return mask if valid is None else mask & valid


def holds(values: Array, test: ScalarTest) -> Array:
    condition = test.condition
    if isinstance(condition, Member):
        return among(values, condition.options)
    left, right = (side.value if isinstance(side, Const) else values for side in (condition.left, condition.right))
    found: Array = COMPARE[condition.op](left, right)
    return found


def among(values: Array, options: Sequence[Any]) -> Array:
    """Whether each value is one of the options."""
    if len(options) > FEW_OPTIONS:
        wanted = np.array(options)
        return np.isin(values, wanted.astype(values.dtype) if values.dtype == np.float32 else wanted)
    found = np.zeros(len(values), dtype=bool)
    for option in options:
        found |= values == option
    return found
