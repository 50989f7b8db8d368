"""Expressions of the tree to bound expressions: names looked up, types checked."""

from __future__ import annotations

from collections.abc import Callable

from . import nodes
from .arithmetic import arithmetic, check_number, concat
from .bind_calls import bind_call
from .bind_conditions import (
    bind_between,
    bind_exists,
    bind_in,
    bind_in_query,
    bind_is_null,
    bind_like,
    flattened,
    listed,
)
from .bind_subscripts import bind_subscript
from .bind_values import bind_case, bind_cast
from .bound import Base, Const, Expr, Map, Ref, Type
from .coerce import common_shape, compare, const, const_array, folded, logic, negated
from .errors import TQLNameError, TQLTypeError, TQLUnsupportedError
from .scope import Scope

COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})


def bind_expr(node: nodes.Expr, scope: Scope) -> Expr:
    """`node` with its names resolved and its type known.

    Raises:
        TQLNameError, TQLTypeError, TQLUnsupportedError: each with the place in the text.
    """
    grouping = scope.grouping
    if grouping is not None:
        for key_node, key_field, _ in grouping.keys:
            if node == key_node:
                return Ref(key_field, type=key_field.type, span=node.span)
    return BINDERS[type(node)](node, scope)


# --- leaves ----------------------------------------------------------------------------------------------------------


def bind_column(node: nodes.Column, scope: Scope) -> Expr:
    if node.source is None and node.name in scope.results:
        return scope.results[node.name]
    field = scope.find(node.name, node.source, node.span)
    if field is not None:
        return scope.grouped(field, node.span)
    alias = scope.aliases.get(node.name) if node.source is None else None
    if alias is None:
        raise scope.unknown_column(node)
    if node.name in scope.open_aliases:
        raise TQLTypeError(f"the alias {node.name!r} is defined by itself", kind="circular-alias", span=node.span)
    before, scope.open_aliases = scope.open_aliases, (*scope.open_aliases, node.name)
    try:
        return bind_expr(alias, scope)
    finally:
        scope.open_aliases = before


def bind_array(node: nodes.ArrayLiteral, scope: Scope) -> Expr:
    refuse_ambiguous(node, scope)
    return known_array(node, scope)


def refuse_ambiguous(node: nodes.ArrayLiteral, scope: Scope) -> None:
    """``array[5]`` is a constant; where a column has that name, its author most likely means the column.

    Raises:
        TQLNameError: all items are integers, which could be subscripts, and there is such a column.
    """
    name = next((f.name for _, f in scope.fields if f.name.upper() == "ARRAY"), None)
    if (
        name is not None
        and node.items
        and all(isinstance(i, nodes.Literal) and type(i.value) is int for i in node.items)
    ):
        raise TQLNameError(
            f"ARRAY[...] is a constant array, and there is a column {name!r}",
            kind="ambiguous-array",
            span=node.span,
            hint=f'the column is written "{name}"[...]; a constant of integers is passed as a parameter',
        )


def known_array(node: nodes.ArrayLiteral, scope: Scope) -> Const:
    items = [known_array(i, scope) if isinstance(i, nodes.ArrayLiteral) else bind_expr(i, scope) for i in node.items]
    values = [value for value in map(folded, items) if value is not None]
    if len(values) != len(items):
        raise TQLUnsupportedError("an array literal holds known values only", kind="array-of-columns", span=node.span)
    return const_array([unflattened(v) for v in values], node.span)


def unflattened(value: Const) -> object:
    """A constant as nested lists."""
    if not isinstance(value.value, tuple):
        return value.value
    flat: list[object] = list(value.value)
    for size in reversed([d for d in (value.type.dims or ())[1:] if d]):
        flat = [flat[i : i + size] for i in range(0, len(flat), size)]
    return flat


# --- operators -------------------------------------------------------------------------------------------------------


def bind_unary(node: nodes.Unary, scope: Scope) -> Expr:
    value = bind_expr(node.operand, scope)
    if node.op == "NOT":
        return logic("NOT", [value], node.span)
    check_number(value, node.op)
    if node.op == "+":
        return value
    minus = negated(value, node.span) if isinstance(value, Const) else None
    dims, nested = common_shape([value], node.span)
    base = Base.FLOAT if value.type.base is Base.FLOAT else Base.INT
    return minus or Map("-", (value,), "(-{0})", type=Type(base, dims, nested=nested), span=node.span)


def bind_binary(node: nodes.Binary, scope: Scope) -> Expr:
    if node.op in ("AND", "OR"):
        return logic(node.op, [bind_expr(part, scope) for part in flattened(node)], node.span)
    left, right = bind_expr(node.left, scope), bind_expr(node.right, scope)
    if node.op in COMPARISONS:
        return compare(node.op, listed(left, scope), listed(right, scope), node.span)
    if node.op == "||":
        return concat(left, right, node.span)
    check_number(left, node.op)
    check_number(right, node.op)
    return arithmetic(node.op, left, right, node.span)


BINDERS: dict[type, Callable[..., Expr]] = {
    nodes.Literal: lambda node, scope: const(node.value, node.span),
    nodes.ArrayLiteral: bind_array,
    nodes.Column: bind_column,
    nodes.Parameter: lambda node, scope: scope.context.parameter(node),
    nodes.Unary: bind_unary,
    nodes.Binary: bind_binary,
    nodes.Like: bind_like,
    nodes.InList: bind_in,
    nodes.InQuery: bind_in_query,
    nodes.Between: bind_between,
    nodes.IsNull: bind_is_null,
    nodes.Call: bind_call,
    nodes.Case: bind_case,
    nodes.Cast: bind_cast,
    nodes.Exists: bind_exists,
    nodes.Subscript: bind_subscript,
}
