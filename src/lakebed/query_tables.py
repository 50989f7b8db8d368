"""Arrow tables that DuckDB reads: rows of a source, element tables, and the table of the SQL dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from .element_tables import Derived, Ints, derived
from .pixel_scan import pixel_numbers
from .query_results import QueryResult, ResultColumn
from .query_schema import schema_of
from .row_sets import is_ascending
from .storage.arrow import take_rows
from .storage.source import SampleSource
from .tql.errors import TQLTypeError
from .tql.schema import ColumnInfo, Kind
from .tql.sql import Cell, Input


def row_table(source: Derived, wanted: Input, rows: Ints | None) -> pa.Table:
    """The columns of an input under their SQL names, of all rows or of `rows`, with ``row`` and ``pos``."""
    physical = [physical for _, physical in wanted.columns]
    columns = source.arrays(physical) if rows is None else taken(source, physical, rows)
    names = [name for name, _ in wanted.columns]
    numbers = source.rows() if rows is None else rows
    extra: dict[str, Any] = {"row": numbers}
    if rows is not None:
        extra["pos"] = np.arange(len(rows), dtype=np.int64)
    if wanted.row_id:
        ids = source.live().row_ids
        extra["row_id"] = ids if rows is None else ids[rows]
    for name, tensor, statistic in wanted.pixels:
        extra[name] = pixel_numbers(source.live(), tensor, statistic, numbers)
    arrays = [*columns, *(pa.chunked_array([pa.array(values)]) for values in extra.values())]
    return pa.Table.from_arrays(arrays, [*names, *extra])


def taken(source: Derived, names: Sequence[str], rows: Ints) -> list[pa.ChunkedArray]:
    """The cells of `rows` in columns; fragments that hold none of them stay closed."""
    numbers: list[int] = np.unique(source.fragments_of(rows)).tolist()
    columns = source.arrays(names, numbers)
    if len(numbers) < len(source.fragments()):
        starts = source.starts()
        before = np.cumsum([0, *(source.size(n) for n in numbers)])
        owner = source.fragments_of(rows)
        rows = rows - starts[owner] + before[np.searchsorted(numbers, owner)]
    return [cells_at(column, rows) for column in columns]


def cells_at(column: pa.ChunkedArray, rows: Ints) -> pa.ChunkedArray:
    """The cells of `rows`; ascending rows are taken chunk by chunk, without putting them together again."""
    if column.num_chunks < 2 or not is_ascending(rows):
        return pa.chunked_array([take_rows(column, rows)], column.type)
    ends = np.cumsum([len(chunk) for chunk in column.chunks])
    cuts = [0, *np.searchsorted(rows, ends).tolist()]
    parts = [
        take_from(chunk, rows[low:high] - (end - len(chunk)))
        for chunk, end, low, high in zip(column.chunks, ends, cuts[:-1], cuts[1:], strict=True)
        if high > low
    ]
    return pa.chunked_array(parts, column.type)


def take_from(chunk: pa.Array, rows: Ints) -> pa.Array:
    """Ascending rows of one chunk; all of them need no copy."""
    whole = len(rows) == len(chunk) and bool(np.all(rows[1:] > rows[:-1]))
    return chunk if whole else chunk.take(pa.array(rows))


def element_table(source: Derived, wanted: Input, numbers: Sequence[int]) -> pa.Table:
    """One line for each element of aligned columns in some fragments, with its row."""
    first = wanted.elements[0][1].value
    columns = {"row": pa.chunked_array([source.element_rows(first, number) for number in numbers])}
    for name, column, part in wanted.elements:
        columns[name] = pa.chunked_array([source.elements(column.value, part, number) for number in numbers])
    return pa.table(columns)


def stored_cell(source: Derived, column: ColumnInfo, row: int) -> Cell | None:
    """The cell of one row, for ``DATA(column, row)``; negative rows count from the end.

    Raises:
        TQLTypeError: there is no such row.
    """
    size = len(source.live())
    if not -size <= row < size:
        raise TQLTypeError(f"row {row} is not among the {size} rows", kind="no-such-row")
    place = np.array([row % size], dtype=np.int64)
    value = taken(source, [column.value], place)[0][0].as_py()
    if value is None:
        return None
    if column.item_shape:
        return Cell([side for item in value for side in item], (len(value), *column.item_shape))
    if isinstance(value, list):
        shape = [len(value)] if column.shape is None else taken(source, [column.shape], place)[0][0].as_py()
        return Cell(value, tuple(shape or (0,)))
    return Cell(value)


# --- the SQL dialect -------------------------------------------------------------------------------------------------


def sql_table(source: SampleSource) -> pa.Table:
    """Every tensor as a column under its name, and ``_row``; pixels show as their URL, shape and info."""
    known = derived(source)
    names, physical = [], []
    for column in schema_of(source).columns:
        value = column.url if column.kind is Kind.IMAGE else column.value
        for part, suffix in ((value, ""), (column.shape, ".shape"), (column.info, ".info")):
            if part is not None:
                names.append(column.name + suffix)
                physical.append(part)
    arrays = [*known.arrays(physical), pa.chunked_array([pa.array(known.rows())])]
    return pa.Table.from_arrays(arrays, [*names, "_row"])


def sql_result(source: SampleSource, text: str, table: pa.Table) -> QueryResult:
    """A SQL result; its column ``_row`` says which rows it picks."""
    rows = None
    if "_row" in table.column_names and pa.types.is_integer(table.schema.field("_row").type):
        column = table.column("_row")
        if column.null_count == 0:
            rows = column.to_numpy().astype(np.int64)
            table = table.drop_columns(["_row"])
    columns = tuple(
        ResultColumn(name, None, str(type_)) for name, type_ in zip(table.column_names, table.schema.types, strict=True)
    )
    return QueryResult(text, columns, rows, table, sources=(source,))
