"""Arrow tables that DuckDB reads: rows of a source, element tables, and the table of the SQL dialect."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..storage.source import SampleSource
from ..storage.vectors import arrow_of, numpy_of_all
from ..tql.errors import TQLTypeError
from ..tql.schema import ColumnInfo, Kind
from ..tql.sql import Cell, Input
from .element_tables import Derived, Ints, derived, widened
from .pixel_scan import pixel_numbers
from .results import QueryResult, ResultColumn
from .schema import schema_of


def row_table(source: Derived, wanted: Input, rows: Ints | None) -> pa.Table:
    """The columns of an input under their SQL names, of all rows or of `rows`, with ``row`` and ``pos``."""
    names = [name for name, _ in wanted.columns]
    physical = [name for _, name in wanted.columns]
    columns = source.arrays(physical) if rows is None else source.arrays_at(physical, rows)
    numbers = source.rows() if rows is None else rows
    extra: dict[str, Any] = {"row": numbers}
    if rows is not None:
        extra["pos"] = np.arange(len(rows), dtype=np.int64)
    if wanted.row_id:
        ids = source.live().row_ids
        extra["row_id"] = ids if rows is None else ids[rows]
    for name, tensor, statistic in wanted.pixels:
        extra[name] = pixel_numbers(source.live(), tensor, statistic, numbers)
    arrays = [*columns, *(pa.chunked_array([arrow_of(values)]) for values in extra.values())]
    return pa.Table.from_arrays(arrays, [*names, *extra])


def element_table(source: Derived, wanted: Input, numbers: Sequence[int]) -> pa.Table:
    """One line for each element of aligned columns in some fragments, with its row."""
    first = wanted.elements[0][1].value
    columns = {"row": pa.chunked_array([arrow_of(source.element_rows(first, number)) for number in numbers])}
    for name, column, part in wanted.elements:
        columns[name] = pa.chunked_array([arrow_of(source.elements(column.value, part, number)) for number in numbers])
    return pa.table(columns)


def stored_cell(source: Derived, column: ColumnInfo, row: int) -> Cell | None:
    """The cell of one row, for ``DATA(column, row)``; negative rows count from the end.

    Raises:
        TQLTypeError: there is no such row.
    """
    size = len(source.live())
    if not -size <= row < size:
        raise TQLTypeError(f"row {row} is not among the {size} rows", kind="no-such-row")
    place = np.array([row % size], np.int64)
    value = source.arrays_at([column.value], place)[0][0].as_py()
    if value is None:
        return None
    if column.item_shape:
        return Cell([side for item in value for side in item], (len(value), *column.item_shape))
    if isinstance(value, list):
        shape = [len(value)] if column.shape is None else source.arrays_at([column.shape], place)[0][0].as_py()
        return Cell(value, tuple(shape or (0,)))
    return Cell(value)


# --- the SQL dialect -------------------------------------------------------------------------------------------------


def sql_table(source: SampleSource, read: Collection[str] | None = None) -> pa.Table:
    """Every tensor as a column under its name, and ``_row``; pixels show as their URL, shape and info.

    Columns that are not among `read` are all null, so that a statement costs what it reads; None gives the types alone.
    """
    known = derived(source)
    physical = {}
    for column in schema_of(source).columns:
        value = column.url if column.kind is Kind.IMAGE else column.value
        for part, suffix in ((value, ""), (column.shape, ".shape"), (column.info, ".info")):
            if part is not None:
                physical[column.name + suffix] = part
    kinds = source.table(list(dict.fromkeys(physical.values())), np.zeros(0, np.int64)).schema
    columns = {
        name: known.arrays([part])[0]
        if name in (read or ())
        else pa.chunked_array([pa.nulls(len(source), widened(kinds.field(part).type))])
        for name, part in physical.items()
    }
    return pa.table({**columns, "_row": arrow_of(known.rows())})


def columns_read(plan: str, names: Sequence[str]) -> set[str]:
    """The columns that a statement reads by DuckDB's plan, as EXPLAIN gives it in JSON; all where it does not say."""
    found: set[str] = set()
    waiting = list(json.loads(plan))
    while waiting:
        node = waiting.pop()
        waiting += node["children"]
        if not node["children"] and node["name"].strip() not in READ_NO_TABLE:
            said = node["extra_info"].get("Projections", list(names))
            found |= {said} if isinstance(said, str) else set(said)
    return found


READ_NO_TABLE = frozenset({"DUMMY_SCAN", "EMPTY_RESULT", "COLUMN_DATA_SCAN", "CTE_SCAN", "DELIM_SCAN"})
"""Leaves of DuckDB's plans that read nothing, constants, or what another part of the plan has read."""


def sql_result(source: SampleSource, text: str, table: pa.Table) -> QueryResult:
    """A SQL result; its column ``_row`` says which rows it picks."""
    rows = None
    if "_row" in table.column_names and pa.types.is_integer(table.schema.field("_row").type):
        column = table.column("_row")
        if column.null_count == 0:
            rows = numpy_of_all(column).astype(np.int64)
            table = table.drop_columns(["_row"])
    columns = tuple(
        ResultColumn(name, None, str(type_)) for name, type_ in zip(table.column_names, table.schema.types, strict=True)
    )
    return QueryResult(text, columns, rows, table, sources=(source,))
