"""Runs queries: joins the compiler of TQL, the rows of a source, and DuckDB; no other module imports DuckDB.

DuckDB sees registered Arrow tables only: it cannot read files, reach the network, load extensions or change its settings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .element_tables import Array, Derived, Ints, derived
from .query_errors import translated
from .query_schema import schema_of
from .row_program import RowProgram
from .storage.source import SampleSource
from .tql.bind import BoundTree, bind
from .tql.bound import Field
from .tql.errors import TQLError
from .tql.parser import parse
from .tql.plan import Plan, plan
from .tql.relations import Relation
from .tql.rows import ElementTest
from .tql.schema import DatasetSchema
from .tql.sql import Compiled, Input, compile_relation
from .tql.sql_elements import compile_elements

if TYPE_CHECKING:
    import duckdb

SourceResolver = Callable[[str, str | None], SampleSource]
"""Opens the source that FROM names: path (with ``@ref``) and the id of VERSION, or None."""

THREADS = 4
MEMORY_LIMIT = "4GB"


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of a result.

    `tensor` is the tensor of the source that it shows unchanged: read its cells by `QueryResult.rows`. Otherwise it is
    a column of `QueryResult.computed`, under its name.
    """

    name: str
    tensor: str | None
    type: str
    dtype: str = ""
    class_names: tuple[str, ...] = ()
    grouped: bool = False
    """A sequence: the cells of all rows of a group."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query found.

    Attributes:
        text: the query.
        columns: the result columns in order.
        rows: row numbers in the source, int64, in result order, repeats allowed; None if rows of several sources or
            none at all make up the result. With `offsets` the rows of all groups, one group after the other.
        offsets: group g holds ``rows[offsets[g]:offsets[g + 1]]``; None if the query does not group.
        computed: columns that are no plain tensors, one line per row (or group); None if there are none.
        sources: the sources that the query read; number 0 is the one that was asked.
        places: for results over several sources, the row in each source by column name (-1 where there is none).
    """

    text: str
    columns: tuple[ResultColumn, ...]
    rows: Ints | None
    computed: pa.Table | None = None
    offsets: Ints | None = None
    sources: tuple[SampleSource, ...] = ()

    def __len__(self) -> int:
        if self.offsets is not None:
            return len(self.offsets) - 1
        if self.rows is not None:
            return len(self.rows)
        return 0 if self.computed is None else int(self.computed.num_rows)


def run(
    source: SampleSource | None,
    text: str,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    resolve: SourceResolver | None = None,
    seed: int | None = None,
) -> QueryResult:
    """Run a TQL query over the rows of `source`.

    Args:
        source: the rows that are asked; None if the query names its datasets in FROM.
        text: the query.
        params: values of ``?`` (a sequence) or ``:name`` (a mapping).
        resolve: opens the datasets that FROM names.
        seed: makes SAMPLE BY and RANDOM() repeatable.

    Raises:
        TQLError: with the place in the text and a hint.
    """
    try:
        return Execution(source, text, params, resolve, seed).result()
    except TQLError as error:
        raise error.with_text(text) from None


class Execution:
    """One run of one query: its sources, its connection."""

    def __init__(
        self,
        source: SampleSource | None,
        text: str,
        params: Mapping[str, Any] | Sequence[Any] | None,
        resolve: SourceResolver | None,
        seed: int | None,
    ) -> None:
        self.text, self.seed = text, seed
        self.held: list[SampleSource] = [] if source is None else [source]
        self.open_source = resolve
        schema = None if source is None else schema_of(source)
        self.tree: BoundTree = bind(parse(text), schema, params, resolve=None if resolve is None else self.open)
        self.plan: Plan = plan(self.tree)
        self.sources: list[Derived] = [derived(held) for held in self.held]
        self.program = RowProgram(self.sources, self.relation_rows, self.element_rows)

    def open(self, path: str, version: str | None) -> DatasetSchema:
        assert self.open_source is not None
        opened = self.open_source(path, version)
        self.held.append(opened)
        return schema_of(opened)

    def result(self) -> QueryResult:
        if self.plan.rows is not None:
            columns = tuple(result_column(field, True) for field in self.plan.outputs)
            return QueryResult(self.text, columns, self.program.rows(self.plan.rows), sources=tuple(self.held))
        assert self.plan.relation is not None
        return self.relation_result(self.plan.relation)

    def relation_result(self, relation: Relation) -> QueryResult:
        from .query_results import assemble

        return assemble(self, relation)

    # --- SQL ---------------------------------------------------------------------------------------------------------

    def relation_rows(self, relation: Relation, given: Ints | None) -> Ints:
        compiled = compile_relation(relation)
        table = self.execute(compiled, given)
        rows = int64(table.column(0))
        return in_order(rows) if compiled.ascending and given is None else rows

    def element_rows(self, source: Derived, test: ElementTest) -> Ints:
        compiled = compile_elements(test)
        return int64(self.execute(compiled, None, source).column(0))

    def execute(self, compiled: Compiled, given: Ints | None = None, source: Derived | None = None) -> pa.Table:
        """Run compiled SQL; `given` are the rows of its (one) scan."""
        tables = {one.name: self.input_table(one, given, source) for one in compiled.inputs}
        return execute_sql(compiled.sql, compiled.params, tables, self.seed)

    def input_table(self, wanted: Input, given: Ints | None, source: Derived | None) -> pa.Table:
        from_source = source or self.sources[wanted.dataset]
        if wanted.elements:
            return element_table(from_source, wanted)
        rows = given
        if rows is None and wanted.rows is not None:
            rows = self.program.rows(wanted.rows)
        return row_table(from_source, wanted, rows)


def row_table(source: Derived, wanted: Input, rows: Ints | None) -> pa.Table:
    """The columns of an input under their SQL names, of all rows or of `rows`, with ``row`` and ``pos``."""
    columns = source.arrays([physical for _, physical in wanted.columns])
    names = [name for name, _ in wanted.columns]
    table = pa.Table.from_arrays(columns, names)
    numbers = source.rows()
    if rows is not None:
        table = table.take(pa.array(rows)) if columns else table
        numbers = rows
    extra: list[tuple[str, Array]] = [("row", numbers)]
    if rows is not None:
        extra.append(("pos", np.arange(len(rows), dtype=np.int64)))
    if wanted.row_id:
        ids = source.live().row_ids
        extra.append(("row_id", ids if rows is None else ids[rows]))
    for name, values in extra:
        table = pa.Table.from_arrays(
            [*table.columns, pa.chunked_array([pa.array(values)])], [*table.column_names, name]
        )
    return table


def element_table(source: Derived, wanted: Input) -> pa.Table:
    columns = {"row": source.element_rows(wanted.elements[0][1].value)}
    for name, column, part in wanted.elements:
        columns[name] = source.elements(column.value, part)
    return pa.table(columns)


def int64(column: pa.ChunkedArray) -> Ints:
    values: Ints = column.to_numpy().astype(np.int64, copy=False)
    return values


def in_order(rows: Ints) -> Ints:
    """Rows ascending; DuckDB keeps the order of a plain scan, so this only looks."""
    return rows if len(rows) < 2 or bool(np.all(rows[1:] >= rows[:-1])) else np.sort(rows)


def result_column(field: Field, stored: bool) -> ResultColumn:
    tensor = field.origin.column.name if stored and field.origin is not None else None
    return ResultColumn(
        field.name, tensor, str(field.type), field.type.dtype, field.type.classes or (), grouped=field.grouped
    )


# --- DuckDB ----------------------------------------------------------------------------------------------------------

_LOCK = threading.Lock()
_DATABASE: list[duckdb.DuckDBPyConnection] = []


def database() -> duckdb.DuckDBPyConnection:
    """The process's one DuckDB, in memory and locked down; take a cursor of it for each query."""
    with _LOCK:
        if not _DATABASE:
            import duckdb

            made = duckdb.connect(":memory:", config={"threads": THREADS})
            for setting in SETTINGS:
                made.execute(setting)
            _DATABASE.append(made)
        return _DATABASE[0]


SETTINGS = (
    f"SET memory_limit = '{MEMORY_LIMIT}'",
    "SET temp_directory = ''",
    "SET python_enable_replacements = false",
    "SET error_on_division_by_zero = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def execute_sql(sql: str, params: Sequence[Any], tables: Mapping[str, pa.Table], seed: int | None) -> pa.Table:
    """The result of one statement over registered tables.

    Raises:
        TQLError: what DuckDB reports, in terms of the query.
    """
    import duckdb

    cursor = database().cursor()
    try:
        for name, table in tables.items():
            cursor.register(name, table)
        if seed is not None:
            cursor.execute("SELECT setseed($1)", [(seed % 2**31) / 2**31])
        return cursor.sql(sql, params=list(params)).to_arrow_table()
    except duckdb.Error as error:
        raise translated(str(error), sql) from error
    finally:
        cursor.close()


__all__ = ["Execution", "QueryResult", "ResultColumn", "replace", "run"]
