"""A column that a query computed: read like a tensor, kept beside the view's rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from .indexing import EVERYTHING, Pick


class ComputedColumn:
    """``view["area"]`` of ``select *, ... as area``: one value a row, scalar or list."""

    __slots__ = ("_pick", "_values", "name")

    def __init__(self, name: str, values: pa.ChunkedArray, pick: Pick = EVERYTHING) -> None:
        self.name = name
        self._values = values
        self._pick = pick

    def numpy(self, aslist: bool = False, fetch_chunks: bool = False) -> Any:
        """The values: of one row chosen by number its value, of several an array with one element a row.

        Lists of one length are stacked; others, and all with ``aslist=True``, come as a list of arrays.
        """
        found = [_as_value(value) for value in self._chosen()]
        if self._pick.single:
            return found[0]
        shapes = {np.shape(value) for value in found}
        return found if aslist or len(shapes) > 1 else np.array(found)

    def data(self, aslist: bool = False) -> dict[str, Any]:
        """``{"value": ...}`` as tensors give it."""
        return {"value": self._chosen()[0] if self._pick.single else self._chosen()}

    def list(self) -> Any:
        """The values as Python objects."""
        return self.data()["value"]

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of a value."""
        return self._values.type

    def __len__(self) -> int:
        return len(self._pick.resolve(len(self._values)))

    def __getitem__(self, index: Any) -> ComputedColumn:
        return ComputedColumn(self.name, self._values, self._pick.narrow(index, len(self._values)))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._chosen())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self.numpy(), dtype=dtype)

    def __repr__(self) -> str:
        return f"ComputedColumn({self.name!r}, type={self._values.type}, rows={len(self)})"

    def _chosen(self) -> Any:
        return self._values.take(pa.array(self._pick.resolve(len(self._values)))).to_pylist()


def _as_value(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, list) else value
