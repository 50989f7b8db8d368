"""Relations to one DuckDB statement: a chain of common tables, one for each step, with every value as a parameter.

No name and no value of the query stands in the text: columns are called by their numbers (``c7``), inputs ``t0``, ``t1``,
and constants travel as ``$1``, ``$2``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .bound import BoundQuery, ExistsRelation, Expr, Field, InRelation, Ref, RowId, walk
from .errors import TQLLimitError
from .relations import (
    Combine,
    Compute,
    Distinct,
    DrawFrom,
    Filter,
    GroupBy,
    JoinOn,
    Relation,
    Scan,
    Sort,
    SpreadOut,
)
from .rows import RowPlan
from .schema import ColumnInfo

MAX_SQL = 4_000_000
"""Characters of SQL beyond which a query is refused: nested integer divisions repeat their operands."""


@dataclass(frozen=True, slots=True)
class Input:
    """A table that the engine registers before it runs the SQL.

    Columns are renamed: (name in the SQL, physical column). `row` is the position in the dataset and `order` the
    position in the input; both are added by the engine, as `row_id` is where it is asked for.
    """

    name: str
    dataset: int
    columns: tuple[tuple[str, str], ...]
    rows: RowPlan | None = None
    row_id: bool = False
    windows: bool = False
    """The rows are an `ExpandRows`, and ``window_number`` tells their windows apart."""
    pixels: tuple[tuple[str, str, str], ...] = ()
    """(name in the SQL, tensor, statistic): one number for the pixels of each row."""
    elements: tuple[tuple[str, ColumnInfo, int | None], ...] = ()
    """For an element table: (name in the SQL, column, part of a box)."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL, its parameters, the tables it reads, and what its columns are.

    `rows` are the columns that hold row positions, with the dataset of each; `fields` the result fields among the
    columns, each under ``c<number>``.
    """

    sql: str
    params: tuple[Any, ...]
    inputs: tuple[Input, ...]
    rows: tuple[tuple[str, int], ...]
    fields: tuple[Field, ...]
    ascending: bool
    """Rows come in ascending order of the one row column (the engine makes sure)."""
    groups: tuple[str, int] | None = None
    """The column that holds the list of each group's row positions, and their dataset."""
    calls: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Functions to make before it runs: (name in the SQL, registered name, SQL types of the arguments)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One relation in SQL: its name, the terms of its order, the columns of row positions."""

    name: str
    order: tuple[str, ...]
    rows: tuple[tuple[str, int], ...]
    in_order: bool = False
    """The engine yields it in its order without being told (scans, filters)."""
    dense: str | None = None
    """The column, if any, that counts its rows from 0 in their order."""
    groups: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One stored cell: the value of a scalar, or the flat elements of an array with its shape."""

    value: Any
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the engine knows that the bound query does not: a number that makes this run's randomness, stored cells."""

    salt: int = 0
    cell: Callable[[int, ColumnInfo, int], Cell | None] = lambda dataset, column, row: None
    """(dataset, column, row) to the cell; None where it is missing."""
    prefix: str = "user"
    """Starts the names of registered functions: no other query that runs at the same time has the same."""


@dataclass(slots=True)
class Writer:
    """The statement so far."""

    used: frozenset[tuple[int, str]] = frozenset()
    runtime: Runtime = field(default_factory=Runtime)
    params: list[Any] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    next_name: int = 0
    calls: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    def name(self, letter: str) -> str:
        self.next_name += 1
        return f"{letter}{self.next_name}"

    def param(self, value: Any, type_: str) -> str:
        """A parameter of a fixed SQL type."""
        self.params.append(value)
        return f"CAST(${len(self.params)} AS {type_})"

    def input(
        self,
        dataset: int,
        columns: tuple[tuple[str, str], ...],
        rows: RowPlan | None = None,
        row_id: bool = False,
        windows: bool = False,
        pixels: tuple[tuple[str, str, str], ...] = (),
    ) -> str:
        """A table to register; returns its name."""
        name = f"t{len(self.inputs)}"
        self.inputs.append(Input(name, dataset, columns, rows, row_id, windows, pixels))
        return name

    def nested(self) -> Writer:
        """A writer of a sub-query: its own steps, the same parameters and inputs, and names that stay apart."""
        return Writer(self.used, self.runtime, self.params, self.inputs, [], self.next_name, self.calls)

    def step(self, sql: str) -> str:
        """A common table; returns its name."""
        name = self.name("q")
        self.steps.append(f"{name} AS ({sql})")
        return name


def compile_relation(relation: Relation, fields: Iterable[Field] = (), runtime: Runtime | None = None) -> Compiled:
    """The statement for `relation`, with the columns of `fields` and the row positions as its result.

    Raises:
        TQLLimitError: the SQL would be too long.
    """
    from .sql_relations import write

    wanted = tuple(fields)
    writer = Writer(used_columns(relation, wanted), runtime or Runtime())
    last = write(relation, writer)
    columns = [name for name, _ in last.rows] + ([last.groups[0]] if last.groups else [])
    for f in wanted:
        columns += [f"c{f.number}", *([f"c{f.number}_shape"] if f.type.needs_shape else [])]
    order = "" if last.in_order else order_by(last.order)
    body = f"SELECT {', '.join(dict.fromkeys(columns)) or '1 AS nothing'} FROM {last.name}{order}"
    sql = f"WITH {', '.join(writer.steps)} {body}"
    if len(sql) > MAX_SQL:
        raise TQLLimitError(f"the query needs {len(sql)} characters of SQL, and at most {MAX_SQL} are run")
    ascending = last.in_order and len(last.rows) == 1 and not scan_with_rows(relation)
    return Compiled(
        sql, tuple(writer.params), tuple(writer.inputs), last.rows, wanted, ascending, last.groups, tuple(writer.calls)
    )


def scan_with_rows(relation: Relation) -> bool:
    while not isinstance(relation, Scan):
        if not isinstance(relation, (Filter, Compute)):
            return True
        relation = relation.source
    return relation.rows is not None


def order_by(terms: tuple[str, ...]) -> str:
    return f" ORDER BY {', '.join(terms)}" if terms else ""


# --- which columns are read ------------------------------------------------------------------------------------------


def used_columns(relation: Relation, fields: tuple[Field, ...]) -> frozenset[tuple[int, str]]:
    """(field number, part) of everything that the plan reads, so that scans register nothing else."""
    used = {(f.number, part) for f in fields for part in ("value", "shape")}
    todo: list[Relation] = [relation]
    while todo:
        one = todo.pop(0)
        for expr in expressions(one):
            todo += collect(expr, used)
        for shown, value in renamed(one):
            used |= {(value.number, part) for part in PARTS if (shown.number, part) in used}
        todo += sources(one)
    return frozenset(used)


PARTS = ("value", "shape", "info", "url")


def renamed(relation: Relation) -> list[tuple[Field, Field]]:
    """(field of the result, field that it shows) where a node passes columns on under other numbers."""
    match relation:
        case Compute():
            return [(f, value.field) for f, value in relation.items if isinstance(value, Ref) and value.part == "value"]
        case GroupBy():
            group = relation.group
            return [(f, value.field) for f, value in (*group.keys, *group.members) if isinstance(value, Ref)]
        case SpreadOut():
            return [(piece, whole) for whole, piece in relation.spread.columns]
        case Combine():
            return [(f, branch) for f, branches in relation.columns for branch in branches]
        case _:
            return []


def collect(expr: Expr, used: set[tuple[int, str]]) -> list[Relation]:
    """Adds what `expr` reads to `used`; returns the relations of its sub-queries."""
    inner: list[Relation] = []
    for one in walk(expr):
        if isinstance(one, Ref):
            used.add((one.field.number, one.part))
            if one.part == "value" and one.type.needs_shape:
                used.add((one.field.number, "shape"))
        elif isinstance(one, RowId):
            used.add((0, "row_id"))
        elif isinstance(one, (InRelation, ExistsRelation)):
            inner.append(inner_relation(one.query))
            if isinstance(one, InRelation):
                used.add((one.query.fields[0].number, "value"))
    return inner


def inner_relation(query: BoundQuery) -> Relation:
    """The relation of a sub-query inside an expression."""
    from .plan import lower_query

    return lower_query(query)


def sources(relation: Relation) -> tuple[Relation, ...]:
    match relation:
        case Scan():
            return ()
        case JoinOn():
            return (relation.left, relation.right)
        case Combine():
            return relation.branches
        case _:
            return (relation.source,)


def expressions(relation: Relation) -> list[Expr]:
    """The expressions of one node."""
    match relation:
        case Filter():
            return [relation.condition]
        case Compute():
            return [value for _, value in relation.items if not (isinstance(value, Ref) and value.part == "value")]
        case Sort():
            return [key.value for key in relation.keys]
        case DrawFrom():
            return [relation.draw.weight]
        case Distinct():
            return list(relation.keys)
        case GroupBy():
            members = [value for f, value in relation.group.members if not isinstance(value, Ref)]
            return [*(value for _, value in relation.group.keys), *members]
        case JoinOn(on=on) if on is not None:
            return [on]
        case _:
            return []
