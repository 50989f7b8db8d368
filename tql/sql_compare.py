"""Comparisons in SQL: NaN as in NumPy, JSON values by their types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bound import Base, Compare, Const, Expr, JsonPick

if TYPE_CHECKING:
    from .sql_expressions import ExpressionWriter


def json_compare(w: ExpressionWriter, expr: Compare) -> str:
    """Values of one JSON type compare; other pairs are unequal; a missing key or null is NULL."""
    left, right, op = expr.left, expr.right, expr.op
    if left.type.base is not Base.JSON:
        left, right, op = right, left, {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op)
    if right.type.base is Base.NULL:
        return "CAST(NULL AS BOOLEAN)"
    a = w.scalar(left)
    different = "TRUE" if op == "!=" else "FALSE"
    sign = "<>" if op == "!=" else op
    if right.type.base is Base.JSON:
        return json_pair(a, w.scalar(right), sign, different)
    kinds, value = JSON_VALUES[right.type.base]
    # A value that is looked up is looked up once: SQL has no other name for it than a lambda's parameter, in which
    # no sub-query may stand.
    once = isinstance(left, JsonPick) and isinstance(right, Const)
    b, known = (w.writer.name("j") if once else a), w.scalar(right)
    if once and kinds is NUMBER_KINDS:
        # No other JSON reads as a number; texts have their quotes.
        compared = f"COALESCE(TRY_CAST({b} AS DOUBLE) {sign} {known}, {different})"
        missing = f"{b} IS NULL OR {b} = 'null'"
        return f"list_transform([CAST({a} AS VARCHAR)], lambda {b}: CASE WHEN NOT ({missing}) THEN {compared} END)[1]"
    compared = (
        f"CASE WHEN {b} IS NULL OR json_type({b}) = 'NULL' THEN NULL "
        f"WHEN json_type({b}) IN ({kinds}) THEN {value.format(b)} {sign} {known} ELSE {different} END"
    )
    return f"list_transform([{a}], lambda {b}: {compared})[1]" if once else compared


def nan_guard(op: str, left: Expr, right: Expr, a: str, b: str) -> str:
    """What a comparison needs so that NaN is equal to, less than and greater than nothing (DuckDB: greatest)."""
    may = [
        sql
        for sql, side in ((a, left), (b, right))
        if side.type.base is Base.FLOAT and not (isinstance(side, Const) and side.value == side.value)
    ]
    if not may:
        return ""
    if op in ("=", "!="):
        both = f"isnan({a}) AND isnan({b})"
        return "" if len(may) < 2 else f" AND NOT ({both})" if op == "=" else f" OR ({both})"
    greater, other = (a, b) if op in (">", ">=") else (b, a)
    if greater not in may:
        return ""
    # Next to NULL the comparison is NULL, NaN or not.
    return f" AND NOT (isnan({greater}) AND {other} IS NOT NULL)"


POINTED = ("", "*")
"""Keys that have no place in a longer path: DuckDB takes a quoted star for any key, and an empty one for an error."""


def json_path(key: str) -> str:
    """The path of a key as DuckDB reads it."""
    if key in POINTED:
        return f"/{key}"
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


NUMBER_KINDS = "'BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE', 'DECIMAL'"
JSON_VALUES = {
    Base.INT: (NUMBER_KINDS, "CAST(CAST({0} AS VARCHAR) AS DOUBLE)"),
    Base.FLOAT: (NUMBER_KINDS, "CAST(CAST({0} AS VARCHAR) AS DOUBLE)"),
    Base.TEXT: ("'VARCHAR'", "json_extract_string({0}, '$')"),
    Base.BOOL: ("'BOOLEAN'", "CAST({0} AS BOOLEAN)"),
}


def json_pair(a: str, b: str, sign: str, different: str) -> str:
    """Two JSON values: numbers by value, texts by text, anything else by its JSON."""
    number = f"json_type({a}) IN ({NUMBER_KINDS}) AND json_type({b}) IN ({NUMBER_KINDS})"
    text = f"json_type({a}) = 'VARCHAR' AND json_type({b}) = 'VARCHAR'"
    rest = f"CAST({a} AS VARCHAR) {sign} CAST({b} AS VARCHAR)" if sign in ("=", "<>") else different
    return (
        f"CASE WHEN {a} IS NULL OR {b} IS NULL OR json_type({a}) = 'NULL' OR json_type({b}) = 'NULL' THEN NULL "
        f"WHEN {number} THEN TRY_CAST(CAST({a} AS VARCHAR) AS DOUBLE) {sign} TRY_CAST(CAST({b} AS VARCHAR) AS DOUBLE) "
        f"WHEN {text} THEN json_extract_string({a}, '$') {sign} json_extract_string({b}, '$') ELSE {rest} END"
    )
