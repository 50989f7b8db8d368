"""The tree of a parsed query: frozen dataclasses, compared without their places in the text.

Names are as written; nothing is resolved here. `Expr` and `Query` are the two kinds of tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from .source import NOWHERE, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    span: Span = field(default=NOWHERE, compare=False, repr=False)


# --- expressions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, string, TRUE, FALSE or NULL (None)."""

    value: int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class ArrayLiteral(Node):
    """``ARRAY[1, 2]``, nested for more dimensions."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Column(Node):
    """A column, an alias, or (after a dot) a column of a source: ``a.boxes`` is ``Column("boxes", "a")``."""

    name: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Star(Node):
    """``*`` or ``a.*``; only in SELECT lists and COUNT(*)."""

    source: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    """``?`` (name None, index from 0 in text order) or ``:name`` (index -1)."""

    name: str | None
    index: int


UnaryOp = OneOf["NOT", "-", "+"]
BinaryOp = OneOf["OR", "AND", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "^", "||"]
"""Spellings are normalised: ``==`` is "=", ``<>`` is "!="."""


@dataclass(frozen=True, slots=True)
class Unary(Node):
    op: UnaryOp
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    op: BinaryOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Like(Node):
    value: Expr
    pattern: Expr
    escape: Expr | None = None
    negated: bool = False
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class InList(Node):
    """``x IN (1, 2)``; ``x IN ARRAY[1, 2]`` (version 3 spelling) parses to the same."""

    value: Expr
    items: tuple[Expr, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InQuery(Node):
    value: Expr
    query: Query
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between(Node):
    value: Expr
    low: Expr
    high: Expr
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    """``x IS [NOT] NULL``; ``x ISNULL`` parses to the same."""

    value: Expr
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Weighted(Node):
    """``condition: weight`` in MAX_WEIGHT and SUM_WEIGHT."""

    condition: Expr
    weight: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function call. `name` is in upper case; `args` may be a single `Star` (COUNT) or all `Weighted`."""

    name: str
    args: tuple[Expr | Star | Weighted, ...] = ()
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class When(Node):
    condition: Expr
    result: Expr


@dataclass(frozen=True, slots=True)
class Case(Node):
    """``CASE [operand] WHEN ... THEN ... [ELSE ...] END``."""

    operand: Expr | None
    whens: tuple[When, ...]
    otherwise: Expr | None = None


@dataclass(frozen=True, slots=True)
class Cast(Node):
    """``CAST(x AS type)``; `type_name` is in upper case."""

    value: Expr
    type_name: str


@dataclass(frozen=True, slots=True)
class Exists(Node):
    query: Query


@dataclass(frozen=True, slots=True)
class Index(Node):
    """One subscript that picks an element, or a key of a JSON object."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """One subscript ``start:stop:step``, each part optional."""

    start: Expr | None = None
    stop: Expr | None = None
    step: Expr | None = None


@dataclass(frozen=True, slots=True)
class Subscript(Node):
    """``x[i, a:b]``; ``x[0][1]`` is a subscript of a subscript."""

    value: Expr
    items: tuple[Index | Slice, ...]


Expr = (
    Literal | ArrayLiteral | Column | Parameter | Unary | Binary | Like | InList | InQuery | Between | IsNull
    | Call | Case | Cast | Exists | Subscript
)


# --- queries -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SelectItem(Node):
    value: Expr | Star
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetSource(Node):
    """``"path@ref"``, a bare name or a CTE's name, with optional ``VERSION 'id'`` and alias."""

    path: str
    version: str | None = None
    alias: str | None = None
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class QuerySource(Node):
    query: Query
    alias: str | None = None


JoinKind = OneOf["INNER", "LEFT", "RIGHT", "FULL", "CROSS"]


@dataclass(frozen=True, slots=True)
class Join(Node):
    """A comma between sources parses to CROSS."""

    kind: JoinKind
    left: Source
    right: Source
    on: Expr | None = None
    using: tuple[str, ...] = ()


Source = DatasetSource | QuerySource | Join


@dataclass(frozen=True, slots=True)
class Expand(Node):
    """``EXPAND BY before [after] [OVERLAP [bool]] [AS name]``."""

    before: Expr
    after: Expr | None = None
    overlap: bool = False
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Ungroup(Node):
    """``UNGROUP BY SPLIT`` (by None) or ``UNGROUP BY expr``."""

    by: Expr | None = None


@dataclass(frozen=True, slots=True)
class Select(Node):
    """One SELECT without ORDER BY, LIMIT and SAMPLE BY, which belong to the `Query` around it."""

    items: tuple[SelectItem, ...]
    distinct: bool = False
    distinct_on: tuple[Expr, ...] = ()
    source: Source | None = None
    where: Expr | None = None
    expand: Expand | None = None
    group_by: tuple[Expr, ...] = ()
    having: Expr | None = None
    across: OneOf["TIME", "SPACE"] | None = None
    ungroup: Ungroup | None = None


SetOperator = OneOf["UNION", "INTERSECT", "EXCEPT"]


@dataclass(frozen=True, slots=True)
class SetOperation(Node):
    """Two branches joined; chains lean left, as equal precedence says."""

    op: SetOperator
    all: bool
    left: Body
    right: Body


@dataclass(frozen=True, slots=True)
class OrderItem(Node):
    value: Expr
    descending: bool = False
    nulls_first: bool | None = None
    """None: not said, which means nulls last."""


@dataclass(frozen=True, slots=True)
class Limit(Node):
    """``LIMIT n``, ``LIMIT p PERCENT`` or ``LIMIT ALL`` (count None)."""

    count: Expr | None
    percent: bool = False


@dataclass(frozen=True, slots=True)
class SampleBy(Node):
    """``SAMPLE BY weight [REPLACE [bool]] [LIMIT n | p PERCENT]``."""

    weight: Expr
    replace: bool = True
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class CommonTable(Node):
    """``name AS (query)`` of a WITH clause."""

    name: str
    query: Query


@dataclass(frozen=True, slots=True)
class Query(Node):
    """A whole query, or one in parentheses; bare branches of a set operation are plain `Select`s."""

    body: Body
    with_tables: tuple[CommonTable, ...] = ()
    order_by: tuple[OrderItem, ...] = ()
    limit: Limit | None = None
    offset: Expr | None = None
    sample: SampleBy | None = None


Body = Select | SetOperation | Query
