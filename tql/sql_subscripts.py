"""Subscripts in SQL: NumPy basic indexing of flat lists, whose shapes lie beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bound import At, Const, Expr, Pick, Range, Ref

if TYPE_CHECKING:
    from .sql_expressions import ExpressionWriter


def item_shape(expr: Expr) -> tuple[int, ...]:
    """The shape of one element of a stored column whose list has fixed-size lists in it (boxes), else ()."""
    if not isinstance(expr, Ref) or expr.field.origin is None or expr.part != "value" or expr.type.nested:
        return ()
    return expr.field.origin.column.item_shape


def pick_one(w: ExpressionWriter, expr: Pick) -> str:
    """One element; NULL where it is out of bounds."""
    if len(expr.items) == 1:
        return element_at(w.items(expr.value), w, expr.items[0])
    items = pick_list(w, expr)
    return f"({items})[1]"


def element_at(items: str, w: ExpressionWriter, item: At | Range) -> str:
    assert isinstance(item, At)
    index = item.index
    if isinstance(index, Const) and isinstance(index.value, int):
        # DuckDB counts from 1, and from the end with negatives, as NumPy does.
        return f"({items})[{index.value + 1 if index.value >= 0 else index.value}]"
    sql = w.scalar(index)
    return f"({items})[CASE WHEN {sql} >= 0 THEN {sql} + 1 ELSE {sql} END]"


def pick_list(w: ExpressionWriter, expr: Pick) -> str:
    """The picked elements as a flat list in C order."""
    value, items = expr.value, expr.items
    dims = value.type.dims
    if dims is not None and len(dims) == 1 and isinstance(items[0], Range):
        return sliced(w.items(value), items[0])
    item = item_shape(value)
    if len(item) == 1 and len(items) == 2 and items[0] == Range(None, None, 1) and isinstance(items[1], At):
        index = items[1].index
        if isinstance(index, Const) and isinstance(index.value, int):
            side, element = index.value, w.writer.name("e")
            if not -item[0] <= side < item[0]:
                return "CAST([] AS FLOAT[])"
            column = w.column(value)  # type: ignore[arg-type]  # only columns have items
            return f"COALESCE(list_transform({column}, lambda {element}: {element}[{side % item[0] + 1}]), [])"
    return gathered(w, expr)


def sliced(items: str, item: Range) -> str:
    """``x[start:stop:step]`` of one axis."""
    if item == Range(None, None, 1):
        return items
    if item.step > 0 and (item.start or 0) >= 0 and (item.stop is None or item.stop >= 0):
        start, stop = (item.start or 0) + 1, "len({0})" if item.stop is None else str(item.stop)
        step = "" if item.step == 1 else f":{item.step}"
        stop = stop.replace("{0}", items) if item.stop is None else stop
        return f"({items})[{start}:{stop}{step}]" if item.stop != 0 else f"({items})[1:0]"
    return f"list_transform({positions(f'len({items})', item)}, lambda i: ({items})[i + 1])"


def positions(size: str, item: At | Range, w: ExpressionWriter | None = None) -> str:
    """The positions that one subscript picks from an axis of `size`, as a list; empty where it is out of bounds."""
    if isinstance(item, At):
        assert w is not None
        at = w.scalar(item.index)
        return f"list_filter([CASE WHEN {at} < 0 THEN {at} + {size} ELSE {at} END], lambda i: i >= 0 AND i < {size})"
    step = item.step
    low, high = ("0", size) if step > 0 else ("-1", f"({size} - 1)")
    start = bound(item.start, size, low if step > 0 else high, low, high)
    stop = bound(item.stop, size, high if step > 0 else low, low, high)
    return f"range(CAST({start} AS BIGINT), CAST({stop} AS BIGINT), CAST({step} AS BIGINT))"


def bound(given: int | None, size: str, default: str, low: str, high: str) -> str:
    if given is None:
        return default
    at = str(given) if given >= 0 else f"({size} + ({given}))"
    return f"greatest({low}, least({high}, {at}))"


def gathered(w: ExpressionWriter, expr: Pick) -> str:
    """Any number of axes: positions of each axis, then the elements at all their combinations."""
    dims = expr.value.type.dims
    shape, data = w.shape(expr.value), w.items(expr.value)
    count = len(expr.items)
    # The axes after the subscripts are one block of consecutive elements.
    block = f"CAST(list_product(({shape})[{count + 1}:]) AS BIGINT)" if dims is None or len(dims) > count else "1"
    if block != "1":
        block = f"COALESCE({block}, 1)"
    names = [w.writer.name("i") for _ in expr.items]
    offset = "0"
    for axis, name in enumerate(names):
        offset = f"({offset} * ({shape})[{axis + 1}] + {name})"
    inner = w.writer.name("i")
    body = f"({data})[{offset} * {block} + {inner} + 1]" if block != "1" else f"({data})[{offset} + 1]"
    sql = body if block == "1" else f"list_transform(range(CAST({block} AS BIGINT)), lambda {inner}: {body})"
    depth = 0 if block == "1" else 1
    for axis in reversed(range(count)):
        where = positions(f"({shape})[{axis + 1}]", expr.items[axis], w)
        sql = f"list_transform({where}, lambda {names[axis]}: {sql})"
        depth += 1
    for _ in range(depth - 1):
        sql = f"flatten({sql})"
    return f"COALESCE({sql}, [])"


def pick_shape(w: ExpressionWriter, expr: Pick) -> str:
    """The shape after picking: one size for each slice, then the axes that were left alone."""
    shape = w.shape(expr.value)
    sizes = [
        f"CAST(len({positions(f'({shape})[{axis + 1}]', item, w)}) AS BIGINT)"
        for axis, item in enumerate(expr.items)
        if isinstance(item, Range)
    ]
    picked = f"[{', '.join(sizes)}]" if sizes else "CAST([] AS BIGINT[])"
    whole = f"list_concat({picked}, ({shape})[{len(expr.items) + 1}:])"
    outside = [
        f"len({positions(f'({shape})[{axis + 1}]', item, w)}) = 0"
        for axis, item in enumerate(expr.items)
        if isinstance(item, At)
    ]
    if not outside:
        return whole
    # What lies outside is a missing cell, and a missing cell has no elements.
    return (
        f"(CASE WHEN {' OR '.join(outside)} THEN list_transform({whole}, lambda n: CAST(0 AS BIGINT)) ELSE {whole} END)"
    )
