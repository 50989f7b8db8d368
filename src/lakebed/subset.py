"""Chosen rows of any source, as a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from .indexing import RowArray, rows_of
from .storage.schema import Schema
from .storage.source import Failures, SampleSource


class Subset:
    """Rows of `source`, any order, repeats allowed; implements `SampleSource`.

    For materialised views; rows of a snapshot are a `Selection`.
    """

    def __init__(self, source: SampleSource, rows: RowArray) -> None:
        self.source = source
        self.rows = np.ascontiguousarray(rows, dtype=np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        return Subset, (self.source, self.rows)

    @property
    def schema(self) -> Schema:
        return self.source.schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        return self.source.info(tensor)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def row_ids(self) -> RowArray:
        ids: RowArray = self.source.row_ids[self.rows]
        return ids

    def table(self, columns: Sequence[str], rows: Sequence[int] | RowArray | None = None) -> pa.Table:
        return self.source.table(columns, self.rows if rows is None else self._inner(rows))

    def cells(self, tensor: str, rows: Sequence[int] | RowArray, failed: Failures | None = None) -> dict[str, pa.Array]:
        return self.source.cells(tensor, self._inner(rows), failed)

    def read(self, tensor: str, rows: Sequence[int] | RowArray) -> list[Any]:
        return self.source.read(tensor, self._inner(rows))

    def _inner(self, rows: Sequence[int] | RowArray) -> RowArray:
        inner: RowArray = self.rows[rows_of(np.asarray(rows, dtype=np.int64), len(self))[0]]
        return inner
