"""Relations to one DuckDB statement: a chain of common tables, one for each step, with every value as a parameter.

No name and no value of the query stands in the text: columns are called by their numbers (``c7``), inputs ``t0``,
``t1``, and constants travel as ``$1``, ``$2``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .bound import Base, Field
from .relations import Relation
from .rows import RowPlan
from .schema import ColumnInfo

SQL_TYPES = {
    Base.BOOL: "BOOLEAN",
    Base.INT: "BIGINT",
    Base.FLOAT: "DOUBLE",
    Base.TEXT: "VARCHAR",
    Base.NULL: "BIGINT",
    Base.JSON: "JSON",
}


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
    row_id: str | None = None
    """The column that holds permanent row ids, where they were asked for and the rows are of one dataset."""


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

    write: Callable[[Relation, Writer], Step]
    """Writes the steps of a relation; the last one is returned."""
    used: frozenset[tuple[int, str]] = frozenset()
    runtime: Runtime = field(default_factory=Runtime)
    params: list[Any] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    next_name: int = 0
    calls: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    row_order: set[str] = field(default_factory=set)
    """The columns of order that are row positions themselves: scans of whole datasets."""

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
        return Writer(self.write, self.used, self.runtime, self.params, self.inputs, [], self.next_name, self.calls)

    def step(self, sql: str, again: bool = False) -> str:
        """A common table; returns its name. With `again` it is evaluated wherever it is read, and not kept."""
        name = self.name("q")
        self.steps.append(f"{name} AS {'NOT MATERIALIZED ' if again else ''}({sql})")
        return name


def order_by(terms: tuple[str, ...]) -> str:
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def place_in_order(step: Step) -> str:
    """The place of a row from 1, in the order of a step: as the step counts it, or counted here."""
    return f"{step.dense} + 1" if step.dense else f"row_number() OVER ({order_by(step.order).strip()})"
