"""What the functions of a query mean in one row, by NumPy and plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from lakebed.tql import nodes

from oracle_cells import (
    EVALUATE,
    Arr,
    Json,
    Mismatch,
    Row,
    Seq,
    arr,
    class_names,
    compared,
    each,
    evaluate,
    json_compared,
    json_kind,
    kleene_and,
    kleene_not,
    kleene_or,
    like,
    quantified,
    seq,
    truth,
)  # fmt: skip

# --- functions -------------------------------------------------------------------------------------------------------


def argument(node: nodes.Call, row: Row, index: int = 0) -> Any:
    arg = node.args[index]
    assert not isinstance(arg, (nodes.Star, nodes.Weighted))
    if index and isinstance(arg, nodes.Binary) and arg.left == nodes.Column("axis"):
        return evaluate(arg.right, row)
    return evaluate(arg, row)


def contains(node: nodes.Call, row: Row) -> bool | None:
    cell, wanted = node.args
    assert not isinstance(cell, (nodes.Star, nodes.Weighted)) and not isinstance(wanted, (nodes.Star, nodes.Weighted))
    value, names = evaluate(cell, row), class_names(cell, row)
    if names is not None and isinstance(wanted, nodes.Literal) and isinstance(wanted.value, str):
        pattern = like(wanted.value, False)
        return any(pattern.fullmatch(names[code]) for code in value.data)
    target = evaluate(wanted, row)
    if isinstance(value, Arr):
        return quantified("ANY", [compared("=")(item, target) for item in value.data])
    if isinstance(value, str):
        return target in value
    if isinstance(value, Json):
        return json_contains(value.value, target)
    return None if value is None else compared("=")(value, target)


def json_contains(value: Any, target: Any) -> bool | None:
    if value is None:
        return None
    if isinstance(value, list):
        return any(json_kind(item) == json_kind(target) and item == target for item in value)
    if isinstance(value, (dict, str)):
        return isinstance(target, str) and target in value
    return json_compared("=", value, target)


def quantifier(node: nodes.Call, row: Row) -> Any:
    value = argument(node, row)
    if len(node.args) == 2:
        return along(
            lambda items: quantified(node.name, [truth(item) for item in items]), value, argument(node, row, 1)
        )
    items = value.data if isinstance(value, Arr) else (value,)
    return quantified(node.name, [truth(item) for item in items])


def logical(node: nodes.Call, row: Row) -> Any:
    if node.name == "LOGICAL_NOT":
        return each(lambda x: kleene_not(truth(x)), argument(node, row))
    join = kleene_and if node.name == "LOGICAL_AND" else kleene_or
    found = argument(node, row)
    for index in range(1, len(node.args)):
        found = each(lambda a, b: join(truth(a), truth(b)), found, argument(node, row, index))
    return found


def shape(node: nodes.Call, row: Row) -> Arr:
    value = argument(node, row)
    if isinstance(value, Seq):
        shapes = [cell.shape for cell in value.cells] or [value.empty.shape]
        return arr([len(value.cells), *(max(sizes) for sizes in zip(*shapes, strict=True))])
    if isinstance(value, Arr):
        return arr(value.shape)
    return arr(()) if not isinstance(value, (str, Json)) else arr((1,))


def reduction(function: Callable[[list[Any]], Any], empty: Any = None) -> Callable[[nodes.Call, Row], Any]:
    def reduced(items: Sequence[Any]) -> Any:
        known = [x for x in items if x is not None]
        return function(known) if known else empty

    def call(node: nodes.Call, row: Row) -> Any:
        value = argument(node, row)
        if len(node.args) == 2:
            return along(reduced, value, argument(node, row, 1))
        return reduced(value.data if isinstance(value, Arr) else (value,))

    return call


def along(function: Callable[[Sequence[Any]], Any], value: Arr, axis: int) -> Any:
    """`function` of the elements along one axis."""
    lines = np.moveaxis(value.numpy(), axis, -1)
    if lines.ndim == 1:
        return function(lines.tolist())
    shape = lines.shape[:-1]
    return Arr(tuple(function(lines[place].tolist()) for place in np.ndindex(shape)), shape)


def is_float(items: Sequence[Any]) -> bool:
    return any(isinstance(x, (float, np.floating)) for x in items)


def total(items: list[Any]) -> Any:
    return math.fsum(float(x) for x in items) if is_float(items) else sum(int(x) for x in items)


def extreme(name: str) -> Callable[[list[Any]], Any]:
    def function(items: list[Any]) -> Any:
        if is_float(items) and any(math.isnan(x) for x in items):
            return math.nan
        return max(items) if name == "MAX" else min(items)

    return function


def scalar(function: Callable[..., Any]) -> Callable[[nodes.Call, Row], Any]:
    def call(node: nodes.Call, row: Row) -> Any:
        args = [argument(node, row, i) for i in range(len(node.args))]
        return each(lambda *xs: None if any(x is None for x in xs) else function(*xs), *args)

    return call


def norm(order: float) -> Callable[[list[Any]], float]:
    return lambda items: float(np.linalg.norm(np.array([float(x) for x in items]), order))


def pair(function: Callable[[Any, Any], Any]) -> Callable[[nodes.Call, Row], Any]:
    def call(node: nodes.Call, row: Row) -> Any:
        a, b = argument(node, row), argument(node, row, 1)
        if not a.data or not b.data:
            return None
        if a.shape != b.shape:
            raise Mismatch
        with np.errstate(all="ignore"):
            return function(*(np.array([float(x) for x in v.data]) for v in (a, b)))

    return call


def cosine(a: Any, b: Any) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def side(first: int, second: int | None = None) -> Callable[[nodes.Call, Row], Any]:
    def of_cell(cell: Arr) -> Arr:
        boxes = cell.numpy()
        found = [float(box[first]) * (1.0 if second is None else float(box[second])) for box in boxes]
        return arr(found if second is not None else [box[first] for box in boxes])

    def call(node: nodes.Call, row: Row) -> Any:
        value = argument(node, row)
        if not isinstance(value, Seq):
            return of_cell(value)
        found = seq([of_cell(cell) for cell in value.cells], arr(()))
        return found if second is None else arr(found.data)

    return call


def coalesce(node: nodes.Call, row: Row) -> Any:
    return next((v for i in range(len(node.args)) if (v := argument(node, row, i)) is not None), None)


def keys(node: nodes.Call, row: Row) -> Arr:
    value = argument(node, row)
    return arr(list(value.value) if isinstance(value, Json) and isinstance(value.value, dict) else [])


def nonzero(node: nodes.Call, row: Row) -> Arr:
    return arr([i for i, x in enumerate(argument(node, row).data) if x != 0])


CALLS: dict[str, Callable[[nodes.Call, Row], Any]] = {
    "CONTAINS": contains, "ANY": quantifier, "ALL": quantifier, "ALL_STRICT": quantifier,
    "LOGICAL_AND": logical, "LOGICAL_OR": logical, "LOGICAL_NOT": logical, "SHAPE": shape,
    "SUM": reduction(total, 0), "PROD": reduction(lambda xs: float(np.prod([float(x) for x in xs])), 1.0),
    "AVG": reduction(lambda xs: float(np.mean([float(x) for x in xs]))),
    "MEAN": reduction(lambda xs: float(np.mean([float(x) for x in xs]))),
    "STD": reduction(lambda xs: float(np.std([float(x) for x in xs]))),
    "MEDIAN": reduction(lambda xs: float(np.median([float(x) for x in xs]))),
    "MIN": reduction(extreme("MIN")), "MAX": reduction(extreme("MAX")), "COUNT": reduction(len, 0),
    "ABS": scalar(abs), "FLOOR": scalar(lambda x: float(np.floor(x))), "CEIL": scalar(lambda x: float(np.ceil(x))),
    "SQRT": scalar(lambda x: math.sqrt(x) if x >= 0 else math.nan),
    "UPPER": scalar(str.upper), "LOWER": scalar(str.lower), "LENGTH": scalar(len),
    "CONCAT": scalar(lambda *xs: "".join(xs)),
    "L1_NORM": reduction(norm(1)), "L2_NORM": reduction(norm(2)), "LINF_NORM": reduction(norm(math.inf)),
    **dict.fromkeys(("DOT", "INNER_PRODUCT"), pair(lambda a, b: float(a @ b))), "COSINE_SIMILARITY": pair(cosine),
    "HAMMING_DISTANCE": pair(lambda a, b: int((a != b).sum())), "NONZERO": nonzero, "KEYS": keys, "COALESCE": coalesce,
    "BOX_WIDTH": side(2), "BOX_HEIGHT": side(3), "BOX_AREA": side(2, 3),
    "ROW_NUMBER": lambda node, row: row.position,
}  # fmt: skip


EVALUATE[nodes.Call] = lambda node, row: CALLS[node.name](node, row)
