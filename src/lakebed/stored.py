"""Stored cells of chosen rows as they are: links as URLs, big files left where they lie."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from .indexing import RowArray
from .storage.htypes import htype_of
from .storage.schema import TensorSpec
from .storage.source import SampleSource


def stored_cells(source: SampleSource, spec: TensorSpec, rows: RowArray) -> dict[str, pa.Array]:
    """Cells by suffix, one single-chunk array for each of `Htype.fields`; no link is followed, nothing is decoded."""
    suffixes = list(htype_of(spec).fields(spec))
    chosen = None if _is_everything(rows, len(source)) else rows
    table = source.table([spec.column + suffix for suffix in suffixes], chosen)
    return {suffix: _whole(table.column(spec.column + suffix)) for suffix in suffixes}


def _is_everything(rows: RowArray, length: int) -> bool:
    return len(rows) == length and (length == 0 or bool(rows[0] == 0 and (np.diff(rows) == 1).all()))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined
