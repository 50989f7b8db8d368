"""One run of one query: text to plan, row plans to row numbers, relations to Arrow tables; DuckDB is handed in."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import LakebedError
from ..storage.source import SampleSource
from ..storage.vectors import arrow_of, numpy_of_all
from ..tql import parse
from ..tql.bind import bind
from ..tql.bound import Field
from ..tql.compile import compile_relation
from ..tql.errors import mark_place
from ..tql.functions import known_functions
from ..tql.grouping import GroupRows
from ..tql.nodes import DatasetSource
from ..tql.plan import Plan, plan
from ..tql.relations import Relation
from ..tql.row_tests import ElementTest
from ..tql.rows import AllRows, ExpandRows, RowPlan
from ..tql.schema import ColumnInfo, DatasetSchema
from ..tql.sql import Cell, Compiled, Input, Runtime
from ..tql.sql_elements import compile_elements
from .element_tables import Derived, Ints, derived
from .group_scan import groups
from .prepared import Plans
from .results import QueryResult, assemble, result_column
from .row_program import RowProgram
from .row_sets import is_ascending
from .schema import schema_of
from .tables import element_table, row_table, stored_cell

SourceResolver = Callable[[str, str | None], SampleSource]
"""Opens the source that FROM names: path (with ``@ref``) and the id of VERSION, or None."""

ExecuteSql = Callable[
    [str, Sequence[Any], Mapping[str, pa.Table], Sequence[tuple[str, str, tuple[str, ...]]]], pa.Table
]

_NUMBERS = itertools.count()


class Execution:
    """A bound and planned query with its sources.

    Raises:
        TQLError: on construction if the text is not a query of these sources, later if running it fails.
    """

    def __init__(
        self,
        source: SampleSource | None,
        text: str,
        params: Mapping[str, Any] | Sequence[Any] | None,
        resolve: SourceResolver | None,
        seed: int | None,
        execute_sql: ExecuteSql,
    ) -> None:
        self.text = text
        self.execute_sql = execute_sql
        self.open_source = resolve
        self.asked = source is not None
        self.held: list[SampleSource] = [] if source is None else [source]
        salt = secrets.randbits(40) if seed is None else seed % 2**40
        self.runtime = Runtime(salt, self.cell, f"user_{next(_NUMBERS)}")
        self.plan: Plan = self.planned(params)
        self.sources: list[Derived] = [derived(held) for held in self.held]
        self.program = RowProgram(self.sources, self.relation_rows, self.element_rows, salt)

    def planned(self, params: Mapping[str, Any] | Sequence[Any] | None) -> Plan:
        source = self.held[0] if self.held else None
        plans = None if source is None or params is not None else derived(source).remember(("plans",), Plans)
        found = None if plans is None else plans.find(self.text)
        if found is None:
            schema = None if source is None else known_schema(source)
            opener = None if self.open_source is None else self.open
            found = plan(bind(parse(self.text), schema, params, resolve=opener, functions=known_functions()))
            if plans is not None and len(self.held) == 1:
                plans.keep(self.text, found)
        return found

    def open(self, path: str, version: str | None) -> DatasetSchema:
        assert self.open_source is not None, "the binder asks only if it may"
        try:
            opened = self.open_source(path, version)
        except LakebedError as error:
            node = source_of(self.text, path, version)
            mark_place(error, self.text, node.span)
            if self.asked and not node.quoted:
                error.hint = f"the dataset that is asked needs no FROM, or FROM dataset; for another: {error.hint}"
            raise
        self.held.append(opened)
        return known_schema(opened)

    def result(self) -> QueryResult:
        """Run it."""
        if self.plan.rows is not None:
            number = self.plan.rows.dataset
            columns = tuple(result_column(field, True) for field in self.plan.outputs)
            return QueryResult(
                self.text, columns, self.program.rows(self.plan.rows), sources=tuple(self.held), source=number
            )
        if self.plan.counted is not None:
            return self.count(self.plan.counted)
        assert self.plan.relation is not None, "a plan has one or the other"
        found = None if self.plan.grouped is None else self.group(self.plan.grouped)
        if found is not None:
            return found
        return assemble(self.text, self.plan.outputs, self.plan.relation, self.compiled, self.execute, tuple(self.held))

    def count(self, rows: RowPlan) -> QueryResult:
        """``COUNT(*)``: one number."""
        columns = tuple(result_column(field, False) for field in self.plan.outputs)
        counted = pa.table({columns[0].name: arrow_of(np.array([self.program.count(rows)], np.int64))})
        return QueryResult(self.text, columns, None, counted, sources=tuple(self.held))

    def group(self, wanted: GroupRows) -> QueryResult | None:
        """GROUP BY with nothing but counts to compute; None if SQL must tell the keys apart."""
        everything = isinstance(wanted.source, AllRows)
        rows = None if everything else self.program.rows(wanted.source)
        found = groups(self.sources[wanted.dataset], rows, wanted.columns)
        if found is None:
            return None
        rows, offsets = found
        columns = tuple(result_column(field, field.origin is not None) for field in self.plan.outputs)
        sizes = arrow_of(np.diff(offsets))
        counted = {column.name: sizes for column in columns if column.tensor is None}
        computed = pa.table(counted) if counted else None
        return QueryResult(self.text, columns, rows, computed, offsets, tuple(self.held), wanted.dataset)

    def compiled(self, relation: Relation, fields: Sequence[Field] = ()) -> Compiled:
        return compile_relation(relation, fields, self.runtime)

    def cell(self, dataset: int, column: ColumnInfo, row: int) -> Cell | None:
        return stored_cell(self.sources[dataset], column, row)

    # --- SQL ---------------------------------------------------------------------------------------------------------

    def relation_rows(self, relation: Relation, given: Ints | None) -> Ints:
        """The rows of a relation over one dataset; `given` are the rows that its scan reads."""
        compiled = self.compiled(relation)
        rows = int64(self.execute(compiled, given).column(0))
        return in_order(rows) if compiled.ascending and given is None else rows

    def element_rows(self, source: Derived, test: ElementTest, numbers: Sequence[int]) -> Ints:
        compiled = compile_elements(test)
        tables = {one.name: element_table(source, one, numbers) for one in compiled.inputs}
        return int64(self.execute_sql(compiled.sql, compiled.params, tables, ()).column(0))

    def execute(self, compiled: Compiled, given: Ints | None = None) -> pa.Table:
        tables = {one.name: self.input_table(one, given) for one in compiled.inputs}
        return self.execute_sql(compiled.sql, compiled.params, tables, compiled.calls)

    def input_table(self, wanted: Input, given: Ints | None) -> pa.Table:
        source = self.sources[wanted.dataset]
        if wanted.windows and isinstance(wanted.rows, ExpandRows):
            rows, numbers = self.program.windows(wanted.rows)
            return row_table(source, wanted, rows).append_column("window_number", arrow_of(numbers))
        if given is None and wanted.rows is not None:
            given = self.program.rows(wanted.rows)
        return row_table(source, wanted, given)


def source_of(text: str, path: str, version: str | None) -> DatasetSource:
    """Where a query names a dataset."""
    named = (node for node in parse(text).walk() if isinstance(node, DatasetSource))
    return next(node for node in named if (node.path, node.version) == (path, version))


def known_schema(source: SampleSource) -> DatasetSchema:
    """The schema of a source, kept with what else is derived of it: sources do not change."""
    return derived(source).remember(("schema",), lambda: schema_of(source))


def int64(column: pa.ChunkedArray) -> Ints:
    values: Ints = numpy_of_all(column).astype(np.int64, copy=False)
    return values


def in_order(rows: Ints) -> Ints:
    """Rows ascending; DuckDB keeps the order of a plain scan, so this mostly only looks."""
    return rows if is_ascending(rows) else np.sort(rows)
