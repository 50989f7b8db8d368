"""Checksums of a file of rows, block by block: what is read of it is checked first, and the rest not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from .arrow import column_or_none
from .stores.mapped import STEP, give_back

BLOCK = 64 << 10
"""Bytes under one checksum."""
_HEAD = 8
"""Bytes of the magic of an Arrow file, and of the two numbers before each message."""
_CONTINUES = b"\xff\xff\xff\xff"

_UNKNOWN, _CLEAN, _DAMAGED = 0, 1, 2

Spans = list[tuple[int, int]]
"""Damaged memory, as addresses (start, end)."""


def block_sums(file: pa.Buffer) -> bytes:
    """XXH3-64 of every `BLOCK` bytes, little-endian uint64."""
    view = memoryview(file)
    sums = [xxhash.xxh3_64_intdigest(view[start : start + BLOCK]) for start in range(0, file.size, BLOCK)]
    return np.array(sums, "<u8").tobytes()


class Blocks:
    """The blocks of a file, each hashed when somebody first asks for it. Threads may share one.

    Args:
        file: the bytes as they are now.
        sums: those of `block_sums` as they were written; where the file is shorter or longer, it is damaged.
    """

    def __init__(self, file: pa.Buffer, sums: bytes) -> None:
        self.file = file
        self._sums = np.frombuffer(sums, "<u8").tolist()
        self._known = np.zeros(max(len(self._sums), -(-file.size // BLOCK)), np.uint8)

    def clean(self, start: int, length: int) -> bool:
        """Whether these bytes are in the file and what was written."""
        if start < 0 or start + length > self.file.size:
            return False
        first, last = start // BLOCK, -(-(start + length) // BLOCK)
        self._look(first, last)
        return bool((self._known[first:last] == _CLEAN).all())

    def clean_buffers(self, buffers: Sequence[pa.Buffer | None]) -> bool:
        """The same of memory that lies in the file, as the buffers of an Arrow array do."""
        there = [buffer for buffer in buffers if buffer is not None and buffer.size]
        return all(self.clean(buffer.address - self.file.address, buffer.size) for buffer in there)

    def damaged(self) -> Spans:
        """All that is not what was written."""
        self._look(0, len(self._known))
        starts = (np.flatnonzero(self._known == _DAMAGED) * BLOCK + self.file.address).tolist()
        return [(start, start + BLOCK) for start in starts]

    def _look(self, first: int, last: int) -> None:
        view, hashed = memoryview(self.file), 0
        for number in (np.flatnonzero(self._known[first:last] == _UNKNOWN) + first).tolist():
            block = view[number * BLOCK : (number + 1) * BLOCK]
            known = number < len(self._sums) and len(block) > 0
            same = known and xxhash.xxh3_64_intdigest(block) == self._sums[number]
            self._known[number] = _CLEAN if same else _DAMAGED
            hashed += len(block)
            if hashed >= STEP:  # a process is charged for the pages that it looks at
                give_back(self.file)
                hashed = 0


def messages(blocks: Blocks) -> Iterator[pa.Message]:
    """The messages of an Arrow file in order, up to the first whose head is damaged: without it nobody knows where the
    next begins. Their bodies are not looked at."""
    file, place = blocks.file, _HEAD
    while blocks.clean(place, _HEAD):
        head = file.slice(place, _HEAD).to_pybytes()
        length = int.from_bytes(head[4:], "little")
        if head[:4] != _CONTINUES or length == 0 or not blocks.clean(place, _HEAD + length):
            return
        try:
            message = pa.ipc.read_message(file.slice(place))
        except (pa.ArrowException, OSError, EOFError):  # cut short
            return
        yield message
        place += _HEAD + length + (message.body.size if message.body is not None else 0)


class CheckedRows:
    """The rows of a fragment's file as a table whose columns are checked one by one, when they are first read.

    Attributes:
        table: all rows; of a column that was not `checked` nothing but its type and length may be looked at, for Arrow
            trusts offsets, and a flipped bit would crash the process.
    """

    def __init__(self, blocks: Blocks, table: pa.Table) -> None:
        self.table = table
        self._blocks = blocks
        self._checked: set[str] = set()

    @classmethod
    def open(cls, file: pa.Buffer, sums: bytes, rows: int) -> CheckedRows | None:
        """The rows of a file; None if it has not `rows` rows in messages that are whole."""
        blocks = Blocks(file, sums)
        found = messages(blocks)
        head = next(found, None)
        if head is None or head.type != "schema":
            return None
        schema = pa.ipc.read_schema(head)
        batches: list[Any] = [pa.ipc.read_record_batch(message, schema) for message in found]
        table = pa.Table.from_batches(batches, schema)
        return cls(blocks, table) if table.num_rows == rows else None

    def checked(self, name: str) -> bool:
        """Whether the column is what was written, or not there."""
        column = None if name in self._checked else column_or_none(self.table, name)
        if column is None:
            return True
        clean = all(self._blocks.clean_buffers(chunk.buffers()) for chunk in column.chunks)
        if clean:
            self._checked.add(name)
        return clean
