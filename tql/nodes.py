"""The tree of a parsed query: frozen dataclasses, compared without their places in the text.

Names are as written; nothing is resolved here. `Expr` and `Query` are the two kinds of tree.

Equality, hash and repr are loops, not recursion, so that the tallest tree the parser lets pass can be compared and
shown. Every class is therefore a dataclass with `eq=False, repr=False`, which inherits them from `Node`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from typing import Literal as OneOf

from .source import NOWHERE, Span


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Node:
    """Base of all nodes. `span` is where it stands in the text; it takes no part in equality."""

    span: Span = field(default=NOWHERE, compare=False, repr=False)

    def parts(self) -> tuple[Any, ...]:
        """The values of all fields but `span`: nodes, tuples of nodes, and plain values, in order."""
        names: tuple[str, ...] = self.__match_args__  # keyword-only fields are left out of it, and span is the only one
        return tuple([getattr(self, name) for name in names])

    def children(self) -> Iterator[Node]:
        """The nodes directly below this one, in order of the fields."""
        for part in self.parts():
            if isinstance(part, Node):
                yield part
            elif isinstance(part, tuple):
                yield from (item for item in part if isinstance(item, Node))

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in depth-first order of the fields."""
        pending: list[Node] = [self]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(reversed(list(node.children())))

    def __eq__(self, other: object) -> bool:
        """Same shape and same values of the same types: 1, 1.0 and TRUE differ."""
        if not isinstance(other, Node):
            return NotImplemented
        pending: list[tuple[Any, Any]] = [(self, other)]
        while pending:
            mine, theirs = pending.pop()
            if mine is theirs:
                continue
            if type(mine) is not type(theirs):
                return False
            if isinstance(mine, Node):
                mine, theirs = mine.parts(), theirs.parts()
            if isinstance(mine, tuple):
                if len(mine) != len(theirs):
                    return False
                pending.extend(zip(mine, theirs, strict=True))
            elif mine != theirs:
                return False
        return True

    def __hash__(self) -> int:
        flat: list[object] = []
        pending: list[Any] = [self]
        while pending:
            part = pending.pop()
            flat.append(type(part))
            if isinstance(part, Node):
                pending.extend(part.parts())
            elif isinstance(part, tuple):
                pending.extend(part)
            else:
                flat.append(part)
        return hash(tuple(flat))

    def __repr__(self) -> str:
        shown: list[str] = []
        pending: list[Any] = [self]
        while pending:
            part = pending.pop()
            shown.append(part.text if isinstance(part, _Text) else "")
            if isinstance(part, Node):
                pending += reversed(_repr_of_node(part))
            elif isinstance(part, tuple):
                pending += reversed(_repr_of_tuple(part))
            elif not isinstance(part, _Text):
                shown.append(repr(part))
        return "".join(shown)


@dataclass(frozen=True, slots=True)
class _Text:
    """Punctuation of a repr, told apart from the strings of a tree."""

    text: str


def _repr_of_node(node: Node) -> list[Any]:
    pieces: list[Any] = [_Text(f"{type(node).__name__}(")]
    names: tuple[str, ...] = node.__match_args__
    for index, (name, value) in enumerate(zip(names, node.parts(), strict=True)):
        pieces += [_Text(f"{', ' if index else ''}{name}="), value]
    return [*pieces, _Text(")")]


def _repr_of_tuple(items: tuple[Any, ...]) -> list[Any]:
    pieces: list[Any] = [_Text("(")]
    for index, item in enumerate(items):
        pieces += [_Text(", "), item] if index else [item]
    return [*pieces, _Text(",)" if len(items) == 1 else ")")]


# --- expressions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Literal(Node):
    """A number, string, TRUE, FALSE or NULL (None). A minus right before a number is part of it: ``-1``."""

    value: int | float | str | bool | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ArrayLiteral(Node):
    """``ARRAY[1, 2]``, nested for more dimensions."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Column(Node):
    """A column, an alias, or (after a dot) a column of a source: ``a.boxes`` is ``Column("boxes", "a")``."""

    name: str
    source: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Star(Node):
    """``*`` or ``a.*``; only in SELECT lists and COUNT(*)."""

    source: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parameter(Node):
    """``?`` (name None, index from 0 in text order) or ``:name`` (index -1)."""

    name: str | None
    index: int


UnaryOp = OneOf["NOT", "-", "+"]
BinaryOp = OneOf["OR", "AND", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "^", "||"]
"""Spellings are normalised: ``==`` is "=", ``<>`` is "!="."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Unary(Node):
    op: UnaryOp
    operand: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Binary(Node):
    """Chains lean left; only AND and OR chains past 64 operands are built balanced, to keep the tree low."""

    op: BinaryOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Like(Node):
    value: Expr
    pattern: Expr
    escape: Expr | None = None
    negated: bool = False
    ignore_case: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InList(Node):
    """``x IN (1, 2)``; ``x IN ARRAY[1, 2]`` (version 3 spelling) parses to the same."""

    value: Expr
    items: tuple[Expr, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InQuery(Node):
    value: Expr
    query: Query
    negated: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Between(Node):
    value: Expr
    low: Expr
    high: Expr
    negated: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IsNull(Node):
    """``x IS [NOT] NULL``; ``x ISNULL`` parses to the same."""

    value: Expr
    negated: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Weighted(Node):
    """``condition: weight`` in MAX_WEIGHT and SUM_WEIGHT."""

    condition: Expr
    weight: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call(Node):
    """A function call. `name` is in upper case; `args` may be a single `Star` (COUNT) or all `Weighted`."""

    name: str
    args: tuple[Expr | Star | Weighted, ...] = ()
    distinct: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class When(Node):
    condition: Expr
    result: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Case(Node):
    """``CASE [operand] WHEN ... THEN ... [ELSE ...] END``."""

    operand: Expr | None
    whens: tuple[When, ...]
    otherwise: Expr | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cast(Node):
    """``CAST(x AS type)``; `type_name` is in upper case."""

    value: Expr
    type_name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exists(Node):
    query: Query


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Index(Node):
    """One subscript that picks an element, or a key of a JSON object."""

    value: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Slice(Node):
    """One subscript ``start:stop:step``, each part optional."""

    start: Expr | None = None
    stop: Expr | None = None
    step: Expr | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Subscript(Node):
    """``x[i, a:b]``; ``x[0][1]`` is a subscript of a subscript."""

    value: Expr
    items: tuple[Index | Slice, ...]


Expr = (
    Literal
    | ArrayLiteral
    | Column
    | Parameter
    | Unary
    | Binary
    | Like
    | InList
    | InQuery
    | Between
    | IsNull
    | Call
    | Case
    | Cast
    | Exists
    | Subscript
)


# --- queries -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SelectItem(Node):
    value: Expr | Star
    alias: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DatasetSource(Node):
    """``"path@ref"``, a bare name or a CTE's name, with optional ``VERSION 'id'`` and alias."""

    path: str
    version: str | None = None
    alias: str | None = None
    quoted: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class QuerySource(Node):
    query: Query
    alias: str | None = None


JoinKind = OneOf["INNER", "LEFT", "RIGHT", "FULL", "CROSS"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Join(Node):
    """A comma between sources parses to CROSS."""

    kind: JoinKind
    left: Source
    right: Source
    on: Expr | None = None
    using: tuple[str, ...] = ()


Source = DatasetSource | QuerySource | Join


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expand(Node):
    """``EXPAND BY before [after] [OVERLAP [bool]] [AS name]``."""

    before: Expr
    after: Expr | None = None
    overlap: bool = False
    alias: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ungroup(Node):
    """``UNGROUP BY SPLIT`` (by None) or ``UNGROUP BY expr``."""

    by: Expr | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SetOperation(Node):
    """Two branches joined; chains lean left, as equal precedence says.

    A chain may be thousands of branches long (one a class): go down its left side with a loop, not by recursion.
    """

    op: SetOperator
    all: bool
    left: Body
    right: Body


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OrderItem(Node):
    value: Expr
    descending: bool = False
    nulls_first: bool | None = None
    """None: not said, which means nulls last."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Limit(Node):
    """``LIMIT n``, ``LIMIT p PERCENT`` or ``LIMIT ALL`` (count None)."""

    count: Expr | None
    percent: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SampleBy(Node):
    """``SAMPLE BY weight [REPLACE [bool]] [LIMIT n | p PERCENT]``."""

    weight: Expr
    replace: bool = True
    limit: Limit | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CommonTable(Node):
    """``name AS (query)`` of a WITH clause."""

    name: str
    query: Query


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Query(Node):
    """A whole query, or one in parentheses; bare branches of a set operation are plain `Select`s."""

    body: Body
    with_tables: tuple[CommonTable, ...] = ()
    order_by: tuple[OrderItem, ...] = ()
    limit: Limit | None = None
    offset: Expr | None = None
    sample: SampleBy | None = None


Body = Select | SetOperation | Query
