"""Payloads: cells too big for a row go to chunk files, and come back checked."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import xxhash

from .errors import DamageError
from .stores.base import Store

IN_ROW = 64 << 10
"""Payloads up to this many bytes stay in the row."""
CHUNK = 32 << 20
"""About the bytes of a chunk file; a larger payload spans several."""

REF_SUFFIX = ".ref"
REF_TYPE = pa.list_(
    pa.struct(
        [
            pa.field("key", pa.string()),
            pa.field("offset", pa.int64()),
            pa.field("length", pa.int64()),
            pa.field("xxh3", pa.uint64()),
        ]
    )
)
"""Where the parts of a big payload lie: file, byte range, XXH3-64 of the range."""

_SCHEMA = pa.schema([pa.field("data", pa.large_binary(), nullable=False)])


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a payload in a chunk file."""

    key: str
    offset: int
    length: int
    xxh3: int

    def to_arrow(self) -> dict[str, object]:
        return {"key": self.key, "offset": self.offset, "length": self.length, "xxh3": self.xxh3}


class ChunkWriter:
    """Collects big payloads of a transaction into chunk files: Arrow IPC with one `data` column, a payload a row."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._size = 0
        self._waiting: list[tuple[list[Part], bytes]] = []

    def add(self, data: bytes) -> list[Part]:
        """Take a payload; the returned list is filled in when its chunk file is written (at the latest by `flush`)."""
        parts: list[Part] = []
        for start in range(0, len(data), CHUNK):
            piece = data[start : start + CHUNK]
            self._waiting.append((parts, piece))
            self._size += len(piece)
            if self._size >= CHUNK:
                self.flush()
        return parts

    def flush(self) -> None:
        """Write what is waiting."""
        if not self._waiting:
            return
        key = _new_key()
        buffer = _chunk_file([piece for _, piece in self._waiting])
        self._store.put(key, buffer)
        column = pa.ipc.open_file(buffer).read_all().column("data")
        offset_of = iter(_offsets(column, buffer))
        for parts, piece in self._waiting:
            parts.append(Part(key, next(offset_of), len(piece), xxhash.xxh3_64_intdigest(piece)))
        self._waiting, self._size = [], 0


def _new_key() -> str:
    return f"chunks/{uuid.uuid4().hex}.arrow"


def _chunk_file(pieces: Sequence[bytes]) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _SCHEMA) as writer:
        writer.write_batch(pa.record_batch([pa.array(pieces, pa.large_binary())], schema=_SCHEMA))
    return sink.getvalue()


def _offsets(column: pa.ChunkedArray, file: pa.Buffer) -> list[int]:
    """Byte offset in the file of each payload; read back from the buffers, so that it is Arrow's own layout."""
    places = []
    for chunk in column.chunks:
        _, _, data = chunk.buffers()
        starts = pa.Array.from_buffers(pa.int64(), len(chunk) + 1, [None, chunk.buffers()[1]]).to_pylist()
        places += [data.address - file.address + start for start in starts[:-1]]
    return places


def read_parts(store: Store, parts: Sequence[Part], place: str) -> bytes:
    """A payload put together from its parts.

    Raises:
        DamageError: a part is not what was written; `place` says whose payload it is.
    """
    pieces = []
    for part in parts:
        data = store.get_range(part.key, part.offset, part.length)
        if len(data) != part.length or xxhash.xxh3_64_intdigest(data) != part.xxh3:
            raise DamageError(
                "a stored sample is not what was written",
                kind="chunk-damaged",
                place=f"{place}, {store.url}: {part.key}, byte {part.offset}",
                hint="run `lakebed verify` on the dataset, then `lakebed repair`",
            )
        pieces.append(data)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
