"""Arithmetic on bound expressions: done in 64 bits, element by element."""

from __future__ import annotations

from .bound import TEXT, Base, Expr, Map
from .coerce import arithmetic_type, is_zero_free
from .errors import TQLTypeError
from .source import Span


def arithmetic(op: str, left: Expr, right: Expr, span: Span) -> Expr:
    floats = op in ("/", "^")
    type_ = arithmetic_type((left, right), floats, span)
    kind = "float" if type_.base is Base.FLOAT else "int"
    by_zero = kind == "int" and op in ("//", "%") and not is_zero_free(right)
    return Map(op, (left, right), ARITHMETIC[op, kind], by_zero, type=type_, span=span)


ARITHMETIC = {
    ("+", "int"): "({0} + {1})",
    ("-", "int"): "({0} - {1})",
    ("*", "int"): "({0} * {1})",
    (
        "//",
        "int",
    ): "CASE WHEN {1} <> 0 THEN ({0} // {1}) - CAST(({0} % {1}) <> 0 AND (({0} < 0) <> ({1} < 0)) AS BIGINT) END",
    ("%", "int"): "CASE WHEN {1} <> 0 THEN (({0} % {1}) + {1}) % {1} END",
    ("+", "float"): "({0} + {1})",
    ("-", "float"): "({0} - {1})",
    ("*", "float"): "({0} * {1})",
    ("/", "float"): "({0} / {1})",
    ("//", "float"): "floor({0} / {1})",
    ("%", "float"): "({0} - {1} * floor({0} / {1}))",
    ("^", "float"): "pow({0}, {1})",
}


def concat(left: Expr, right: Expr, span: Span) -> Expr:
    for side in (left, right):
        if side.type.base not in (Base.TEXT, Base.NULL) or side.type.is_array:
            raise TQLTypeError(f"|| joins texts, and this is {side.type}", kind="not-text", span=side.span)
    return Map("||", (left, right), "({0} || {1})", type=TEXT, span=span)


def check_number(value: Expr, op: str) -> None:
    if value.type.is_number or value.type.base is Base.NULL:
        return
    raise TQLTypeError(
        f"{op} needs numbers, and this is {value.type}",
        kind="not-a-number",
        span=value.span,
        hint=hint_for_number(value, op),
    )


def hint_for_number(value: Expr, op: str) -> str:
    if value.type.base not in (Base.TEXT, Base.JSON):
        return ""
    joined = "texts are joined with ||; " if op == "+" and value.type.base is Base.TEXT else ""
    return f"{joined}cast(x as float) turns text and JSON into numbers"
