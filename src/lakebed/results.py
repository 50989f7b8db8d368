"""Results of queries that are no plain rows: groups of rows, and tables of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from .computed import ComputedColumn
from .indexing import RowArray, row_number
from .storage.errors import InvalidInputError, NotFoundError, StateError

if TYPE_CHECKING:
    from .engine import QueryResult
    from .reading import Readable


ViewOf: TypeAlias = "Callable[[RowArray, tuple[str, ...] | None, pa.Table | None, Mapping[str, str]], Readable]"
"""Makes a view of rows, of tensors (None: all), with computed columns and the names that the query gave to tensors."""


class ResultTable:
    """Values that a query computed and that belong to no rows: counts, joins over several datasets.

    ``table["name"]`` is a column, ``table[3]`` a dictionary, ``table.to_arrow()`` everything.
    """

    def __init__(self, computed: pa.Table, query: str) -> None:
        self._computed = computed
        self.query_text = query

    @property
    def columns(self) -> list[str]:
        """The columns' names."""
        return list(self._computed.column_names)

    def to_arrow(self) -> pa.Table:
        """The values as an Arrow table."""
        return self._computed

    def to_pandas(self) -> Any:
        """The values as a pandas DataFrame; needs pandas."""
        return self._computed.to_pandas()

    def save_view(self, *_: Any, **__: Any) -> str:
        """Not possible: a saved view keeps rows, and these values have none."""
        raise StateError(
            "the result has no rows that could be saved as a view",
            kind="no-rows",
            hint="save the values with to_arrow() or to_pandas()",
        )

    def __len__(self) -> int:
        return int(self._computed.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._computed.to_pylist())

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return computed_column(self._computed, key)
        return self._computed.slice(row_number(key, len(self)), 1).to_pylist()[0]

    def __repr__(self) -> str:
        return f"ResultTable(rows={len(self)}, columns={self.columns})"


class Groups:
    """The groups of a GROUP BY: ``groups[3]`` is a view of the rows of one, ``groups["count"]`` a computed column.

    ``groups["tensor"]`` gives a list with the samples of each group, or with the first sample of each group for a
    tensor that the query names in GROUP BY.
    """

    def __init__(
        self, view_of: Callable[[RowArray], Readable], result: QueryResult, offsets: RowArray, rows: RowArray
    ) -> None:
        self._view_of = view_of
        self._result = result
        self._offsets = offsets
        self._rows = rows

    @property
    def columns(self) -> list[str]:
        """The columns' names, as the query lists them."""
        return [column.name for column in self._result.columns]

    @property
    def query_text(self) -> str:
        """The query."""
        return self._result.text

    def to_arrow(self) -> pa.Table:
        """The computed columns as an Arrow table, one line a group."""
        return pa.table({}) if self._result.computed is None else self._result.computed

    def sizes(self) -> list[int]:
        """Rows of each group."""
        return [int(size) for size in np.diff(self._offsets)]

    def save_view(self, *_: Any, **__: Any) -> str:
        """Not possible for groups; a single one, ``groups[i].save_view()``, can be saved."""
        raise StateError("groups cannot be saved as a view", kind="no-rows", hint="save one: groups[0].save_view()")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __iter__(self) -> Iterator[Readable]:
        return (self._group(number) for number in range(len(self)))

    def __getitem__(self, key: int | str) -> Any:
        if not isinstance(key, str):
            return self._group(row_number(key, len(self)))
        column = next((column for column in self._result.columns if column.name == key), None)
        if column is None:
            raise _unknown_column(key, self.columns)
        if column.tensor is None:
            assert self._result.computed is not None, "a column without a tensor is computed"
            return computed_column(self._result.computed, key)
        if not column.grouped:
            return self._view_of(self._rows[self._offsets[:-1]])[column.tensor].numpy(aslist=True)
        samples = self._view_of(self._rows)[column.tensor].numpy(aslist=True)
        return [samples[start:end] for start, end in zip(self._offsets[:-1].tolist(), self._offsets[1:].tolist())]

    def __repr__(self) -> str:
        return f"Groups({len(self)}, columns={self.columns})"

    def _group(self, number: int) -> Readable:
        return self._view_of(self._rows[self._offsets[number] : self._offsets[number + 1]])


def answer(result: QueryResult, query: str, view_of: ViewOf) -> Any:
    """What a query gives back: a view, `Groups`, or a `ResultTable`.

    Raises:
        InvalidInputError: two columns of one name.
    """
    names = [column.name for column in result.columns]
    if len(set(names)) != len(names):
        raise InvalidInputError(
            f"two columns of the result have one name: {', '.join(names)}", kind="duplicate-column", hint="use AS"
        )
    if result.rows is None:
        assert result.computed is not None, "a result without rows has values"
        return ResultTable(result.computed, query)
    if result.offsets is not None:
        return Groups(lambda rows: view_of(rows, None, None, {}), result, result.offsets, result.rows)
    shown = {column.name: column.tensor for column in result.columns if column.tensor is not None}
    aliases = {name: tensor for name, tensor in shown.items() if name != tensor}
    return view_of(result.rows, tuple(dict.fromkeys(shown.values())), result.computed, aliases)


def computed_column(table: pa.Table, name: str) -> ComputedColumn:
    """A column of `table`.

    Raises:
        NotFoundError: kind "unknown-column".
    """
    if name not in table.column_names:
        raise _unknown_column(name, table.column_names)
    return ComputedColumn(name, table.column(name))


def _unknown_column(name: str, known: list[str]) -> NotFoundError:
    return NotFoundError(
        f"the result has no column {name!r}", kind="unknown-column", hint=f"its columns are {', '.join(known)}"
    )
