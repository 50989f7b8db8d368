"""Salvage: which rows of a damaged file of rows are whole, told by its block checksums, and those rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints
from .blocks import Blocks, Spans, messages

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def whole_rows(file: pa.Buffer, sums: bytes) -> tuple[pa.Table | None, Ints]:
    """The rows of an Arrow IPC file that no damaged byte touches, and their offsets; None if not even the schema is.

    Args:
        sums: XXH3-64 of each block of `blocks.BLOCK` bytes, little-endian uint64, as they were written.
    """
    blocks = Blocks(file, sums)
    bad = blocks.damaged()
    schema: pa.Schema | None = None
    batches: list[pa.RecordBatch] = []
    offsets: list[Ints] = []
    start = 0
    for message in messages(blocks):
        if message.type == "schema":
            schema = pa.ipc.read_schema(message)
        elif schema is not None and message.type == "record batch":
            batch = pa.ipc.read_record_batch(message, schema)
            good = np.flatnonzero(~_touched_rows(batch, bad))
            batches.append(_taken(batch, good))
            offsets.append(good + start)
            start += batch.num_rows
    if schema is None:
        return None, np.empty(0, np.int64)
    return pa.Table.from_batches(batches, schema), np.concatenate([np.empty(0, np.int64), *offsets])


def _taken(batch: pa.RecordBatch, good: Ints) -> pa.RecordBatch:
    """The good rows, run by run: `take` would trust offsets of the rows in between."""
    cuts = np.flatnonzero(np.diff(good) != 1) + 1
    runs = [run for run in np.split(good, cuts) if len(run)]
    return pa.record_batch([_copied(column, runs) for column in batch.columns], schema=batch.schema)


def _copied(column: pa.Array, runs: list[Ints]) -> pa.Array:
    """A column of its own: a lone slice would keep the damaged elements beside it, and a nested one be refused."""
    nothing = pa.array([], column.type)
    return pa.concat_arrays([nothing, *(column.slice(int(run[0]), len(run)) for run in runs), nothing])


def _touched_rows(batch: pa.RecordBatch, bad: Spans) -> Mask:
    touched = np.zeros(batch.num_rows, bool)
    for column in batch.columns:
        touched |= _touched(column, bad)
    return touched


def _touched(array: pa.Array, bad: Spans) -> Mask:
    """Elements of an array, fresh from a message, of which any byte is damaged."""
    kind, count = array.type, len(array)
    buffers = array.buffers()
    touched = _elements(buffers[0], 1 / 8, count, bad)
    if pa.types.is_null(kind) or count == 0:
        return touched
    if pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            touched |= _touched(array.field(number), bad)
    elif pa.types.is_fixed_size_list(kind):
        inner = _touched(array.values, bad)[: count * kind.list_size]
        touched |= inner.reshape(count, kind.list_size).any(axis=1)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        touched |= _variable(buffers[1], pa.types.is_large_list(kind), _touched(array.values, bad), count, bad)
    elif pa.types.is_fixed_size_binary(kind) or pa.types.is_primitive(kind):
        touched |= _elements(buffers[1], kind.bit_width / 8, count, bad)
    else:
        large = pa.types.is_large_binary(kind) or pa.types.is_large_string(kind)
        size = buffers[2].size if buffers[2] is not None else 0
        touched |= _variable(buffers[1], large, _elements(buffers[2], 1, size, bad), count, bad)
    return touched


def _elements(buffer: pa.Buffer | None, width: float, count: int, bad: Spans) -> Mask:
    """Elements of `width` bytes of which any byte is damaged."""
    touched = np.zeros(count, bool)
    if buffer is None:
        return touched
    for begin, end in bad:
        first, last = int((begin - buffer.address) // width), int(-(-(end - buffer.address) // width))
        touched[max(first, 0) : max(last, 0)] = True
    return touched


def _variable(offsets: pa.Buffer, large: bool, inner: Mask, count: int, bad: Spans) -> Mask:
    """Rows of a list or string column: their two offsets, and the elements between them."""
    width = 8 if large else 4
    marks = _elements(offsets, width, count + 1, bad)
    touched = marks[:-1] | marks[1:]
    places = np.frombuffer(offsets, np.int64 if large else np.int32)[: count + 1].astype(np.int64)
    so_far = np.concatenate([[0], np.cumsum(inner)])
    good = np.flatnonzero(~touched)
    touched[good] = so_far[places[good + 1]] > so_far[places[good]]
    return touched
