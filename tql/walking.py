"""Walking the expressions of a bound tree."""

from __future__ import annotations

from collections.abc import Iterator

from .bound import (
    At,
    CellOf,
    Cells,
    Choose,
    Compare,
    Expr,
    InRelation,
    JsonPick,
    ListCall,
    Logic,
    Map,
    Member,
    Pick,
    Reduce,
    ReduceAxis,
    Relevance,
    ShapeOf,
    Together,
    UserCall,
)


def children(expr: Expr) -> Iterator[Expr]:
    """The expressions directly inside `expr` (not those of sub-queries)."""
    match expr:
        case Map() | Logic() | ListCall() | UserCall():
            yield from expr.args
        case Compare():
            yield expr.left
            yield expr.right
        case Choose():
            for condition, result in expr.whens:
                yield condition
                yield result
            yield expr.otherwise
        case Member() | Reduce() | ReduceAxis() | ShapeOf() | Together() | InRelation() | Relevance():
            yield expr.value
        case Pick() | Cells():
            yield expr.value
            yield from (item.index for item in expr.items if isinstance(item, At))
        case CellOf():
            yield expr.value
            yield expr.at.index
        case JsonPick():
            yield expr.value
            yield expr.key


def walk(expr: Expr) -> Iterator[Expr]:
    """`expr` and every expression in it, without recursion."""
    todo = [expr]
    while todo:
        one = todo.pop()
        yield one
        todo.extend(children(one))
