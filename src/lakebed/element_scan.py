"""Conditions on elements of aligned columns with NumPy: comparisons with known numbers, joined by AND, OR, NOT."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .element_tables import Array, Derived
from .label_scan import rows_with
from .tql.bound import Compare, Const, Expr, Logic, Member
from .tql.elements import leaf_of
from .tql.rows import ElementTest

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def rows_deciding(source: Derived, test: ElementTest) -> Array:
    """One boolean for each row: it has an element for which the condition holds (ANY) or fails (ALL, ALL_STRICT)."""
    hits = elements_where(source, test.condition)
    if test.quantifier != "ANY":
        hits = ~hits
    return rows_with(hits, source.cell_offsets(test.columns[0].value))


def elements_where(source: Derived, condition: Expr) -> Array:
    """One boolean for each element of all rows."""
    match condition:
        case Logic(op="NOT"):
            return ~elements_where(source, condition.args[0])
        case Logic():
            join = np.logical_and if condition.op == "AND" else np.logical_or
            found = elements_where(source, condition.args[0])
            for arg in condition.args[1:]:
                join(found, elements_where(source, arg), out=found)
            return found
        case Member():
            values = leaf(source, condition.value)
            found = np.zeros(len(values), dtype=bool)
            for option in condition.options:
                found |= values == option
            return found
        case Compare():
            result: Array = COMPARE[condition.op](side(source, condition.left), side(source, condition.right))
            return result
    raise AssertionError(f"the planner lets no {type(condition).__name__} through")


def side(source: Derived, expr: Expr) -> Any:
    return expr.value if isinstance(expr, Const) else leaf(source, expr)


def leaf(source: Derived, expr: Expr) -> Array:
    found = leaf_of(expr)
    assert found is not None, "the planner looked"
    column, part = found
    values: Array = source.elements(column.value, part).to_numpy(zero_copy_only=False)
    return values
