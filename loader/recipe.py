"""What all pages of one run of the materialiser have in common, and the columns that they fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import LakebedError
from ..storage.htypes import htype_of
from ..storage.schema import Schema
from ..storage.source import SampleSource
from .chunks import HASH_SUFFIX, URL_SUFFIX
from .errors import RowPlace, located
from .options import ImagePolicy

Ints = np.ndarray[Any, np.dtype[np.int64]]

ROW_ID, VIEW_ROW = "_row_id", "_view_row"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What every page of one run has in common."""

    source: SampleSource
    schema: Schema
    """Of the view: chosen tensors, unlinked where that is possible."""
    policy: ImagePolicy
    skip: bool
    """Leave out rows that cannot be read; else their cells are null."""
    strict: bool
    """Raise instead."""
    row_ids: Ints
    urls: Mapping[str, pa.ChunkedArray]
    """URL column of every linked tensor."""

    @property
    def arrow_schema(self) -> pa.Schema:
        return view_schema(self.schema, self.urls)

    def urls_of(self, tensor: str, rows: Ints) -> pa.Array:
        """URLs of a linked tensor at source rows."""
        return pa.concat_arrays(self.urls[tensor].take(pa.array(rows)).chunks or [pa.array([], pa.string())])

    def place(self, row: int, tensor: str) -> RowPlace:
        """Where a cell comes from, for messages."""
        url = self.urls[tensor][row].as_py() if tensor in self.urls else None
        return RowPlace(row, int(self.row_ids[row]), tensor, url or "")

    def located(self, error: LakebedError, row: int, tensor: str) -> LakebedError:
        """`error` said to be at a cell."""
        return located(error, self.place(row, tensor))

    @property
    def payloads(self) -> frozenset[str]:
        return payload_columns(self.schema)


def payload_columns(schema: Schema) -> frozenset[str]:
    """Columns whose bytes have hashes of their own."""
    return frozenset(spec.column for spec in schema if htype_of(spec).is_payload and not spec.sequence)


def view_schema(schema: Schema, linked: Sequence[str] | Mapping[str, Any]) -> pa.Schema:
    """Arrow schema of the chunk files of a view; `linked` names the tensors that have a URL column."""
    fields = [pa.field(ROW_ID, pa.int64()), pa.field(VIEW_ROW, pa.int64())]
    payloads = payload_columns(schema)
    for spec in schema:
        fields += [pa.field(spec.column + suffix, kind) for suffix, kind in htype_of(spec).fields(spec).items()]
        if spec.column in payloads:
            fields.append(pa.field(spec.column + HASH_SUFFIX, pa.uint64()))
        if spec.name in linked:
            fields.append(pa.field(spec.column + URL_SUFFIX, pa.string()))
    return pa.schema(fields)
