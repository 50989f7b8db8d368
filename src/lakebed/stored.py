"""Stored cells of chosen rows as they are: links as URLs, big payloads left where they lie."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from .indexing import RowArray
from .storage.htypes import htype_of
from .storage.schema import TensorSpec
from .storage.selection import Selection
from .storage.snapshot import Snapshot
from .storage.source import SampleSource

FEW = 64
"""Up to so many rows are looked up one by one, which costs those rows and not the dataset."""


def stored_cells(source: SampleSource, spec: TensorSpec, rows: RowArray) -> dict[str, pa.Array]:
    """Cells by suffix, one single-chunk array for each of `Htype.fields`; nothing is fetched or decoded."""
    suffixes = list(htype_of(spec).fields(spec))
    if len(rows) <= FEW and isinstance(source, (Snapshot, Selection)):
        cells = source.stored(spec.name, rows)
        return {suffix: cells[suffix] for suffix in suffixes}
    table = source.table([spec.column + suffix for suffix in suffixes])
    chosen = table if _is_everything(rows, len(source)) else table.take(pa.array(rows))
    return {suffix: _whole(chosen.column(spec.column + suffix)) for suffix in suffixes}


def _is_everything(rows: RowArray, length: int) -> bool:
    return len(rows) == length and (length == 0 or bool(rows[0] == 0 and (np.diff(rows) == 1).all()))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined
