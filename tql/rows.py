"""Row plans: how the ordered list of row numbers of a plain query is found.

A query whose columns are all stored columns of one dataset is only a list of rows. The engine runs such a plan with
NumPy over the Arrow children of label columns, with SQL over element tables, and with SQL over the rows for all else;
each node says what it yields, never how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Literal as OneOf

from .bound import Cut, Draw, Window
from .row_tests import Test
from .schema import ColumnInfo

if TYPE_CHECKING:
    from .relations import Relation


@dataclass(frozen=True, slots=True)
class AllRows:
    """Every row of a dataset, in order."""

    dataset: int


@dataclass(frozen=True, slots=True)
class FilterRows:
    """The rows of `source` that pass, in order; at most `limit` of them where it is set."""

    dataset: int
    source: RowPlan
    test: Test
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class CutRows:
    dataset: int
    source: RowPlan
    cut: Cut


@dataclass(frozen=True, slots=True)
class OrderKey:
    """A column of single numbers, or the number of elements in each cell of a column of lists; NaN counts as NULL."""

    column: ColumnInfo
    lengths: bool
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class OrderRows:
    """The rows of `source` sorted, rows with equal keys in its order; the first `limit` of them where it is set."""

    dataset: int
    source: RowPlan
    keys: tuple[OrderKey, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class MergeRows:
    """A set operation; with `ascending` UNION sorts by row, otherwise it keeps the order of first appearance."""

    dataset: int
    op: OneOf["UNION", "INTERSECT", "EXCEPT"]
    all: bool
    branches: tuple[RowPlan, ...]
    ascending: bool


@dataclass(frozen=True, slots=True)
class SqlRows:
    """The rows that a relation yields, in its order."""

    dataset: int
    relation: Relation


@dataclass(frozen=True, slots=True)
class ExpandRows:
    """The rows of `source` around each of the `hits` (which are among them): EXPAND BY."""

    dataset: int
    source: RowPlan
    hits: RowPlan
    window: Window


@dataclass(frozen=True, slots=True)
class DrawRows:
    """Rows of `source` drawn: the weight of each is the greatest (MAX_WEIGHT) or the sum (SUM_WEIGHT) of the numbers
    whose tests it passes."""

    dataset: int
    source: RowPlan
    how: str
    weights: tuple[tuple[Test, float], ...]
    draw: Draw


@dataclass(frozen=True, slots=True)
class NearKey:
    """How a column of vectors compares with a known one: "cosine", "dot", or the "distance" between them."""

    column: ColumnInfo
    metric: str
    vector: tuple[float, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class NearRows:
    """The first `limit` rows of `source`, which come ascending, by a key; `relation` finds them by SQL."""

    dataset: int
    source: RowPlan
    key: NearKey
    limit: int
    relation: Relation


RowPlan = AllRows | FilterRows | CutRows | OrderRows | MergeRows | SqlRows | ExpandRows | DrawRows | NearRows
