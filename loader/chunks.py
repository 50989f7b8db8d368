"""Chunk files: plain Arrow IPC files whose record batches can also be found, checked and read one by one.

A batch is checked in two parts, so that reading one image never hashes its neighbours: the *frame* hash covers the
    message header and every buffer but the payload bytes; each payload has its own hash in the column beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import xxhash

from ..storage.errors import DamageError

HASH_SUFFIX = ".xxh3"
URL_SUFFIX = ".url"
_MAGIC = 8


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """Where one record batch lies in its chunk file."""

    offset: int
    length: int
    rows: int
    frame: int
    """XXH3-64 of the message without payload bytes."""


@dataclass(frozen=True, slots=True)
class ChunkEntry:
    """One chunk file of a view."""

    key: str
    """Relative to the view's prefix; the name is the hash of the content."""
    nbytes: int
    digest: str
    """XXH3-128 of the file, hexadecimal."""
    batches: tuple[BatchEntry, ...]

    @property
    def rows(self) -> int:
        return sum(batch.rows for batch in self.batches)

    def to_json(self) -> list[Any]:
        return [self.key, self.nbytes, self.digest, [[b.offset, b.length, b.rows, b.frame] for b in self.batches]]

    @classmethod
    def from_json(cls, data: list[Any]) -> ChunkEntry:
        key, nbytes, digest, batches = data
        return cls(key, nbytes, digest, tuple(BatchEntry(*batch) for batch in batches))


def write_chunk(
    batches: Collection[pa.RecordBatch], schema: pa.Schema, payloads: Collection[str]
) -> tuple[pa.Buffer, ChunkEntry]:
    """The bytes of a chunk file and its entry; `payloads` names the columns with hashes of their own."""
    size = pa.MockOutputStream()  # counts: a buffer that grows is copied at every step
    _write(size, batches, schema)
    file = pa.allocate_buffer(size.size())
    _write(pa.FixedSizeBufferWriter(file), batches, schema)
    digest = xxhash.xxh3_128_hexdigest(file)
    entries = tuple(_entries(file, schema, payloads, len(batches)))
    return file, ChunkEntry(f"{digest}.arrow", file.size, digest, entries)


def _write(sink: Any, batches: Collection[pa.RecordBatch], schema: pa.Schema) -> None:
    with sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _entries(file: pa.Buffer, schema: pa.Schema, payloads: Collection[str], count: int) -> Iterator[BatchEntry]:
    reader = pa.BufferReader(file)
    reader.seek(_MAGIC)
    pa.ipc.read_message(reader)  # the schema
    for _ in range(count):
        start = reader.tell()
        pa.ipc.read_message(reader)
        piece = file.slice(start, reader.tell() - start)
        batch, header = _parse(piece, schema)
        yield BatchEntry(start, piece.size, batch.num_rows, frame_hash(header, batch, payloads))


def _parse(piece: pa.Buffer, schema: pa.Schema) -> tuple[pa.RecordBatch, pa.Buffer]:
    message = pa.ipc.read_message(piece)
    header = piece.slice(0, piece.size - message.body.size)
    return pa.ipc.read_record_batch(message, schema), header


def frame_hash(header: pa.Buffer, batch: pa.RecordBatch, payloads: Collection[str]) -> int:
    """XXH3-64 of a message but for the bytes of `payloads`."""
    digest = xxhash.xxh3_64(header)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        buffers = column.buffers()
        for buffer in buffers[:-1] if name in payloads else buffers:
            if buffer is not None:
                digest.update(buffer)
    return digest.intdigest()


def read_batch(
    file: pa.Buffer, entry: BatchEntry, schema: pa.Schema, payloads: Collection[str], place: str
) -> pa.RecordBatch:
    """One record batch of a chunk file, zero copy, its frame checked.

    Raises:
        DamageError: the bytes are not what was written; `place` says of which file.
    """
    if entry.offset + entry.length > file.size:
        raise damaged(f"the file has {file.size} bytes, at least {entry.offset + entry.length} were written", place)
    try:
        batch, header = _parse(file.slice(entry.offset, entry.length), schema)
        good = batch.num_rows == entry.rows and frame_hash(header, batch, payloads) == entry.frame
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise damaged(f"a record batch cannot be read: {error}", f"{place}, byte {entry.offset}") from error
    if not good:
        raise damaged("a record batch is not what was written", f"{place}, byte {entry.offset}")
    return batch


def damaged(message: str, place: str) -> DamageError:
    """The one error for chunk files that changed after they were written."""
    hint = "delete the materialised view and materialise it again; the dataset itself is not concerned"
    return DamageError(message, kind="chunk-damaged", place=place, hint=hint)
