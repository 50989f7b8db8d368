"""Payloads found by offsets, where they lie: an Arrow scalar of a binary cell is a copy of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from ..storage.vectors import numpy_of
from .chunks import damaged

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


class PayloadColumn:
    """A `large_binary` column and its column of hashes; nothing is copied.

    Args:
        values: the payloads, an array straight from a file (offset 0).
        hashes: XXH3-64 of each payload, uint64.
        place: file name for messages.
    """

    __slots__ = ("_bytes", "_hashes", "_offsets", "_place", "_valid")

    def __init__(self, values: pa.Array, hashes: pa.Array, place: str) -> None:
        validity, offsets, data = values.buffers()
        count = len(values)
        self._offsets = np.frombuffer(offsets, np.int64, count + 1)
        self._bytes: Bytes = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
        self._valid = numpy_of(values.is_valid()) if validity is not None else None
        self._hashes = numpy_of(hashes)
        self._place = place

    def get(self, row: int) -> Bytes | None:
        """The bytes of a row as a view of the mapped file, or None for an empty cell.

        Raises:
            DamageError: they are not what was written.
        """
        if self._valid is not None and not self._valid[row]:
            return None
        data = self._bytes[self._offsets[row] : self._offsets[row + 1]]
        if xxhash.xxh3_64_intdigest(data.data) != int(self._hashes[row]):
            raise damaged("a payload is not what was written", f"{self._place}, row {row} of its batch")
        return data


def payload_views(values: pa.Array) -> list[memoryview | None]:
    """The bytes of each cell of a binary or string column; None for an empty one. Nothing is copied."""
    if not len(values):
        return []
    _, offsets, data = values.buffers()
    wide = pa.types.is_large_binary(values.type) or pa.types.is_large_string(values.type)
    bounds = np.frombuffer(offsets, np.int64 if wide else np.int32)[values.offset : values.offset + len(values) + 1]
    whole = memoryview(data if data is not None else b"").cast("B")  # Arrow's buffers show signed bytes
    cells = [whole[start:stop] for start, stop in pairwise(bounds.tolist())]
    if not values.null_count:
        return list(cells)
    return [cell if given else None for cell, given in zip(cells, values.is_valid().to_pylist(), strict=True)]
