"""Functions of boxes and matrices, composed of element-wise arithmetic so that element tables can answer them."""

from __future__ import annotations

from . import nodes
from .arithmetic import arithmetic, concat
from .bind_subscripts import pick
from .bind_values import common_base
from .bound import FLOAT, INT, At, Base, Const, Expr, ListCall, Map, Range, ShapeOf, Type
from .coerce import check_comparable, common_shape, truth
from .errors import TQLTypeError
from .scope import Scope
from .source import Span

EVERY = Range(None, None, 1)


# --- boxes -----------------------------------------------------------------------------------------------------------


def box_mode(value: Expr) -> str:
    """LTRB, LTWH or CCWH: what the four numbers of boxes are; those that no column holds are as COCO has them."""
    return value.type.boxes or "LTWH"


def side(value: Expr, number: int, span: Span) -> Expr:
    """One of the four numbers, of each box or of the one box."""
    at = At(Const(number, type=INT, span=span))
    if value.type.dims is not None and len(value.type.dims) == 1:
        return pick(value, [at], span)
    return pick(value, [EVERY, EVERY, at] if value.type.nested else [EVERY, at], span)


def extent(value: Expr, mode: str, axis: int, span: Span) -> Expr:
    """Width (axis 0) or height (axis 1)."""
    far = side(value, axis + 2, span)
    return arithmetic("-", far, side(value, axis, span), span) if mode == "LTRB" else far


def start(value: Expr, mode: str, axis: int, span: Span) -> Expr:
    """Left (axis 0) or top (axis 1)."""
    near = side(value, axis, span)
    if mode != "CCWH":
        return near
    half = arithmetic("/", side(value, axis + 2, span), Const(2.0, type=FLOAT, span=span), span)
    return arithmetic("-", near, half, span)


def bind_box(node: nodes.Call, scope: Scope) -> Expr:
    """BOX_WIDTH, BOX_HEIGHT and BOX_AREA."""
    boxes = box_argument(node, 0, scope)
    mode, span = box_mode(boxes), node.span
    if node.name == "BOX_AREA":
        return arithmetic("*", extent(boxes, mode, 0, span), extent(boxes, mode, 1, span), span)
    return extent(boxes, mode, 0 if node.name == "BOX_WIDTH" else 1, span)


def box_argument(node: nodes.Call, index: int, scope: Scope) -> Expr:
    value = scope.bind(node.args[index])  # type: ignore[arg-type]  # the caller knows that it is no star
    dims = (value.type.cell or value.type).dims
    single = dims is not None and len(dims) == 1 and dims[0] in (None, 4)
    several = dims is not None and len(dims) == 2 and dims[1] in (None, 4)
    joined = value.type.nested and (value.type.cell is None or index == 1)
    if not value.type.is_number or joined or not (several or (single and (index == 1 or value.type.boxes))):
        raise TQLTypeError(
            f"{node.name} works on boxes, and this is {value.type}", kind="argument-type", span=value.span
        )
    return value


def bind_iou(node: nodes.Call, scope: Scope) -> Expr:
    """Intersection over union of each box with one box."""
    boxes, other = box_argument(node, 0, scope), box_argument(node, 1, scope)
    if other.type.dims is not None and len(other.type.dims) != 1:
        raise TQLTypeError("IOU compares each box with one box of four numbers", kind="argument-type", span=other.span)
    mode, span = box_mode(boxes), node.span
    overlaps = [overlap(boxes, other, mode, axis, span) for axis in (0, 1)]
    shared = arithmetic("*", overlaps[0], overlaps[1], span)
    areas = [arithmetic("*", extent(b, mode, 0, span), extent(b, mode, 1, span), span) for b in (boxes, other)]
    union = arithmetic("-", arithmetic("+", areas[0], areas[1], span), shared, span)
    return arithmetic("/", shared, union, span)


def overlap(a: Expr, b: Expr, mode: str, axis: int, span: Span) -> Expr:
    """Length that two boxes share along one axis."""
    lows = [start(box, mode, axis, span) for box in (a, b)]
    highs = [arithmetic("+", low, extent(box, mode, axis, span), span) for low, box in zip(lows, (a, b), strict=True)]
    length = arithmetic("-", extreme("least", highs, span), extreme("greatest", lows, span), span)
    return extreme("greatest", [length, Const(0.0, type=FLOAT, span=span)], span)


def extreme(word: str, args: list[Expr], span: Span) -> Expr:
    dims, nested = common_shape(args, span)
    return Map(word, tuple(args), f"{word}({{0}}, {{1}})", type=Type(Base.FLOAT, dims, nested=nested), span=span)


# --- matrices and vectors --------------------------------------------------------------------------------------------


def bind_maxsim(node: nodes.Call, scope: Scope) -> Expr:
    document, query = (scope.bind(arg) for arg in node.args)  # type: ignore[arg-type]  # checked below
    for value in (document, query):
        if not value.type.is_number or value.type.dims is None or len(value.type.dims) != 2:
            raise TQLTypeError(
                f"MAXSIM works on two-dimensional arrays, and this is {value.type}",
                kind="argument-type",
                span=value.span,
            )
    shapes = [ShapeOf(value, type=Type(Base.INT, (2,)), span=node.span) for value in (document, query)]
    rows = [f"CAST({{{i}}} AS DOUBLE[])[({{{i + 2}}})[2] * {{k}} + 1 : ({{{i + 2}}})[2] * ({{k}} + 1)]" for i in (0, 1)]
    one, two = rows[0].replace("{k}", "i"), rows[1].replace("{k}", "j")
    best = f"list_max([list_inner_product({one}, {two}) FOR i IN range(({{2}})[1])])"
    sql = f"list_sum([{best} FOR j IN range(({{3}})[1])])"
    return ListCall("MAXSIM", (document, query, *shapes), sql, type=FLOAT, span=node.span)


def bind_nonzero(node: nodes.Call, scope: Scope) -> Expr:
    value = scope.bind(node.args[0])  # type: ignore[arg-type]  # a star is refused by the parser
    if not value.type.is_array:
        raise TQLTypeError(f"NONZERO works on arrays, and this is {value.type}", kind="argument-type", span=value.span)
    value = truth(value)
    sql = "list_filter(range(len({0})), lambda i: ({0})[i + 1])"
    return ListCall("NONZERO", (value,), sql, type=Type(Base.INT, (None,)), span=node.span)


def bind_concat(node: nodes.Call, scope: Scope) -> Expr:
    first, *others = (scope.bind(arg) for arg in node.args)  # type: ignore[arg-type]  # checked by concat
    for other in others:
        first = concat(first, other, node.span)
    return first


def bind_coalesce(node: nodes.Call, scope: Scope) -> Expr:
    values = [scope.bind(arg) for arg in node.args]  # type: ignore[arg-type]  # a star is refused by the parser
    for value in values:
        if value.type.is_array or value.type.base is Base.IMAGE:
            raise TQLTypeError(
                f"{node.name} works on single values, and this is {value.type}", kind="argument-type", span=value.span
            )
    slots = ", ".join(f"{{{i}}}" for i in range(len(values)))
    if node.name == "NULLIF":
        check_comparable(values[0], values[1], node.span)
        type_ = Type(values[0].type.base)
    else:
        type_ = Type(common_base(values, node.span))
    return Map(node.name, tuple(values), f"{node.name}({slots})", True, type=type_, span=node.span)
