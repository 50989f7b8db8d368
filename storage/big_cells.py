"""Cells too big for a row: which these are, as what bytes they lie in chunk files, and the way back into a column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from .arrow import Ints
from .payloads import REF_TYPE, ChunkWriter, Part, read_cells
from .schema import TensorSpec
from .stores.base import Store

FEATURE = "big-cells"
"""In FORMAT's features: cells of any tensor may lie in chunk files, not only files. Without it a reader of an earlier
release may meet the dataset, and would take such a cell for an empty one."""

Place = Callable[[int], str]
"""Whose cell it is, for messages, by its number among the cells read."""


def may_be_big(spec: TensorSpec, kind: pa.DataType) -> bool:
    """Whether cells of the value column, of type `kind`, go to chunk files if they are big.

    Labels stay: the codes of a fragment are listed in its descriptor, and renumbered when branches are merged.
    """
    labels = spec.htype == "class_label" and not spec.sequence
    return not labels and (_is_bytes(kind) or pa.types.is_list(kind))


def moved_out(cells: pa.Array, limit: int, chunks: ChunkWriter) -> tuple[pa.Array, pa.Array]:
    """The cells with null in place of those over `limit` bytes, and the column that tells where these went."""
    big = big_rows(cells, limit)
    if not len(big):
        return cells, pa.nulls(len(cells), REF_TYPE)
    parts = {row: chunks.add(to_bytes(cells.slice(row, 1))) for row in big.tolist()}
    chunks.flush()
    gone = np.zeros(len(cells), bool)
    gone[big] = True
    kept = cells.take(pa.array(np.arange(len(cells)), mask=gone))
    return kept, ref_column([parts.get(row) for row in range(len(cells))])


def ref_column(parts: Sequence[Sequence[Part] | None]) -> pa.Array:
    """The column of references of cells whose parts these are; None for one in its row."""
    return pa.array([[part.to_arrow() for part in found] if found else None for found in parts], REF_TYPE)


def big_rows(cells: pa.Array, limit: int) -> Ints:
    """Rows whose cell has more than `limit` bytes."""
    if cells.nbytes <= limit:
        return np.empty(0, np.int64)
    return np.flatnonzero(sizes(cells) > limit)


def sizes(cells: pa.Array) -> Ints:
    """About the bytes of each cell, validity and offsets left out.

    >>> sizes(pa.array([[1.0, 2.0], [], [3.0]])).tolist()
    [16, 0, 8]
    """
    kind = cells.type
    width = _width(kind)
    if width is not None:
        return np.full(len(cells), width, np.int64)
    if _is_bytes(kind):
        return _steps(_offsets(cells))
    if pa.types.is_fixed_size_list(kind):
        return np.asarray(sizes(cells.flatten()).reshape(len(cells), -1).sum(axis=1), np.int64)
    offsets = cells.offsets.to_numpy().astype(np.int64)
    inner = _width(kind.value_type)
    if inner is not None:  # nearly always: numbers, boxes
        return _steps(offsets) * inner
    return _steps(np.concatenate([[0], np.cumsum(sizes(cells.values))])[offsets])


def _steps(ends: Ints) -> Ints:
    return np.asarray(np.diff(ends), np.int64)


def _width(kind: pa.DataType) -> int | None:
    """Bytes of every value of a type; None where values differ in that."""
    if pa.types.is_null(kind):
        return 0
    if pa.types.is_fixed_size_list(kind):
        inner = _width(kind.value_type)
        return None if inner is None else inner * int(kind.list_size)
    return None if _is_bytes(kind) or pa.types.is_list(kind) else -(-int(kind.bit_width) // 8)


def _offsets(cells: pa.Array) -> Ints:
    """Where each string begins in the data, and where the last one ends."""
    buffer = cells.buffers()[1]
    if buffer is None or not len(cells):
        return np.zeros(len(cells) + 1, np.int64)
    found = np.frombuffer(buffer, _offset_type(cells.type))[cells.offset : cells.offset + len(cells) + 1]
    return found.astype(np.int64)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_binary(kind))


def _offset_type(kind: pa.DataType) -> type[np.signedinteger]:
    return np.int64 if pa.types.is_large_binary(kind) else np.int32


# --- bytes in chunk files ---


def to_bytes(cell: pa.Array) -> pa.Buffer:
    """A cell, as an array of one element, as it lies in a chunk file: of text and files their own bytes, of anything
    else an Arrow IPC stream with the one cell in a column "cell"."""
    if _is_bytes(cell.type):
        return cell[0].as_buffer()
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([cell], names=["cell"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def from_bytes(data: pa.Buffer, kind: pa.DataType) -> pa.Array:
    """The inverse of `to_bytes`; the data is not copied."""
    if _is_bytes(kind):
        ends = pa.py_buffer(np.array([0, data.size], _offset_type(kind)))
        return pa.Array.from_buffers(kind, 1, [None, ends, data])
    # Numbers of Arrow lie at multiples of eight bytes; only a writer that is not ours puts a stream anywhere else.
    aligned = data if data.address % 8 == 0 else pa.py_buffer(data.to_pybytes())
    cell = pa.ipc.open_stream(aligned).read_all().column(0).chunk(0)
    return cell if cell.type == kind else cell.cast(kind)


# --- back into a column ---


def brought_in(store: Store, cells: pa.ChunkedArray, refs: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    """The cells with those that lie in chunk files put in; nothing is copied but what the store cannot map.

    Raises:
        DamageError: one is not what was written; `place` says whose it is.
        ObjectMissingError, StorageError: a chunk file cannot be read.
    """
    away = np.flatnonzero(elsewhere(refs))
    if not len(away):
        return cells
    parts = [[Part(**part) for part in found] for found in refs.take(pa.array(away)).to_pylist()]
    found = read_cells(store, parts, lambda number: place(int(away[number])))
    return pa.chunked_array(list(_between(cells, away, found)), cells.type)


def elsewhere(refs: pa.ChunkedArray | pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which cells lie in chunk files."""
    chunks = refs.chunks if isinstance(refs, pa.ChunkedArray) else [refs]
    counts = [np.nan_to_num(chunk.value_lengths().to_numpy(zero_copy_only=False)) > 0 for chunk in chunks]
    return np.concatenate([np.zeros(0, bool), *counts])


def _between(cells: pa.ChunkedArray, away: Ints, found: Sequence[pa.Buffer]) -> Iterator[pa.Array]:
    start = 0
    for row, data in zip(away.tolist(), found, strict=True):
        yield from _filled(cells.slice(start, row - start))
        yield from_bytes(data, cells.type)
        start = row + 1
    yield from _filled(cells.slice(start))


def _filled(cells: pa.ChunkedArray) -> Iterator[pa.Array]:
    return (chunk for chunk in cells.chunks if len(chunk))


def contents(refs: pa.Array) -> list[tuple[tuple[int, int], ...]]:
    """What each cell holds, wherever it lies: length and hash of its parts, () for one in its row."""
    return [tuple((part["length"], part["xxh3"]) for part in found or ()) for found in refs.to_pylist()]
