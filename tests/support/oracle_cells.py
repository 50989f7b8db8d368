"""What an expression of the query tree means in one row, by NumPy and plain Python: the slow, obvious way.

Written from the language's definition and independent of the compiler: it knows no SQL and no bound tree.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from lakebed.tql import nodes


class Mismatch(Exception):
    """Two arrays whose shapes differ met."""


@dataclass(frozen=True)
class Arr:
    """An array cell: elements in C order (None where an element is NULL), and its shape."""

    data: tuple[Any, ...]
    shape: tuple[int, ...]

    def numpy(self) -> np.ndarray[Any, Any]:
        return np.array(self.data, dtype=object).reshape(self.shape)


@dataclass(frozen=True)
class Seq(Arr):
    """A sequence of array cells; as an array it is all their elements in a row."""

    cells: tuple[Arr, ...]
    empty: Arr
    """What stands for a cell that is not there."""


def seq(cells: Sequence[Arr], empty: Arr) -> Seq:
    data = tuple(item for cell in cells for item in cell.data)
    return Seq(data, (len(data),), tuple(cells), empty)


@dataclass(frozen=True)
class Json:
    """A JSON value."""

    value: Any


def arr(values: Sequence[Any], shape: tuple[int, ...] | None = None) -> Arr:
    return Arr(tuple(values), (len(values),) if shape is None else shape)


@dataclass
class Row:
    """One row in sight: its cells by name, its position, and what aliases stand for."""

    cells: Mapping[str, Any]
    position: int
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Class names of label columns."""
    aliases: Mapping[str, nodes.Expr] = field(default_factory=dict)


# --- conditions ------------------------------------------------------------------------------------------------------


def condition(node: nodes.Expr, row: Row) -> bool | None:
    """One boolean, or None, for a row: AND, OR and NOT of operands that are each reduced by ALL_STRICT."""
    match node:
        case nodes.Binary(op="AND"):
            return kleene_and(condition(node.left, row), condition(node.right, row))
        case nodes.Binary(op="OR"):
            return kleene_or(condition(node.left, row), condition(node.right, row))
        case nodes.Unary(op="NOT"):
            return kleene_not(condition(node.operand, row))
    return all_strict(each(truth, evaluate(node, row)))


def truth(value: Any) -> bool | None:
    return None if value is None else bool(value != 0)


def kleene_not(a: bool | None) -> bool | None:
    return None if a is None else not a


def kleene_and(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def kleene_or(a: bool | None, b: bool | None) -> bool | None:
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def all_strict(value: Any) -> bool | None:
    return value if not isinstance(value, Arr) else quantified("ALL_STRICT", value.data)


def quantified(name: str, items: Sequence[Any]) -> bool | None:
    if name == "ALL_STRICT" and not items:
        return False
    found: bool | None = name != "ANY"
    for item in items:
        found = kleene_or(found, item) if name == "ANY" else kleene_and(found, item)
    return found


# --- element by element ----------------------------------------------------------------------------------------------


def each(function: Callable[..., Any], *args: Any) -> Any:
    """`function` over elements; an array without elements makes the result one."""
    arrays = [a for a in args if isinstance(a, Arr)]
    if not arrays:
        return function(*args)
    empty = next((a for a in arrays if not a.data), None)
    if empty is not None:
        return Arr(empty.data, empty.shape)
    if len({a.shape for a in arrays}) > 1:
        raise Mismatch
    size = len(arrays[0].data)
    columns = [a.data if isinstance(a, Arr) else (a,) * size for a in args]
    return Arr(tuple(function(*items) for items in zip(*columns, strict=True)), arrays[0].shape)


COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def compared(op: str) -> Callable[[Any, Any], bool | None]:
    def function(a: Any, b: Any) -> bool | None:
        if isinstance(a, Json) or isinstance(b, Json):
            return json_compared(op, a, b)
        return None if a is None or b is None else bool(COMPARE[op](a, b))

    return function


def json_compared(op: str, a: Any, b: Any) -> bool | None:
    a, b = (x.value if isinstance(x, Json) else x for x in (a, b))
    if a is None or b is None:
        return None
    if json_kind(a) != json_kind(b):
        return op == "!="
    return bool(COMPARE[op](a, b))


def json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def arithmetic(op: str) -> Callable[[Any, Any], Any]:
    def function(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return None
        floats = op in ("/", "^") or any(isinstance(x, (float, np.floating)) for x in (a, b))
        if not floats:
            return integers(op, int(a), int(b))
        with np.errstate(all="ignore"):
            return float(FLOATS[op](np.float64(a), np.float64(b)))

    return function


FLOATS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": lambda a, b: np.floor(a / b), "%": lambda a, b: a - b * np.floor(a / b), "^": np.power,
}  # fmt: skip


def integers(op: str, a: int, b: int) -> int | None:
    if op in ("//", "%") and b == 0:
        return None
    return {"+": a + b, "-": a - b, "*": a * b}[op] if op in "+-*" else a // b if op == "//" else a % b


# --- expressions -----------------------------------------------------------------------------------------------------


def evaluate(node: nodes.Expr, row: Row) -> Any:
    """The value of an expression in a row: None, a number, text, `Json` or `Arr`."""
    return EVALUATE[type(node)](node, row)


def column(node: nodes.Column, row: Row) -> Any:
    return row.cells[node.name] if node.name in row.cells else evaluate(row.aliases[node.name], row)


def unary(node: nodes.Unary, row: Row) -> Any:
    if node.op == "NOT":
        return each(lambda x: kleene_not(truth(x)), evaluate(node.operand, row))
    return each(lambda x: None if x is None else -x, wide(evaluate(node.operand, row)))


def between(node: nodes.Between, row: Row) -> Any:
    value = evaluate(node.value, row)
    low, high = (coded(part, node.value, row) for part in (node.low, node.high))
    inside = each(kleene_and, each(compared(">="), value, low), each(compared("<="), value, high))
    return each(kleene_not, inside) if node.negated else inside


def in_list(node: nodes.InList, row: Row) -> Any:
    value, found = evaluate(node.value, row), None
    for item in node.items:
        equal = each(compared("="), value, coded(item, node.value, row))
        found = equal if found is None else each(kleene_or, found, equal)
    return each(kleene_not, found) if node.negated else found


def fits(node: nodes.Like, row: Row) -> Any:
    pattern = like(str(evaluate(node.pattern, row)), node.ignore_case)
    found = each(lambda x: None if x is None else bool(pattern.fullmatch(x)), evaluate(node.value, row))
    return each(kleene_not, found) if node.negated else found


def wide(value: Any) -> Any:
    """Arithmetic is done in 64 bits."""
    return each(
        lambda x: float(x) if isinstance(x, np.floating) else x if x is None else int(x) if isinstance(x, bool) else x,
        value,
    )


def binary(node: nodes.Binary, row: Row) -> Any:
    if node.op in ("AND", "OR"):
        join = kleene_and if node.op == "AND" else kleene_or
        return each(lambda a, b: join(truth(a), truth(b)), evaluate(node.left, row), evaluate(node.right, row))
    if node.op in COMPARE:
        return each(compared(node.op), coded(node.left, node.right, row), coded(node.right, node.left, row))
    left, right = evaluate(node.left, row), evaluate(node.right, row)
    if node.op == "||":
        return None if left is None or right is None else left + right
    return each(arithmetic(node.op), left, right)


def coded(node: nodes.Expr, other: nodes.Expr, row: Row) -> Any:
    """`node`'s value, a class name as its code if `other` is a label."""
    names = class_names(other, row)
    if names is not None and isinstance(node, nodes.Literal) and isinstance(node.value, str):
        return list(names).index(node.value)
    return evaluate(node, row)


def class_names(node: nodes.Expr, row: Row) -> Sequence[str] | None:
    while isinstance(node, nodes.Subscript):
        node = node.value
    return row.labels.get(node.name) if isinstance(node, nodes.Column) else None


def like(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    parts = {"%": ".*", "*": ".*", "?": "."}
    text = "".join(parts.get(char, re.escape(char)) for char in pattern)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def missing(value: Any) -> bool:
    if isinstance(value, Arr):
        return not value.data
    return value is None or (isinstance(value, Json) and value.value in (None, {}))


def case(node: nodes.Case, row: Row) -> Any:
    found = None if node.otherwise is None else evaluate(node.otherwise, row)
    operand = None if node.operand is None else evaluate(node.operand, row)
    for when in reversed(node.whens):
        test = evaluate(when.condition, row)
        holds = each(truth, test) if node.operand is None else each(compared("="), operand, test)
        found = each(lambda c, yes, no: yes if c else no, holds, evaluate(when.result, row), found)
    return found


def subscript(node: nodes.Subscript, row: Row) -> Any:
    value = evaluate(node.value, row)
    if isinstance(value, Json) or value is None:
        return json_item(value, [evaluate(i.value, row) for i in node.items if isinstance(i, nodes.Index)])
    return picked(value, keys_of(node, row))


def keys_of(node: nodes.Subscript, row: Row) -> list[Any]:
    """Integers, None, and slices."""
    items: list[Any] = []
    for item in node.items:
        if isinstance(item, nodes.Index):
            items.append(evaluate(item.value, row))
        else:
            items.append(slice(*(None if p is None else evaluate(p, row) for p in (item.start, item.stop, item.step))))
    return items


def picked(value: Arr, items: Sequence[Any]) -> Any:
    if isinstance(value, Seq):
        return picked_cells(value, items[0], items[1:])
    rest = len(value.shape) - sum(isinstance(i, (int, np.integer)) or i is None for i in items)
    if any(i is None for i in items):
        return None if rest == 0 else Arr((), (0,) * rest)
    try:
        found = value.numpy()[tuple(items)]
    except IndexError:
        return None if rest == 0 else Arr((), (0,) * rest)
    return Arr(tuple(found.ravel().tolist()), found.shape) if isinstance(found, np.ndarray) else found


def picked_cells(value: Seq, first: Any, rest: Sequence[Any]) -> Any:
    """One cell of a sequence, or a slice of it; `rest` is picked in each cell."""
    if not isinstance(first, slice):
        there = first is not None and -len(value.cells) <= first < len(value.cells)
        cell = value.cells[first] if there else value.empty
        return picked(cell, rest) if rest else cell
    if not rest:
        return seq(value.cells[first], value.empty)
    found = [picked(cell, rest) for cell in value.cells[first]]
    empty = picked(value.empty, rest)
    return seq(found, empty) if isinstance(empty, Arr) else arr(found)


def json_item(value: Any, keys: Sequence[Any]) -> Any:
    inner = None if value is None else value.value
    for key in keys:
        try:
            inner = inner[key] if isinstance(inner, dict if isinstance(key, str) else list) else None
        except (KeyError, IndexError):
            inner = None
    return None if inner is None else Json(inner)


def parsed_json(text: str | None) -> Json | None:
    return None if text is None else Json(json.loads(text))


EVALUATE: dict[type, Callable[[Any, Row], Any]] = {
    nodes.Literal: lambda node, row: node.value,
    nodes.ArrayLiteral: lambda node, row: arr([evaluate(item, row) for item in node.items]),
    nodes.Column: column,
    nodes.Unary: unary,
    nodes.Binary: binary,
    nodes.Between: between,
    nodes.InList: in_list,
    nodes.Like: fits,
    nodes.IsNull: lambda node, row: missing(evaluate(node.value, row)) != node.negated,
    nodes.Case: case,
    nodes.Subscript: subscript,
}
