"""What an element-wise expression is made of, and whether it may be NULL."""

from __future__ import annotations

from .bound import ELEMENTWISE, CellAt, Choose, Const, Expr, Map, Pick, Ref, ShapeOf
from .walking import children, walk


def array_operands(expr: Expr) -> list[Expr]:
    """The arrays that an element-wise expression is made of."""
    found: dict[Expr | int, Expr] = {}
    todo: list[Expr] = [expr]
    while todo:
        one = todo.pop()
        if not one.type.is_array:
            continue
        if isinstance(one, ELEMENTWISE):
            todo += reversed(list(children(one)))
        else:
            found[id(one)] = one
    return list(found.values())


def maybe_null(expr: Expr) -> bool:
    """Whether an element of an array may be NULL though no cell is missing."""
    if not isinstance(expr, ELEMENTWISE):
        return not isinstance(expr, (Ref, Const, Pick, ShapeOf, CellAt)) or is_grouped(expr)
    if not expr.type.is_array:
        return True
    if isinstance(expr, Choose) or (isinstance(expr, Map) and expr.nullable):
        return True
    return any(not isinstance(c, Const) and (maybe_null(c) or not c.type.is_array) for c in children(expr))


def is_grouped(expr: Expr) -> bool:
    """Whether the elements are the cells of a group, some of which may be missing."""
    return any(isinstance(one, Ref) and one.field.grouped for one in walk(expr))
