"""The functions that the catalogue leaves to the binder: conditions on arrays, shapes, the row itself, weights."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from . import nodes
from .bind_axis import along, positional
from .bind_boxes import bind_box, bind_coalesce, bind_concat, bind_iou, bind_maxsim, bind_nonzero
from .bind_conditions import bind_condition
from .bound import (
    BOOL,
    FLOAT,
    INT,
    JSON,
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
    Ref,
    Relevance,
    RowId,
    RowNumber,
    ShapeOf,
    Type,
)
from .coerce import check_comparable, compare, folded, label_codes_like, logic, truth
from .errors import TQLTypeError, TQLUnsupportedError
from .scope import Scope
from .source import Span


def plain(arg: nodes.Expr | nodes.Star | nodes.Weighted) -> nodes.Expr:
    if isinstance(arg, nodes.Star):
        raise TQLTypeError("* stands in SELECT lists and in COUNT(*) only", kind="misplaced-star", span=arg.span)
    if isinstance(arg, nodes.Weighted):
        raise TQLTypeError(
            "condition: weight belongs into MAX_WEIGHT and SUM_WEIGHT", kind="misplaced-weight", span=arg.span
        )
    return arg


# --- conditions on arrays --------------------------------------------------------------------------------------------


def bind_contains(node: nodes.Call, scope: Scope) -> Expr:
    cell, wanted = (scope.bind(plain(arg)) for arg in node.args)
    span = node.span
    if cell.type.base is Base.IMAGE:
        raise TQLTypeError("CONTAINS does not look at pixels", kind="pixels", span=span)
    if wanted.type.dims == (1,) and isinstance(wanted, Const) and isinstance(wanted.value, tuple):
        wanted = Const(wanted.value[0], type=wanted.type.element(), span=wanted.span)
    if wanted.type.is_array:
        raise TQLTypeError("CONTAINS looks for one value, not an array", kind="array-argument", span=wanted.span)
    if cell.type.classes is not None and isinstance(wanted, Const) and isinstance(wanted.value, str):
        codes = label_codes_like(wanted.value, cell.type.classes, cell, wanted.span)
        found: Expr = Member(cell, codes, type=Type(Base.BOOL, cell.type.dims, nested=cell.type.nested), span=span)
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
    node = positional(node)
    value = truth(replace(scope, json_lists=True).bind(plain(node.args[0])))
    if len(node.args) == 1:
        return Reduce(node.name, value, type=BOOL, span=node.span)
    return along(node.name, value, scope.bind(plain(node.args[1])), "", BOOL, node.span)


def bind_logical(node: nodes.Call, scope: Scope) -> Expr:
    return logic(node.name.removeprefix("LOGICAL_"), [scope.bind(plain(a)) for a in node.args], node.span)


# --- what a cell is --------------------------------------------------------------------------------------------------


def bind_shape(node: nodes.Call, scope: Scope) -> Expr:
    value = scope.bind(plain(node.args[0]))
    dims = value.type.dims
    if value.type.base is Base.IMAGE:
        return image_shape(value, node)
    length = None if dims is None else len(dims)
    if value.type.cell is not None:
        length = None if value.type.cell.dims is None else 1 + len(value.type.cell.dims)
    if value.type.base in (Base.TEXT, Base.JSON) and not value.type.is_array:
        return Const((1,), type=Type(Base.INT, (1,)), span=node.span)
    if dims == () and not value.type.nested:
        return Const((), type=Type(Base.INT, (0,)), span=node.span)
    return ShapeOf(value, type=Type(Base.INT, (length,)), span=node.span)


def image_shape(value: Expr, node: nodes.Call) -> Expr:
    if isinstance(value, Ref) and value.type.nested and value.field.origin is not None and not value.field.grouped:
        column = value
    else:
        column = image_column(value, node)
    if column.field.origin is None or column.field.origin.column.shape is None:
        raise TQLUnsupportedError(
            f"the shapes of {column.field.name!r} were not recorded",
            kind="no-shapes",
            span=node.span,
            hint="create the tensor with create_shape_tensor=True",
        )
    if column.type.nested:
        return ShapeOf(column, type=Type(Base.INT, (None,)), span=node.span)
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
    value = image_column(scope.bind(plain(node.args[0])), node)
    place = 0 if node.name == "HEIGHT" else 1
    at = At(Const(place, type=INT, span=node.span))
    return Pick(image_shape(value, node), (at,), type=INT, span=node.span)


def bind_sample_info(node: nodes.Call, scope: Scope) -> Expr:
    column = image_column(scope.bind(plain(node.args[0])), node)
    if column.field.origin is None or column.field.origin.column.info is None:
        raise TQLUnsupportedError(
            f"sample info of {column.field.name!r} was not recorded",
            kind="no-sample-info",
            span=node.span,
            hint="create the tensor with create_sample_info_tensor=True",
        )
    return Ref(column.field, "info", type=JSON, span=node.span)


def bind_link_url(node: nodes.Call, scope: Scope) -> Expr:
    value = scope.bind(plain(node.args[0]))
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
    value = scope.bind(node.args[0])  # type: ignore[arg-type]  # Star is handled above, Weighted by the parser
    if value.type.base is Base.IMAGE and not value.type.is_array:
        raise TQLTypeError("COUNT does not look at pixels", kind="pixels", span=node.span)
    if not value.type.is_array:
        return Map("COUNT", (value,), "CAST({0} IS NOT NULL AS BIGINT)", type=INT, span=node.span)
    sql = "len(list_distinct({0}))" if node.distinct else "list_count({0})"
    return Reduce("COUNT", value, sql, type=INT, span=node.span)


# --- the row ---------------------------------------------------------------------------------------------------------


def bind_row_number(node: nodes.Call, scope: Scope) -> Expr:
    return RowNumber(type=INT, span=node.span)


def bind_row_id(node: nodes.Call, scope: Scope) -> Expr:
    return RowId(type=INT, span=node.span)


def bind_random(node: nodes.Call, scope: Scope) -> Expr:
    scope.context.next_number += 1
    return Random(scope.context.next_number, type=INT, span=node.span)


def bind_data(node: nodes.Call, scope: Scope) -> Expr:
    column, row = (scope.bind(plain(arg)) for arg in node.args)
    at = folded(row)
    if (
        not isinstance(column, Ref)
        or column.field.origin is None
        or column.type.nested
        or column.type.base is Base.IMAGE
    ):
        raise TQLTypeError("DATA takes a column of the dataset", kind="argument-type", span=column.span)
    if at is None or not isinstance(at.value, int) or isinstance(at.value, bool):
        raise TQLTypeError("DATA takes a known row number", kind="argument-type", span=row.span)
    return CellAt(column.field, at.value, type=column.type, span=node.span)


# --- search -------------------------------------------------------------------------------------------------------


def bind_relevance(node: nodes.Call, scope: Scope) -> Expr:
    """BM25_SIMILARITY of a stored text column and known words."""
    value, search = scope.bind(plain(node.args[0])), folded(scope.bind(plain(node.args[1])))
    if not isinstance(value, Ref) or value.type != TEXT or value.field.origin is None or value.field.grouped:
        raise TQLTypeError("BM25_SIMILARITY takes a text column of the dataset", kind="argument-type", span=value.span)
    words = re.findall(r"\w+", search.value.lower()) if search is not None and isinstance(search.value, str) else []
    if not words:
        raise TQLTypeError(
            "BM25_SIMILARITY takes known words to look for", kind="argument-type", span=node.args[1].span
        )
    return Relevance(value, tuple(dict.fromkeys(words)), type=FLOAT, span=node.span)


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
        weight = scope.bind(arg.weight)
        if not weight.type.is_number or weight.type.is_array:
            raise TQLTypeError(f"a weight is a number, and this is {weight.type}", kind="bad-weight", span=weight.span)
        zero = Const(0.0, type=Type(Base.FLOAT), span=arg.span)
        parts.append(
            Choose(((bind_condition(arg.condition, scope), weight),), zero, type=Type(Base.FLOAT), span=arg.span)
        )
    slots = [f"{{{i}}}" for i in range(len(parts))]
    sql = f"greatest({', '.join(slots)})" if node.name == "MAX_WEIGHT" else f"({' + '.join(slots)})"
    return Map(node.name, tuple(parts), sql, type=Type(Base.FLOAT), span=node.span)


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
    "BM25_SIMILARITY": bind_relevance,
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
