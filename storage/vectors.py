"""Numbers between Arrow and NumPy without a copy, and without pandas: where it is installed, Arrow's own conversions
import it, which takes longer than most first queries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]


def numpy_of(array: pa.Array) -> Array:
    """Numbers or booleans as NumPy has them; where one is missing, anything may stand.

    >>> numpy_of(pa.array([1, 2, 3])[1:]).tolist()
    [2, 3]
    """
    size, data = len(array), array.buffers()[1]
    dtype = np.dtype(array.type.to_pandas_dtype())
    if size == 0 or data is None:
        return np.zeros(size, dtype)
    if dtype.kind == "b":
        first = array.offset % 8
        packed = np.frombuffer(data, np.uint8, offset=array.offset // 8)
        return np.unpackbits(packed, count=first + size, bitorder="little")[first:].view(bool)
    return np.frombuffer(data, dtype, size, array.offset * dtype.itemsize)


def numpy_of_all(column: pa.ChunkedArray) -> Array:
    """The same of a column."""
    if column.num_chunks == 1:
        return numpy_of(column.chunk(0))
    parts = [numpy_of(chunk) for chunk in column.chunks]
    return np.concatenate(parts) if parts else np.zeros(0, column.type.to_pandas_dtype())


def arrow_of(values: Array) -> pa.Array:
    """The inverse: one-dimensional numbers or booleans.

    >>> arrow_of(np.array([True, False])).to_pylist()
    [True, False]
    """
    kind = pa.from_numpy_dtype(values.dtype)
    data = np.packbits(values, bitorder="little") if values.dtype.kind == "b" else np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(data)])
