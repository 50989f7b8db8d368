"""Reductions in SQL: ANY, ALL and ALL_STRICT over the elements of a cell, and any reduction along one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bound import Base, Compare, Const, Member, Reduce, ReduceAxis, Ref
from .sql_operands import maybe_null

if TYPE_CHECKING:
    from .sql_expressions import ExpressionWriter

QUANTIFIERS = ("ANY", "ALL", "ALL_STRICT")


def quantified(name: str, items: str, nulls: bool) -> str:
    """ANY, ALL or ALL_STRICT of a list of booleans, NULL where an element that is NULL could decide it."""
    word = "true" if name == "ANY" else "false"
    hit = f"list_contains({items}, {word})"
    sure = f"WHEN list_count({items}) = len({items}) THEN" if nulls else "ELSE"
    empty = f"WHEN len({items}) = 0 THEN FALSE " if name == "ALL_STRICT" else ""
    return f"(CASE {empty}WHEN {hit} THEN {word} {sure} NOT {word} END)"


def known_member(w: ExpressionWriter, expr: Reduce) -> str | None:
    """``ANY(list = single constant)`` without a lambda."""
    inner = expr.value
    if expr.name != "ANY" or not isinstance(inner, (Compare, Member)):
        return None
    if isinstance(inner, Member):
        if not isinstance(inner.value, Ref) or len(inner.options) != 1 or inner.value.type.base is not Base.INT:
            return None
        return f"list_contains({w.items(inner.value)}, {w.writer.param(int(inner.options[0]), 'BIGINT')})"
    if inner.op != "=" or not isinstance(inner.left, Ref) or not isinstance(inner.right, Const):
        return None
    if inner.right.type.is_array:
        return None
    if inner.right.value is None or inner.right.value != inner.right.value or inner.left.type.base is Base.JSON:
        return None
    if inner.left.type.base is Base.BOOL and inner.right.type.base is not Base.BOOL:
        return None
    return f"list_contains({w.items(inner.left)}, {w.side(inner.right, inner.left)})"


def reduced_along(w: ExpressionWriter, expr: ReduceAxis) -> str:
    """A reduction along one axis, as a flat list: one value for each line of elements in that direction."""
    quantifier = expr.name in QUANTIFIERS
    data = w.items(expr.value) if quantifier else w.wide_items(expr.value)
    shape = w.shape(expr.value)
    axis, axes = expr.axis, len(expr.value.type.dims or ())
    length = f"({shape})[{axis + 1}]"
    before, after = (product(shape, places) for places in (range(axis), range(axis + 1, axes)))
    number, place, line = (w.writer.name("i") for _ in range(3))
    at = f"({number} // {after}) * {length} * {after} + {place} * {after} + {number} % {after}"
    elements = f"[({data})[{at} + 1] FOR {place} IN range({length})]"
    lines = f"list_transform(range({before} * {after}), lambda {number}: {elements})"
    one = quantified(expr.name, line, maybe_null(expr.value)) if quantifier else expr.sql.format(line)
    return f"list_transform({lines}, lambda {line}: {one})"


def shape_along(w: ExpressionWriter, expr: ReduceAxis) -> str:
    """The shape without the axis that was reduced."""
    shape = w.shape(expr.value)
    return f"list_concat(({shape})[1:{expr.axis}], ({shape})[{expr.axis + 2}:])"


def product(shape: str, places: range) -> str:
    """The number of elements in some axes of a shape."""
    return f"({' * '.join(f'({shape})[{place + 1}]' for place in places)})" if places else "1"
