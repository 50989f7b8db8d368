"""A selection: chosen rows of a snapshot in an order of their own, with computed columns beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints
from .schema import Schema
from .snapshot import Snapshot, checked_rows
from .source import Failures


class Selection:
    """Rows of `snapshot`, any order, repeats allowed; implements `SampleSource`. Pinned: a snapshot never changes."""

    def __init__(self, snapshot: Snapshot, rows: Ints, computed: pa.Table | None = None) -> None:
        self.snapshot = snapshot
        self.rows = np.ascontiguousarray(rows, dtype=np.int64)
        """Row numbers in the snapshot, int64 (n,)."""
        self.computed = computed
        """Columns that the query computed, aligned with `rows`; None if there are none."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Selection, (self.snapshot, self.rows, self.computed)

    @property
    def schema(self) -> Schema:
        return self.snapshot.schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        return self.snapshot.info(tensor)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def row_ids(self) -> Ints:
        ids: Ints = self.snapshot.row_ids[self.rows]
        return ids

    def table(self, columns: Sequence[str], rows: Sequence[int] | Ints | None = None) -> pa.Table:
        return self.snapshot.table(columns, self.rows if rows is None else self._inner(rows))

    def stored(self, tensor: str, rows: Sequence[int] | Ints) -> dict[str, pa.Array]:
        return self.snapshot.stored(tensor, self._inner(rows))

    def cells(self, tensor: str, rows: Sequence[int] | Ints, failed: Failures | None = None) -> dict[str, pa.Array]:
        return self.snapshot.cells(tensor, self._inner(rows), failed)

    def read(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        return self.snapshot.read(tensor, self._inner(rows))

    def select(self, rows: Sequence[int] | Ints) -> Selection:
        """A selection of this selection."""
        chosen = checked_rows(rows, len(self))
        computed = self.computed.take(pa.array(chosen)) if self.computed is not None else None
        return Selection(self.snapshot, self.rows[chosen], computed)

    def _inner(self, rows: Sequence[int] | Ints) -> Ints:
        inner: Ints = self.rows[checked_rows(rows, len(self))]
        return inner
