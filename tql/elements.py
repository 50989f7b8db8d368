"""Element tables: one line per label or box, so that conditions on elements become plain scans instead of lambdas."""

from __future__ import annotations

from .bound import ELEMENTWISE, At, Base, Choose, Compare, Const, Expr, Logic, Map, Member, Pick, Range, Ref
from .schema import ColumnInfo, Kind
from .walking import children

FEW_OPTIONS = 8
"""Options of IN that are compared one by one."""

Leaf = tuple[ColumnInfo, int | None]
"""A column of an element table: the elements themselves, or one of the numbers of a box."""


def element_columns(expr: Expr) -> tuple[ColumnInfo, ...] | None:
    """The columns whose elements `expr` combines one by one, or None if it is something else.

    Only conditions that cannot be NULL qualify: a missing line in the table means false.
    """
    leaves = leaves_of(expr)
    if not leaves:
        return None
    return tuple({column.value: column for column, _ in leaves}.values())


def leaves_of(expr: Expr) -> list[Leaf] | None:
    """Every column of the element table that `expr` reads; None if it cannot be read from there."""
    if isinstance(expr, Const):
        return [] if expr.type.dims == () and expr.value is not None else None
    leaf = leaf_of(expr)
    if leaf is not None:
        return [leaf]
    if not isinstance(expr, ELEMENTWISE) or isinstance(expr, Choose) or (isinstance(expr, Map) and expr.nullable):
        return None
    found: list[Leaf] = []
    for child in children(expr):
        part = leaves_of(child)
        if part is None:
            return None
        found += part
    return found


def is_simple(expr: Expr) -> bool:
    """Whether a condition only compares columns with known numbers, which NumPy does faster than SQL."""
    match expr:
        case Logic():
            return all(is_simple(arg) for arg in expr.args)
        case Member(value=value):
            return leaf_of(value) is not None and len(expr.options) <= FEW_OPTIONS
        case Compare(left=left, right=right):
            one, other = (right, left) if isinstance(left, Const) else (left, right)
            return leaf_of(one) is not None and isinstance(other, Const) and isinstance(other.value, (int, float))
        case _:
            return False


def leaf_of(expr: Expr) -> Leaf | None:
    """A label column, a vector column, or ``boxes[:, k]``."""
    if isinstance(expr, Ref) and expr.part == "value":
        column = stored(expr)
        if (
            column is not None
            and column.kind in (Kind.LABEL, Kind.ARRAY)
            and expr.type.dims == (None,)
            and not expr.type.nested
        ):
            return column, None
        return None
    if isinstance(expr, Pick) and isinstance(expr.value, Ref):
        column = stored(expr.value)
        if column is None or len(column.item_shape) != 1 or len(expr.items) != 2:
            return None
        rows, side = expr.items
        if rows == Range(None, None, 1) and isinstance(side, At) and isinstance(side.index, Const):
            at = side.index.value
            width = column.item_shape[0]
            if isinstance(at, int) and -width <= at < width:
                return column, at % width
    return None


def stored(ref: Ref) -> ColumnInfo | None:
    """The stored column that a reference shows, if its elements are numbers."""
    origin = ref.field.origin
    if origin is None or ref.field.grouped or ref.type.base is Base.TEXT:
        return None
    return origin.column
