"""Arrow helpers shared by fragments, overlays and chunks: IPC bytes, finding columns, taking rows, absent columns."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from .vectors import arrow_of

BATCH_ROWS = 1 << 16
"""Rows per record batch of a fragment: DuckDB scans batches in parallel."""

Ints = np.ndarray[Any, np.dtype[np.int64]]


def table_to_file(table: pa.Table) -> pa.Buffer:
    """The table as an uncompressed Arrow IPC file, so that it can be mapped and read without copying."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=BATCH_ROWS)
    return sink.getvalue()


def table_to_stream(table: pa.Table) -> bytes:
    """The table as an Arrow IPC stream: smaller than a file for few rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def pack_table(table: pa.Table) -> bytes:
    """The table as a compressed Arrow IPC stream: for few rows the description of the columns is most of it."""
    return zlib.compress(table_to_stream(table), 1)


def unpack_table(data: bytes) -> pa.Table:
    """The inverse of `pack_table`."""
    return pa.ipc.open_stream(zlib.decompress(data)).read_all()


def column_or_none(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    """A column, or None if there is none of that name.

    `table.column_names` makes a list of all names each time: asked for every one of hundreds of columns, that costs far
    more than reading them.
    """
    number = table.schema.get_field_index(name)
    return table.column(number) if number >= 0 else None


def take_rows(column: pa.ChunkedArray, rows: Ints) -> pa.Array:
    """The elements at `rows` (int64, any order, repeats allowed) as one array.

    `ChunkedArray.take` joins all chunks of nested columns first, which for one row of a million is absurd.
    """
    if column.num_chunks == 1:
        return _take(column.chunk(0), rows)
    if not len(rows):
        return pa.nulls(0, column.type)
    if is_ascending(rows):
        return join(take_chunks(column, rows).chunks, column.type)
    ascending, back = in_order(rows)
    return take_rows(column, ascending).take(back)


def take_chunks(column: pa.ChunkedArray, rows: Ints) -> pa.ChunkedArray:
    """The same as a chunked array; ascending rows are taken chunk by chunk, without putting them together again."""
    if column.num_chunks < 2 or not is_ascending(rows):
        return pa.chunked_array([take_rows(column, rows)], column.type)
    ends = np.cumsum([len(chunk) for chunk in column.chunks])
    cuts = [0, *np.searchsorted(rows, ends).tolist()]
    parts = [
        _take(chunk, rows[low:high] - (end - len(chunk)))
        for chunk, end, low, high in zip(column.chunks, ends, cuts[:-1], cuts[1:], strict=True)
        if high > low
    ]
    return pa.chunked_array(parts, column.type)


def in_order(rows: Ints) -> tuple[Ints, pa.Array]:
    """The rows ascending, and where each of the given ones is among them: what takes them back.

    >>> [found.tolist() for found in in_order(np.array([7, 3, 5]))]
    [[3, 5, 7], [2, 0, 1]]
    """
    order = np.argsort(rows, kind="stable")
    back = np.empty(len(rows), np.int64)
    back[order] = np.arange(len(rows))
    return rows[order], arrow_of(back)


def is_ascending(rows: Ints) -> bool:
    """Whether no row comes after a greater one."""
    return bool(np.all(rows[1:] >= rows[:-1]))


def _take(array: pa.Array, rows: Ints) -> pa.Array:
    if len(rows) and len(rows) == rows[-1] - rows[0] + 1 and (np.diff(rows) == 1).all():
        return array.slice(int(rows[0]), len(rows))
    return array.take(arrow_of(rows))


def put(column: pa.Array, places: Sequence[int] | Ints, values: pa.Array) -> pa.Array:
    """`column` with `values` at `places`."""
    if len(column) == len(places) == 1:
        return values
    order = np.arange(len(column), dtype=np.int64)
    order[np.asarray(places, dtype=np.int64)] = len(column) + np.arange(len(places))
    return pa.concat_arrays([column, values]).take(arrow_of(order))


def empty_column(kind: pa.DataType, rows: int) -> pa.Array:
    """What a tensor added later holds in older rows: an empty list where the column is a list, else null."""
    if pa.types.is_list(kind):
        offsets = arrow_of(np.zeros(rows + 1, np.int32))
        return pa.ListArray.from_arrays(offsets, pa.nulls(0, kind.value_type)).cast(kind)
    return pa.nulls(rows, kind)


def binary_array(values: Sequence[bytes | memoryview | None]) -> pa.Array:
    """A large_binary array of these bytes.

    Files of a page make megabytes; `pa.array` would have them grow by doubling, each time into fresh memory.
    """
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum([0 if value is None else len(value) for value in values], out=offsets[1:])
    data = pa.py_buffer(b"".join(value for value in values if value is not None))
    given = [value is not None for value in values]
    validity = None if all(given) else pa.array(given).buffers()[1]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(values), [validity, pa.py_buffer(offsets), data])


def join(arrays: Sequence[pa.Array], kind: pa.DataType) -> pa.Array:
    """One array of all, or an empty one of type `kind`; a single one is not copied."""
    if len(arrays) == 1:
        return arrays[0]
    return pa.concat_arrays(list(arrays)) if arrays else pa.nulls(0, kind)
