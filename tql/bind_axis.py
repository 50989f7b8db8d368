"""Reductions along one axis: ``AVG(x, 0)``, which may be written ``AVG(x, axis=0)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import nodes
from .bound import Base, Const, Dims, Expr, Reduce, ReduceAxis, Type
from .coerce import folded
from .errors import TQLTypeError
from .source import Span


def positional(node: nodes.Call) -> nodes.Call:
    """The call with ``axis=n`` as its second argument, where that is how it was written."""
    args = tuple(arg.right if index == 1 and names_axis(arg) else arg for index, arg in enumerate(node.args))  # type: ignore[union-attr]  # asked of it first
    return node if args == node.args else replace(node, args=args)


def names_axis(arg: nodes.Node) -> bool:
    """Whether an argument is ``axis=n``."""
    if not isinstance(arg, nodes.Binary) or arg.op != "=":
        return False
    return isinstance(arg.left, nodes.Column) and arg.left.source is None and arg.left.name.lower() == "axis"


def along(name: str, value: Expr, axis: Expr, sql: str, element: Type, span: Span) -> Expr:
    """`value` reduced along one axis: one axis less, or one value of a vector.

    Raises:
        TQLTypeError: the axis is no known number, or the array has no such axis.
    """
    dims = () if value.type.nested else value.type.dims
    number = axis_number(folded(axis), dims)
    if number is None or dims is None:
        raise TQLTypeError(
            f"{name} takes a known axis of its array, and this is {value.type}",
            kind="bad-axis",
            span=axis.span,
            hint=axes_of(dims),
        )
    left = dims[:number] + dims[number + 1 :]
    if not left:
        return Reduce(name, value, sql, type=element, span=span)
    return ReduceAxis(name, value, number, sql, type=replace(element, dims=left), span=span)


def axis_number(axis: Const | None, dims: Dims | None) -> int | None:
    """The axis counted from 0, as NumPy counts; None if there is none."""
    if axis is None or axis.type.base is not Base.INT or not isinstance(axis.value, int) or dims is None:
        return None
    return axis.value % len(dims) if -len(dims) <= axis.value < len(dims) else None


def axes_of(dims: Sequence[int | None] | None) -> str:
    if dims is None:
        return "the number of its axes is not known"
    return f"its axes are 0 to {len(dims) - 1}, or -1 for the last" if dims else "it has no axes"
