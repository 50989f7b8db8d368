"""Sort keys that need no SQL: columns of single numbers, and how many elements a cell has."""

from __future__ import annotations

from .bound import At, Const, Expr, Pick, Reduce, Ref, ShapeOf, SortKey
from .rows import OrderKey
from .schema import ColumnInfo, Kind

LISTS = (Kind.LABEL, Kind.BOX, Kind.ARRAY)


def order_keys(keys: tuple[SortKey, ...]) -> tuple[OrderKey, ...] | None:
    """The keys as columns, or None if one of them is something else."""
    found = []
    for key in keys:
        single, counted = number_column(key.value), counted_column(key.value)
        column = single or counted
        if column is None:
            return None
        found.append(OrderKey(column, single is None, key.descending, key.nulls_first))
    return tuple(found)


def number_column(expr: Expr) -> ColumnInfo | None:
    """A stored column of single numbers."""
    if not isinstance(expr, Ref) or expr.part != "value" or expr.field.grouped or expr.field.origin is None:
        return None
    column = expr.field.origin.column
    return column if column.kind is Kind.SCALAR and expr.type.is_number else None


def counted_column(expr: Expr) -> ColumnInfo | None:
    """The column of ``COUNT(boxes)`` or ``SHAPE(boxes)[0]``: both sort as the lengths of its lists do."""
    match expr:
        case Reduce(name="COUNT", value=Ref() as ref, sql="list_count({0})"):
            return list_column(ref)
        case Pick(value=ShapeOf(value=Ref() as ref), items=(At(index=Const(value=0)),)):
            column = list_column(ref)
            return None if column is None or column.shape is not None else column
        case _:
            return None


def list_column(ref: Ref) -> ColumnInfo | None:
    if ref.field.origin is None or ref.part != "value" or ref.type.nested:
        return None  # the cells of a sequence are lists themselves, and all that is in them counts
    column = ref.field.origin.column
    return column if column.kind in LISTS else None
