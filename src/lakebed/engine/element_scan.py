"""Conditions on elements of aligned columns with NumPy: comparisons with known numbers, joined by AND, OR, NOT."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tql.bound import Compare, Const, Expr, Logic, Member
from ..tql.elements import leaf_of
from ..tql.row_tests import ElementTest
from ..tql.schema import Kind
from .element_tables import Array, Derived
from .label_scan import rows_with

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def rows_deciding(source: Derived, test: ElementTest, number: int) -> Array:
    """One boolean for each row of a fragment: an element of it makes the condition true (ANY) or false (ALL,
    ALL_STRICT)."""
    hits = elements_where(source, test.condition, number)
    if test.quantifier != "ANY":
        hits = ~hits
    return rows_with(hits, source.offsets(test.columns[0].value, number))


def elements_where(source: Derived, condition: Expr, number: int) -> Array:
    """One boolean for each element of all rows of a fragment."""
    match condition:
        case Logic(op="NOT"):
            return ~elements_where(source, condition.args[0], number)
        case Logic():
            join = np.logical_and if condition.op == "AND" else np.logical_or
            found = elements_where(source, condition.args[0], number)
            for arg in condition.args[1:]:
                join(found, elements_where(source, arg, number), out=found)
            return found
        case Member():
            values = leaf(source, condition.value, number)
            found = np.zeros(len(values), dtype=bool)
            for option in condition.options:
                found |= values == option
            return found
        case Compare():
            left, right = (side(source, one, number) for one in (condition.left, condition.right))
            result: Array = COMPARE[condition.op](left, right)
            return result
    raise AssertionError(f"the planner lets no {type(condition).__name__} through")


def side(source: Derived, expr: Expr, number: int) -> Any:
    return expr.value if isinstance(expr, Const) else leaf(source, expr, number)


def leaf(source: Derived, expr: Expr, number: int) -> Array:
    found = leaf_of(expr)
    assert found is not None, "the planner looked"
    column, part = found
    if column.kind is Kind.LABEL:
        return source.labels(column.value, number).values
    return source.elements(column.value, part, number)
