"""Ragged NumPy rows to Arrow list columns and back, without a Python loop over elements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import SampleError
from ..vectors import numpy_of

Array = np.ndarray[Any, np.dtype[Any]]

SHAPE_TYPE = pa.list_(pa.int32())
_MAX_ELEMENTS = 2**31 - 1


def lengths_of(rows: Sequence[Any]) -> Array:
    """len() of each row, int64."""
    return np.fromiter(map(len, rows), np.int64, len(rows))


def split_rows(flat: Array, lengths: Array) -> list[Array]:
    """`flat` cut along its first axis into consecutive rows; the rows are views of `flat`."""
    ends = [0, *np.cumsum(lengths).tolist()]
    return [flat[start:end] for start, end in pairwise(ends)]


def join_rows(rows: Sequence[Array], dtype: Any, item: tuple[int, ...] = ()) -> Array:
    """The rows one after the other, freshly allocated: shape (sum of lengths, *item)."""
    if not rows:
        return np.zeros((0, *item), dtype)
    return np.concatenate(rows, dtype=dtype, casting="same_kind")


def list_column(values: pa.Array, lengths: Array, type: pa.DataType, mask: Array | None = None) -> pa.Array:
    """A list column of `type` whose rows have `lengths` elements of `values`; rows where `mask` is true are null."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if offsets[-1] > _MAX_ELEMENTS:
        raise SampleError(
            f"one batch holds {offsets[-1]} elements, at most {_MAX_ELEMENTS} fit",
            kind="batch-too-large",
            hint="append in smaller batches",
        )
    nulls = None if mask is None or not mask.any() else pa.array(mask)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, type=type, mask=nulls)


def fixed_list_column(flat: Array, lengths: Array, type: pa.DataType) -> pa.Array:
    """A column of ``list<fixed_size_list<T, width>>`` from `flat` of shape (sum of lengths, ...) in C order."""
    inner = type.value_type
    values = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), type=inner)
    return list_column(values, lengths, type)


def list_lengths(column: pa.Array) -> Array:
    """Elements of each row of a list column, int64; null rows have 0."""
    # Arrow's methods import pyarrow.compute when they need it; at the top it would cost every start 0.1 s.
    lengths = column.value_lengths()
    counts = numpy_of(lengths).astype(np.int64)
    return np.where(numpy_of(lengths.is_valid()), counts, 0) if lengths.null_count else counts


def flat_copy(values: pa.Array, dtype: Any) -> Array:
    """The values of a primitive array without nulls, as a writable private NumPy copy."""
    return np.array(numpy_of(values), dtype=dtype, copy=True)


def list_rows(column: pa.Array, dtype: Any) -> list[Array]:
    """Rows of a ``list<T>`` column: writable 1-D arrays cut from one private copy; null rows are empty."""
    return split_rows(flat_copy(column.flatten(), dtype), list_lengths(column))


def shape_column(shapes: Iterable[tuple[int, ...] | None]) -> pa.Array:
    """Sample shapes as list<int32>; None is null."""
    return pa.array(shapes, SHAPE_TYPE)


def shape_rows(column: pa.Array) -> list[tuple[int, ...] | None]:
    """The inverse of `shape_column`. Rows older than the tensor have an empty list there, which is no shape either."""
    flat = column.flatten().to_pylist()
    ends = [0, *np.cumsum(list_lengths(column)).tolist()]
    return [tuple(flat[start:end]) or None for start, end in pairwise(ends)]
