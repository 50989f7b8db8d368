"""A `SampleSource` over an Arrow table in memory, for tests of queries that need no storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from lakebed.storage.schema import Schema, TensorSpec


class MemorySource:
    """Rows of `table`, whose columns are named as storage would name them."""

    def __init__(
        self,
        specs: Sequence[TensorSpec],
        table: pa.Table,
        info: Mapping[str, Mapping[str, Any]] | None = None,
        first_id: int = 100,
    ) -> None:
        self._schema = Schema(tuple(specs))
        self._table = table
        self._info = dict(info or {})
        self._first_id = first_id
        self.read_columns: list[str] = []
        """Every physical column that was asked for, in order."""

    @property
    def columns(self) -> list[str]:
        """Every physical column."""
        return list(self._table.column_names)

    @property
    def schema(self) -> Schema:
        return self._schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        return self._info.get(tensor, {})

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def row_ids(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.arange(self._first_id, self._first_id + len(self), dtype=np.int64)

    def table(self, columns: Sequence[str], rows: Sequence[int] | np.ndarray[Any, Any] | None = None) -> pa.Table:
        self.read_columns += list(columns)
        found = self._table.select(list(columns))
        return found if rows is None else found.take(pa.array(np.asarray(rows, np.int64)))

    def cells(self, tensor: str, rows: Sequence[int] | np.ndarray[Any, Any], failed: Any = None) -> dict[str, pa.Array]:
        raise NotImplementedError("queries over stored columns read no cells")

    def read(self, tensor: str, rows: Sequence[int] | np.ndarray[Any, Any]) -> list[Any]:
        raise NotImplementedError("queries over stored columns read no samples")
