"""Chunk files: bytes too big for a row are written into them, and come back checked."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import xxhash

from .errors import DamageError
from .stores.base import Store

IN_ROW = 64 << 10
"""Cells up to this many bytes stay in the row."""
CHUNK = 32 << 20
"""About the bytes of a chunk file; a larger cell spans several."""
NEAR = 64 << 10
"""Parts of a chunk file with at most so many bytes between them are read together."""
WHOLE = 8 << 20
"""From so many bytes wanted of one chunk file on, it is mapped (from S3: fetched whole into the local cache)."""

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
"""Where the parts of a big cell lie: file, byte range, XXH3-64 of the range."""

_SCHEMA = pa.schema([pa.field("data", pa.large_binary(), nullable=False)])


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a big cell in a chunk file."""

    key: str
    offset: int
    length: int
    xxh3: int

    def to_arrow(self) -> dict[str, object]:
        return {"key": self.key, "offset": self.offset, "length": self.length, "xxh3": self.xxh3}


class ChunkWriter:
    """Collects big cells of a transaction into chunk files: Arrow IPC with one `data` column, a piece a row."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._size = 0
        self._waiting: list[tuple[list[Part], memoryview]] = []

    def add(self, data: bytes | pa.Buffer) -> list[Part]:
        """Take a cell's bytes; the returned list is filled in when they are written, at the latest by `flush`."""
        parts: list[Part] = []
        view = memoryview(data).cast("B")
        for start in range(0, len(view), CHUNK):
            piece = view[start : start + CHUNK]
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


def _chunk_file(pieces: Sequence[memoryview]) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _SCHEMA) as writer:
        writer.write_batch(pa.record_batch([pa.array(pieces, pa.large_binary())], schema=_SCHEMA))
    return sink.getvalue()


def _offsets(column: pa.ChunkedArray, file: pa.Buffer) -> list[int]:
    """Byte offset in the file of each piece; read back from the buffers, so that it is Arrow's own layout."""
    places = []
    for chunk in column.chunks:
        _, _, data = chunk.buffers()
        starts = pa.Array.from_buffers(pa.int64(), len(chunk) + 1, [None, chunk.buffers()[1]]).to_pylist()
        places += [data.address - file.address + start for start in starts[:-1]]
    return places


def read_part(store: Store, part: Part, place: str) -> bytes:
    """The bytes of one part, from the store itself and no cache.

    Raises:
        DamageError: they are not what was written; `place` says whose they are.
    """
    data = store.get_range(part.key, part.offset, part.length)
    _check(pa.py_buffer(data), part, store, place)
    return data


def read_cells(store: Store, cells: Sequence[Sequence[Part]], place: Callable[[int], str]) -> list[pa.Buffer]:
    """Cells put together from their parts; what lies near to each other in a file is read at once.

    Raises:
        DamageError: a part is not what was written; `place` says whose cell it is, by its number.
        ObjectMissingError, StorageError: a file cannot be read.
    """
    owners: dict[str, dict[Part, int]] = {}
    for number, parts in enumerate(cells):
        for part in parts:
            owners.setdefault(part.key, {}).setdefault(part, number)
    found: dict[Part, pa.Buffer] = {}
    for key, owned in owners.items():
        wanted = sorted(owned, key=lambda part: part.offset)
        for part, data in zip(wanted, _read_pieces(store, key, wanted), strict=True):
            _check(data, part, store, place(owned[part]))
            found[part] = data
    return [_joined([found[part] for part in parts]) for parts in cells]


def _read_pieces(store: Store, key: str, parts: Sequence[Part]) -> list[pa.Buffer]:
    """The bytes of parts of one file, ordered by offset; fewer than they should be where the file is too short."""
    if sum(part.length for part in parts) >= WHOLE:
        whole = store.buffer(key)
        return [_sliced(whole, part.offset, part.length) for part in parts]
    pieces = []
    for run in _runs(parts):
        start = run[0].offset
        data = pa.py_buffer(store.get_range(key, start, max(part.offset + part.length for part in run) - start))
        pieces += [_sliced(data, part.offset - start, part.length) for part in run]
    return pieces


def _sliced(data: pa.Buffer, start: int, length: int) -> pa.Buffer:
    begin = min(start, data.size)
    return data.slice(begin, min(length, data.size - begin))


def _runs(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts, ordered by offset, in groups without much between their members."""
    runs: list[list[Part]] = []
    end = 0
    for part in parts:
        if runs and part.offset <= end + NEAR:
            runs[-1].append(part)
        else:
            runs.append([part])
        end = max(end, part.offset + part.length)
    return runs


def _check(data: pa.Buffer, part: Part, store: Store, place: str) -> None:
    if data.size != part.length or xxhash.xxh3_64_intdigest(data) != part.xxh3:
        raise DamageError(
            "a stored sample is not what was written",
            kind="chunk-damaged",
            place=f"{place}, {store.url}: {part.key}, byte {part.offset}",
            hint="run `lakebed verify` on the dataset, then `lakebed repair`",
        )


def _joined(pieces: Sequence[pa.Buffer]) -> pa.Buffer:
    return pieces[0] if len(pieces) == 1 else pa.py_buffer(b"".join(memoryview(piece) for piece in pieces))
