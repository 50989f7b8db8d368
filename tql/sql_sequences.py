"""Sequences in SQL: a list of cells, each a flat list in C order, and where need be a list of their shapes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from .bound import At, Base, CellOf, Cells, Const, Expr, Pick, Ref, Type
from .sql_subscripts import element_at, sliced

if TYPE_CHECKING:
    from .sql_expressions import ExpressionWriter


def cell_lists(w: ExpressionWriter, expr: Expr) -> str:
    """The cells of a sequence, as a list of flat lists."""
    match expr:
        case Ref():
            return f"COALESCE({w.column(expr)}, [])"
        case Cells(items=()):
            return sliced(cell_lists(w, expr.value), expr.rows)
        case _:
            assert isinstance(expr, Cells), "nothing else has cells that can be told apart"
            return each_cell(w, expr, shapes=False)


def cell_shapes(w: ExpressionWriter, expr: Expr) -> str:
    """The shapes of the cells of a sequence, as a list of BIGINT lists."""
    cell = expr.type.cell
    if cell is not None and not expr.type.lists_shapes:
        return f"[{shape_of_flat(cell, 'e')} FOR e IN {cell_lists(w, expr)}]"
    match expr:
        case Ref():
            return f"COALESCE(CAST(c{expr.field.number}_shape AS BIGINT[][]), [])"
        case Cells(items=()):
            return sliced(cell_shapes(w, expr.value), expr.rows)
        case _:
            assert isinstance(expr, Cells), "nothing else has cells that can be told apart"
            return each_cell(w, expr, shapes=True)


def shape_of_flat(type_: Type, items: str) -> str:
    """The shape of a flat list whose axes after the first are known."""
    block = type_.block or ()
    rows = f"len({items})" if not block else f"len({items}) // {prod(block)}"
    return f"[{', '.join([f'CAST({rows} AS BIGINT)', *map(str, block)])}]"


def each_cell(w: ExpressionWriter, expr: Cells, shapes: bool) -> str:
    """What is picked in each cell of a slice: its elements, or its shape."""
    cells, element = sliced(cell_lists(w, expr.value), expr.rows), w.writer.name("e")
    cell = expr.value.type.cell
    assert cell is not None, "the binder picks in cells that can be told apart"
    probe = CellOf(expr.value, At(Const(0, type=Type(Base.INT))), type=cell)
    inner = Pick(probe, expr.items, type=expr.type.cell or expr.type.element(), span=expr.span)
    one = w.fresh()
    if cell.block is not None:
        one.lists[id(probe)] = element
    else:
        cells = f"list_zip({cells}, {sliced(cell_shapes(w, expr.value), expr.rows)})"
        one.lists[id(probe)], one.shapes[id(probe)] = f"{element}[1]", f"{element}[2]"
    body = one.shape(inner) if shapes else one.items(inner) if inner.type.is_array else one.scalar(inner)
    return f"list_transform({cells}, lambda {element}: {body})"


def cell_items(w: ExpressionWriter, expr: CellOf) -> str:
    """The elements of one cell."""
    return f"COALESCE({element_at(cell_lists(w, expr.value), w, expr.at)}, [])"


def cell_shape(w: ExpressionWriter, expr: CellOf) -> str:
    """The shape of one cell; zeros where there is none."""
    if expr.type.block is not None:
        return shape_of_flat(expr.type, w.items(expr))
    zeros = w.writer.param([0] * len(expr.type.dims or (0,)), "BIGINT[]")
    return f"COALESCE({element_at(cell_shapes(w, expr.value), w, expr.at)}, {zeros})"


def sequence_shape(w: ExpressionWriter, expr: Expr) -> str:
    """The number of cells, then the largest size of each of their axes; no cells have the sizes that are known."""
    if expr.type.cell is None:
        return f"[CAST(len({w.items(expr)}) AS BIGINT)]"
    shapes, dims = cell_shapes(w, expr), expr.type.cell.dims
    axes = f"range(COALESCE(list_max([len(e) FOR e IN {shapes}]), 0))"
    largest = f"[list_max([e[k + 1] FOR e IN {shapes}]) FOR k IN {axes}]"
    if dims:
        sizes = [f"COALESCE(list_max([e[{k}] FOR e IN {shapes}]), {size or 0})" for k, size in enumerate(dims, 1)]
        largest = f"[{', '.join(sizes)}]"
    return f"list_concat([CAST(len({shapes}) AS BIGINT)], {largest})"
