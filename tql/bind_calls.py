"""Function calls: found in the catalogue, their arguments matched to a signature, the special ones bound by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from . import nodes
from .bind_boxes import bind_box, bind_coalesce, bind_concat, bind_iou, bind_maxsim, bind_nonzero
from .bind_expressions import bind_condition, bind_expr, per_cell
from .bound import (
    BOOL,
    INT,
    JSON,
    PIXELS,
    TEXT,
    At,
    Base,
    CellAt,
    Choose,
    Const,
    Expr,
    ListCall,
    Map,
    Member,
    Pick,
    Random,
    Reduce,
    ReduceAxis,
    Ref,
    RowId,
    RowNumber,
    ShapeOf,
    Type,
    UserCall,
)
from .catalogue import FUNCTIONS, Function, Signature, Way
from .coerce import (
    check_comparable,
    common_shape,
    compare,
    folded,
    label_codes_like,
    logic,
    suggest,
    truth,
)
from .errors import TQLNameError, TQLTypeError, TQLUnsupportedError
from .scope import Scope, UserFunction, base_of_dtype
from .source import Span


def bind_call(node: nodes.Call, scope: Scope) -> Expr:
    """One function call.

    Raises:
        TQLNameError: there is no such function. TQLTypeError: the arguments do not fit it.
    """
    if node.name in scope.context.functions:
        return user_call(node, scope.context.functions[node.name], scope)
    function = FUNCTIONS.get(node.name)
    if function is None:
        known = [*FUNCTIONS, *scope.context.functions]
        raise TQLNameError(
            f"there is no function {node.name}",
            kind="unknown-function",
            span=node.span,
            hint=suggest(node.name, known, "functions"),
        )
    if node.distinct and node.name != "COUNT":
        raise TQLUnsupportedError(
            "DISTINCT inside a function works in COUNT only", kind="distinct-call", span=node.span
        )
    check_count(node, function.signatures)
    if scope.grouping is not None and function.name in PER_CELL:
        return per_cell(node, scope)
    if function.way is Way.SPECIAL:
        return SPECIAL[function.name](node, scope)
    args = [bind_expr(plain(arg), scope) for arg in node.args]
    if function.way is Way.REDUCE and isinstance(args[0], Ref) and args[0].type == Type(Base.IMAGE):
        return pixel_statistic(function, args[0], node.span)
    signature = chosen(function, args, node.span)
    return WAYS[function.way](function, signature, args, node.span)


PIXEL_STATISTICS = {"MEAN": "mean", "AVG": "mean", "STD": "std", "SUM": "sum", "MIN": "min", "AMIN": "min",
                    "MAX": "max", "AMAX": "max", "MEDIAN": "median"}  # fmt: skip


def pixel_statistic(function: Function, image: Ref, span: Span) -> Expr:
    """A number about all pixels of an image, which the engine decodes for it."""
    if function.name not in PIXEL_STATISTICS:
        raise TQLTypeError(f"{function.name} does not look at pixels", kind="pixels", span=span)
    return Ref(image.field, PIXELS + PIXEL_STATISTICS[function.name], type=Type(Base.FLOAT), span=span)


def plain(arg: nodes.Expr | nodes.Star | nodes.Weighted) -> nodes.Expr:
    if isinstance(arg, nodes.Star):
        raise TQLTypeError("* stands in SELECT lists and in COUNT(*) only", kind="misplaced-star", span=arg.span)
    if isinstance(arg, nodes.Weighted):
        raise TQLTypeError(
            "condition: weight belongs into MAX_WEIGHT and SUM_WEIGHT", kind="misplaced-weight", span=arg.span
        )
    return arg


def check_count(node: nodes.Call, signatures: Sequence[Signature]) -> None:
    given = len(node.args)
    if any(given == len(s.args) or (s.rest and given > len(s.args)) for s in signatures):
        return
    takes = " or ".join(sorted({str(len(s.args)) + (" or more" if s.rest else "") for s in signatures}))
    raise TQLTypeError(
        f"{node.name} takes {takes} arguments, and {given} were given", kind="argument-count", span=node.span
    )


# --- signatures ------------------------------------------------------------------------------------------------------


def chosen(function: Function, args: Sequence[Expr], span: Span) -> Signature:
    """The first signature that the arguments fit."""
    for signature in function.signatures:
        more = [signature.args[-1]] * (len(args) - len(signature.args)) if signature.rest else []
        wanted = [*signature.args, *more]
        if len(wanted) == len(args) and all(fits(a.type, w) for a, w in zip(args, wanted, strict=True)):
            return signature
    found = ", ".join(str(a.type) for a in args)
    takes = " or ".join(f"({', '.join(s.args)})" for s in function.signatures)
    raise TQLTypeError(f"{function.name} takes {takes}, and was given ({found})", kind="argument-type", span=span)


def fits(type_: Type, wanted: str) -> bool:
    """Whether a value of `type_` may stand where a signature says `wanted`."""
    if type_.base is Base.NULL or wanted == "any":
        return True
    if wanted == "number":
        return type_.is_number
    if wanted == "array":
        return type_.is_array and type_.is_number
    if wanted == "box":
        return type_.is_number and type_.dims is not None and len(type_.dims) >= 1 and type_.dims[-1] in (4, None)
    base = {"int": Base.INT, "bool": Base.BOOL, "text": Base.TEXT, "json": Base.JSON, "image": Base.IMAGE}[wanted]
    return type_.base is base


def result_type(signature: Signature, args: Sequence[Expr]) -> Type:
    word, _, array = signature.result.partition(" ")
    if word == "same":
        base = args[0].type.base
        return Type(base, args[0].type.dims if array else (), args[0].type.dtype, args[0].type.classes)
    return Type(Base(RESULTS[word]), (None,) if array else ())


RESULTS = {"int": "integer", "float": "float", "bool": "bool", "text": "text", "json": "json"}


def map_call(function: Function, signature: Signature, args: list[Expr], span: Span) -> Expr:
    dims, nested = common_shape(args, span)
    element = result_type(signature, [replace_type(a) for a in args]) if args else result_type(signature, args)
    type_ = replace(element, dims=dims, nested=nested, classes=None)
    return Map(function.name, tuple(args), signature.sql, function.nullable, type=type_, span=span)


def replace_type(arg: Expr) -> Expr:
    return replace(arg, type=arg.type.element())


def reduce_call(function: Function, signature: Signature, args: list[Expr], span: Span) -> Expr:
    return Reduce(function.name, args[0], signature.sql, type=result_type(signature, args), span=span)


def whole_call(function: Function, signature: Signature, args: list[Expr], span: Span) -> Expr:
    if function.same_shape:
        common_shape(args, span)
    return ListCall(
        function.name, tuple(args), signature.sql, function.same_shape, type=result_type(signature, args), span=span
    )


WAYS: dict[Way, Callable[[Function, Signature, list[Expr], Span], Expr]] = {
    Way.MAP: map_call,
    Way.REDUCE: reduce_call,
    Way.WHOLE: whole_call,
}


# --- conditions on arrays --------------------------------------------------------------------------------------------


def bind_contains(node: nodes.Call, scope: Scope) -> Expr:
    cell, wanted = (bind_expr(plain(arg), scope) for arg in node.args)
    span = node.span
    if cell.type.base is Base.IMAGE:
        raise TQLTypeError("CONTAINS does not look at pixels", kind="pixels", span=span)
    if wanted.type.dims == (1,) and isinstance(wanted, Const) and isinstance(wanted.value, tuple):
        wanted = Const(wanted.value[0], type=wanted.type.element(), span=wanted.span)
    if wanted.type.is_array:
        raise TQLTypeError("CONTAINS looks for one value, not an array", kind="array-argument", span=wanted.span)
    if cell.type.classes is not None and isinstance(wanted, Const) and isinstance(wanted.value, str):
        codes = label_codes_like(wanted.value, cell.type.classes, cell, wanted.span)
        found: Expr = Member(cell, codes, type=replace(BOOL, dims=cell.type.dims, nested=cell.type.nested), span=span)
        return Reduce("ANY", found, type=BOOL, span=span) if cell.type.is_array else found
    if cell.type.is_array:
        return Reduce("ANY", compare("=", cell, wanted, span), type=BOOL, span=span)
    if cell.type.base is Base.JSON:
        return json_contains(cell, wanted, span)
    if cell.type.base is Base.TEXT:
        check_comparable(cell, wanted, span)
        return Map("CONTAINS", (cell, wanted), "contains({0}, {1})", type=BOOL, span=span)
    return compare("=", cell, wanted, span)


def json_contains(cell: Expr, wanted: Expr, span: Span) -> Expr:
    """A key of an object, an element of a list, or a part of a string."""
    quoted = "CAST(to_json({1}) AS VARCHAR)"
    is_text = wanted.type.base is Base.TEXT
    in_object = "list_contains(json_keys({0}), {1})" if is_text else "FALSE"
    in_string = "contains(json_extract_string({0}, '$'), {1})" if is_text else "FALSE"
    if wanted.type.is_number and wanted.type.base is not Base.BOOL:
        number = "TRY_CAST(CAST({0} AS VARCHAR) AS DOUBLE) = CAST({1} AS DOUBLE)"
        equal = f"(json_type({{0}}) <> 'BOOLEAN' AND {number})"
        in_list = (
            "list_contains([TRY_CAST(CAST(e AS VARCHAR) AS DOUBLE) FOR e IN CAST({0} AS JSON[])], CAST({1} AS DOUBLE))"
        )
    else:
        equal = f"(CAST({{0}} AS VARCHAR) = {quoted})"
        in_list = f"list_contains([CAST(e AS VARCHAR) FOR e IN CAST({{0}} AS JSON[])], {quoted})"
    sql = (
        f"CASE json_type({{0}}) WHEN 'OBJECT' THEN {in_object} WHEN 'ARRAY' THEN {in_list} "
        f"WHEN 'VARCHAR' THEN {in_string} WHEN 'NULL' THEN NULL ELSE {equal} END"
    )
    return ListCall("CONTAINS", (cell, wanted), sql, type=BOOL, span=span)


def bind_quantifier(node: nodes.Call, scope: Scope) -> Expr:
    value = truth(bind_expr(plain(node.args[0]), replace(scope, json_lists=True)))
    if len(node.args) == 1:
        return Reduce(node.name, value, type=BOOL, span=node.span)
    axis = folded(bind_expr(plain(node.args[1]), scope))
    dims = value.type.dims
    if (
        axis is None
        or not isinstance(axis.value, int)
        or dims is None
        or len(dims) != 2
        or axis.value not in (-2, -1, 0, 1)
    ):
        raise TQLTypeError(
            f"an axis of {node.name} is 0 or 1, of a two-dimensional array", kind="bad-axis", span=node.span
        )
    number = axis.value % 2
    return ReduceAxis(node.name, value, number, type=Type(Base.BOOL, (dims[1 - number],)), span=node.span)


def bind_logical(node: nodes.Call, scope: Scope) -> Expr:
    return logic(node.name.removeprefix("LOGICAL_"), [bind_expr(plain(a), scope) for a in node.args], node.span)


# --- what a cell is --------------------------------------------------------------------------------------------------


def bind_shape(node: nodes.Call, scope: Scope) -> Expr:
    value = bind_expr(plain(node.args[0]), scope)
    dims = value.type.dims
    if value.type.base is Base.IMAGE:
        return image_shape(value, node)
    length = None if dims is None else len(dims)
    if value.type.base in (Base.TEXT, Base.JSON) and not value.type.is_array:
        return Const((1,), type=Type(Base.INT, (1,)), span=node.span)
    if dims == () and not value.type.nested:
        return Const((), type=Type(Base.INT, (0,)), span=node.span)
    return ShapeOf(value, type=Type(Base.INT, (length,)), span=node.span)


def image_shape(value: Expr, node: nodes.Call) -> Expr:
    column = image_column(value, node)
    if column.field.origin is None or column.field.origin.column.shape is None:
        raise TQLUnsupportedError(
            f"the shapes of {column.field.name!r} were not recorded",
            kind="no-shapes",
            span=node.span,
            hint="create the tensor with create_shape_tensor=True",
        )
    return Ref(column.field, "shape", type=Type(Base.INT, (None,)), span=node.span)


def image_column(value: Expr, node: nodes.Call) -> Ref:
    if not isinstance(value, Ref) or value.type.base is not Base.IMAGE or value.type.is_array:
        raise TQLTypeError(
            f"{node.name} works on images and other files, and this is {value.type}",
            kind="argument-type",
            span=node.span,
        )
    return value


def bind_side(node: nodes.Call, scope: Scope) -> Expr:
    value = image_column(bind_expr(plain(node.args[0]), scope), node)
    place = 0 if node.name == "HEIGHT" else 1
    at = At(Const(place, type=INT, span=node.span))
    return Pick(image_shape(value, node), (at,), type=INT, span=node.span)


def bind_sample_info(node: nodes.Call, scope: Scope) -> Expr:
    column = image_column(bind_expr(plain(node.args[0]), scope), node)
    if column.field.origin is None or column.field.origin.column.info is None:
        raise TQLUnsupportedError(
            f"sample info of {column.field.name!r} was not recorded",
            kind="no-sample-info",
            span=node.span,
            hint="create the tensor with create_sample_info_tensor=True",
        )
    return Ref(column.field, "info", type=JSON, span=node.span)


def bind_link_url(node: nodes.Call, scope: Scope) -> Expr:
    value = bind_expr(plain(node.args[0]), scope)
    if not isinstance(value, Ref) or value.field.origin is None or value.field.origin.column.url is None:
        raise TQLTypeError(
            f"LINK_URL works on link[...] columns, and this is {value.type}", kind="not-a-link", span=node.span
        )
    return Ref(value.field, "url", type=TEXT, span=node.span)


def bind_count(node: nodes.Call, scope: Scope) -> Expr:
    if isinstance(node.args[0], nodes.Star):
        if scope.grouping is None:
            raise TQLUnsupportedError(
                "COUNT(*) without GROUP BY is the only column of its query",
                kind="misplaced-count",
                span=node.span,
                hint="select count(*) where ...",
            )
        return scope.group_size(node.span)
    value = bind_expr(node.args[0], scope)  # type: ignore[arg-type]  # Star is handled above, Weighted by the parser
    if value.type.base is Base.IMAGE and not value.type.is_array:
        raise TQLTypeError("COUNT does not look at pixels", kind="pixels", span=node.span)
    if not value.type.is_array:
        return Map("COUNT", (value,), "CAST({0} IS NOT NULL AS BIGINT)", type=INT, span=node.span)
    sql = "len(list_distinct({0}))" if node.distinct else "list_count({0})"
    return Reduce("COUNT", value, sql, type=INT, span=node.span)


# --- the row ---------------------------------------------------------------------------------------------------------


def bind_row_number(node: nodes.Call, scope: Scope) -> Expr:
    return RowNumber(scope.in_result, type=INT, span=node.span)


def bind_row_id(node: nodes.Call, scope: Scope) -> Expr:
    return RowId(type=INT, span=node.span)


def bind_random(node: nodes.Call, scope: Scope) -> Expr:
    scope.context.next_number += 1
    return Random(scope.context.next_number, type=INT, span=node.span)


def bind_data(node: nodes.Call, scope: Scope) -> Expr:
    column, row = (bind_expr(plain(arg), scope) for arg in node.args)
    at = folded(row)
    if (
        not isinstance(column, Ref)
        or column.field.origin is None
        or column.field.grouped
        or column.type.base is Base.IMAGE
    ):
        raise TQLTypeError("DATA takes a column of the dataset", kind="argument-type", span=column.span)
    if at is None or not isinstance(at.value, int) or isinstance(at.value, bool):
        raise TQLTypeError("DATA takes a known row number", kind="argument-type", span=row.span)
    return CellAt(column.field, at.value, type=column.type, span=node.span)


# --- weights ---------------------------------------------------------------------------------------------------------


def bind_weight(node: nodes.Call, scope: Scope) -> Expr:
    """MAX_WEIGHT and SUM_WEIGHT as one number per row; no condition true gives 0."""
    parts: list[Expr] = []
    for arg in node.args:
        if not isinstance(arg, nodes.Weighted):
            raise TQLTypeError(
                f"{node.name} takes pairs condition: weight",
                kind="argument-type",
                span=arg.span,
                hint="max_weight(labels = 'car': 2, true: 1)",
            )
        weight = bind_expr(arg.weight, scope)
        if not weight.type.is_number or weight.type.is_array:
            raise TQLTypeError(f"a weight is a number, and this is {weight.type}", kind="bad-weight", span=weight.span)
        zero = Const(0.0, type=Type(Base.FLOAT), span=arg.span)
        parts.append(
            Choose(((bind_condition(arg.condition, scope), weight),), zero, type=Type(Base.FLOAT), span=arg.span)
        )
    slots = [f"{{{i}}}" for i in range(len(parts))]
    sql = f"greatest({', '.join(slots)})" if node.name == "MAX_WEIGHT" else f"({' + '.join(slots)})"
    return Map(node.name, tuple(parts), sql, type=Type(Base.FLOAT), span=node.span)


def user_call(node: nodes.Call, function: UserFunction, scope: Scope) -> Expr:
    if len(node.args) != function.arity:
        raise TQLTypeError(
            f"{node.name} takes {function.arity} arguments, and {len(node.args)} were given",
            kind="argument-count",
            span=node.span,
        )
    args = tuple(bind_expr(plain(arg), scope) for arg in node.args)
    for arg in args:
        if arg.type.base is Base.IMAGE or arg.type.nested:
            raise TQLUnsupportedError(
                f"a registered function cannot be given {arg.type}", kind="argument-type", span=arg.span
            )
    element, vector = function.result.removesuffix("[]"), function.result.endswith("[]")
    type_ = Type(base_of_dtype(element), (None,) if vector else ())
    return UserCall(node.name, args, scope.context.new_field(node.name, type_), type=type_, span=node.span)


PER_CELL = frozenset(
    {"SHAPE", "HEIGHT", "WIDTH", "SAMPLE_INFO", "LINK_URL", "BOX_WIDTH", "BOX_HEIGHT", "BOX_AREA", "IOU"}
)
"""In a grouped select these are taken of each cell, and the group has the list of them."""

SPECIAL: dict[str, Callable[[nodes.Call, Scope], Expr]] = {
    "CONTAINS": bind_contains,
    "ANY": bind_quantifier,
    "ALL": bind_quantifier,
    "ALL_STRICT": bind_quantifier,
    "LOGICAL_AND": bind_logical,
    "LOGICAL_OR": bind_logical,
    "LOGICAL_NOT": bind_logical,
    "SHAPE": bind_shape,
    "HEIGHT": bind_side,
    "WIDTH": bind_side,
    "SAMPLE_INFO": bind_sample_info,
    "LINK_URL": bind_link_url,
    "COUNT": bind_count,
    "ROW_NUMBER": bind_row_number,
    "ROW_ID": bind_row_id,
    "RANDOM": bind_random,
    "DATA": bind_data,
    "MAX_WEIGHT": bind_weight,
    "SUM_WEIGHT": bind_weight,
    "BOX_WIDTH": bind_box,
    "BOX_HEIGHT": bind_box,
    "BOX_AREA": bind_box,
    "IOU": bind_iou,
    "MAXSIM": bind_maxsim,
    "NONZERO": bind_nonzero,
    "CONCAT": bind_concat,
    "COALESCE": bind_coalesce,
    "NULLIF": bind_coalesce,
}
