"""CASE and CAST."""

from __future__ import annotations

from . import nodes
from .bound import BOOL, FLOAT, INT, JSON, TEXT, Base, Choose, Const, Expr, Map, Type
from .coerce import common_boxes, common_shape, compare, truth
from .errors import TQLTypeError
from .scope import Scope
from .source import Span


def bind_case(node: nodes.Case, scope: Scope) -> Expr:
    operand = None if node.operand is None else scope.bind(node.operand)
    whens: list[tuple[Expr, Expr]] = []
    for when in node.whens:
        test = scope.bind(when.condition)
        test = truth(test) if operand is None else compare("=", operand, test, when.span)
        whens.append((test, scope.bind(when.result)))
    other = Const(None, type=Type(Base.NULL), span=node.span) if node.otherwise is None else scope.bind(node.otherwise)
    return choose(whens, other, node.span)


def choose(whens: list[tuple[Expr, Expr]], other: Expr, span: Span) -> Expr:
    results = [result for _, result in whens] + [other]
    dims, nested = common_shape([part for pair in whens for part in pair] + [other], span)
    base = common_base(results, span)
    return Choose(tuple(whens), other, type=Type(base, dims, boxes=common_boxes(results), nested=nested), span=span)


def common_base(values: list[Expr], span: Span) -> Base:
    """The element type that several alternatives share."""
    bases = {v.type.base for v in values} - {Base.NULL}
    if len(bases) <= 1:
        return next(iter(bases), Base.NULL)
    if bases <= {Base.BOOL, Base.INT, Base.FLOAT}:
        return Base.FLOAT if Base.FLOAT in bases else Base.INT
    found = " and ".join(sorted(b.value for b in bases))
    hint = "cast(x as float) turns JSON into numbers, cast(x as text) into text" if Base.JSON in bases else ""
    raise TQLTypeError(f"the results have different types: {found}", kind="mixed-types", span=span, hint=hint)


CASTS = {
    **dict.fromkeys(("INT", "INTEGER", "BIGINT", "INT64", "LONG"), (INT, "CAST({0} AS BIGINT)")),
    **dict.fromkeys(("FLOAT", "DOUBLE", "REAL", "FLOAT64"), (FLOAT, "CAST({0} AS DOUBLE)")),
    **dict.fromkeys(("BOOL", "BOOLEAN"), (BOOL, "CAST({0} AS BOOLEAN)")),
    **dict.fromkeys(("TEXT", "STRING", "VARCHAR", "CHAR", "STR"), (TEXT, "CAST({0} AS VARCHAR)")),
    "JSON": (JSON, "CAST({0} AS JSON)"),
}

TEXT_TO_INT = (
    "CASE WHEN regexp_matches({0}, '[.eE]') THEN TRY_CAST(trunc(TRY_CAST({0} AS DOUBLE)) AS BIGINT) "
    "ELSE TRY_CAST({0} AS BIGINT) END"
)
"""The fraction is cut off, as it is of a float; whole numbers keep all of their digits."""


def bind_cast(node: nodes.Cast, scope: Scope) -> Expr:
    value = scope.bind(node.value)
    if node.type_name not in CASTS:
        raise TQLTypeError(
            f"there is no type {node.type_name}",
            kind="unknown-type",
            span=node.span,
            hint=f"the types are {', '.join(CASTS)}",
        )
    target, sql = CASTS[node.type_name]
    if value.type.base is Base.IMAGE:
        raise TQLTypeError("pixels cannot be cast", kind="pixels", span=node.span)
    if value.type.base is Base.FLOAT and target.base is Base.INT:
        sql = "TRY_CAST(trunc({0}) AS BIGINT)"
    elif value.type.base in (Base.JSON, Base.TEXT) and target.base is not Base.JSON:
        text = "{0}" if value.type.base is Base.TEXT else "json_extract_string({0}, '$')"
        sql = (TEXT_TO_INT if target.base is Base.INT else sql.replace("CAST(", "TRY_CAST(", 1)).replace("{0}", text)
    elif value.type.base is Base.TEXT:
        sql = "TRY_CAST({0} AS JSON)"
    if value.type.classes is not None and target.base is Base.TEXT:
        return class_name_of(value, node.span)
    dims, nested = common_shape([value], node.span)
    type_ = Type(target.base, dims, boxes=value.type.boxes, nested=nested)
    return Map("CAST", (value,), sql, True, type=type_, span=node.span)


def class_name_of(value: Expr, span: Span) -> Expr:
    """The class names of labels, as text."""
    names = Const(tuple(value.type.classes or ()), type=TEXT, span=span)
    dims, nested = common_shape([value], span)
    return Map(
        "CLASS_NAME", (value, names), "({1})[{0} + 1]", True, type=Type(Base.TEXT, dims, nested=nested), span=span
    )
