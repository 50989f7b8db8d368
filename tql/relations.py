"""Relations: the logical plan of what needs SQL. Each node yields rows in an order, with fields on them."""

from __future__ import annotations

from dataclasses import dataclass

from .bound import Cut, Draw, Expr, Field, Group, SortKey, Spread
from .rows import RowPlan


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows of a dataset: all of them, or those of a row plan, in its order. `fields` have an origin in that dataset."""

    dataset: int
    fields: tuple[Field, ...]
    rows: RowPlan | None = None
    counter: Field | None = None
    """Receives the number of the window that each row of an `ExpandRows` belongs to."""


@dataclass(frozen=True, slots=True)
class Filter:
    source: Relation
    condition: Expr


@dataclass(frozen=True, slots=True)
class Compute:
    """The source with more fields on each row."""

    source: Relation
    items: tuple[tuple[Field, Expr], ...]


@dataclass(frozen=True, slots=True)
class Sort:
    source: Relation
    keys: tuple[SortKey, ...]


@dataclass(frozen=True, slots=True)
class CutTo:
    source: Relation
    cut: Cut


@dataclass(frozen=True, slots=True)
class DrawFrom:
    source: Relation
    draw: Draw


@dataclass(frozen=True, slots=True)
class Distinct:
    """The first row of those with equal `keys`."""

    source: Relation
    keys: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class GroupBy:
    source: Relation
    group: Group


@dataclass(frozen=True, slots=True)
class SpreadOut:
    source: Relation
    spread: Spread


@dataclass(frozen=True, slots=True)
class CountRows:
    source: Relation
    field: Field


@dataclass(frozen=True, slots=True)
class JoinOn:
    kind: str
    left: Relation
    right: Relation
    on: Expr | None


@dataclass(frozen=True, slots=True)
class Combine:
    """A set operation of relations; `columns` are (result field, field of each branch)."""

    op: str
    all: bool
    branches: tuple[Relation, ...]
    columns: tuple[tuple[Field, tuple[Field, ...]], ...]
    stored: tuple[Field, ...]
    """Stored columns of the one dataset, read again for the rows that came out."""
    by_row: bool
    ascending: bool


Relation = (
    Scan | Filter | Compute | Sort | CutTo | DrawFrom | Distinct | GroupBy | SpreadOut | CountRows
    | JoinOn | Combine
)  # fmt: skip
