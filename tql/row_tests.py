"""Tests on rows that need no SQL over whole rows, and how a condition becomes them.

NOT is part of a test, which says where a condition is TRUE: where it is NULL, neither it nor its negation holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

from .bound import BOOL, Compare, Const, Expr, Logic, Map, Member, Reduce, Ref, RowNumber, is_pixel_part
from .elements import element_columns, is_simple
from .intervals import Intervals, complement, half_line, intersection, points, union
from .like import SQL_LIKE
from .schema import ColumnInfo, Kind
from .walking import walk

Quantifier = OneOf["ANY", "ALL", "ALL_STRICT"]


@dataclass(frozen=True, slots=True)
class LabelTest:
    """ANY, ALL or ALL_STRICT of the labels of a row lie in `wanted`; with `negated` the rows where that is not so."""

    column: ColumnInfo
    quantifier: Quantifier
    wanted: Intervals
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ScalarTest:
    """A column of single values compared with known ones; with `negated` the rows where that is false, not NULL."""

    column: ColumnInfo
    condition: Compare | Member
    negated: bool = False


@dataclass(frozen=True, slots=True)
class TextTest:
    """A text as a whole fits a pattern, of LIKE with ``%`` alone or a regular one; with `negated` it does not."""

    column: ColumnInfo
    pattern: str
    regular: bool
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ElementTest:
    """As `LabelTest`, for a condition on elements of aligned columns; `fallback` is the condition on whole rows."""

    columns: tuple[ColumnInfo, ...]
    quantifier: Quantifier
    condition: Expr
    fallback: Expr
    negated: bool = False
    simple: bool = False
    """Columns are only compared with known numbers: NumPy's work; otherwise SQL scans an element table."""


@dataclass(frozen=True, slots=True)
class SqlTest:
    """A condition that is evaluated in SQL."""

    condition: Expr
    positions: bool = False
    """It counts rows, so it must see all of them."""
    pixels: bool = False
    """It reads pixels, so it is asked last and of as few rows as can be."""


@dataclass(frozen=True, slots=True)
class SpanTest:
    """The position of the row in the dataset lies in `wanted`."""

    wanted: Intervals


@dataclass(frozen=True, slots=True)
class Joined:
    """All (AND) or one (OR) of several tests."""

    op: OneOf["AND", "OR"]
    tests: tuple[Test, ...]


Test = LabelTest | ScalarTest | TextTest | ElementTest | SqlTest | SpanTest | Joined

# --- from conditions to tests ----------------------------------------------------------------------------------------


def test_of(condition: Expr, *, all_rows: bool) -> Test | None:
    """`condition` as tests, or None if nothing in it can be done without SQL over whole rows.

    `all_rows`: the condition is asked of a whole dataset, so that ROW_NUMBER() is the position in it.
    """
    if not all_rows and counts_rows(condition):
        return None
    test = build(condition, False, all_rows)
    return test if has_fast_part(test) else None


def asked(condition: Expr) -> Test:
    """`condition` as tests, whatever they need."""
    return build(condition, False, False)


def has_fast_part(test: Test) -> bool:
    match test:
        case SqlTest():
            return test.pixels
        case Joined():
            return any(has_fast_part(part) for part in test.tests)
        case _:
            return True


def build(condition: Expr, negated: bool, all_rows: bool) -> Test:
    """NOT is pushed down to the single tests (true in three-valued logic too), so that each says where it is TRUE."""
    span = row_span(condition) if all_rows else None
    if span is not None:
        return SpanTest(complement(span) if negated else span)
    if isinstance(condition, Logic) and not condition.type.is_array:
        if condition.op == "NOT":
            return build(condition.args[0], not negated, all_rows)
        op: OneOf["AND", "OR"] = "AND" if (condition.op == "AND") != negated else "OR"
        return joined(op, [build(arg, negated, all_rows) for arg in condition.args])
    if isinstance(condition, Reduce) and condition.name in ("ANY", "ALL", "ALL_STRICT"):
        found = label_test(condition, negated) or element_test(condition, negated)
        if found is not None:
            return found
    single = scalar_test(condition, negated) or text_test(condition, negated)
    if single is not None:
        return single
    return sql_test(Logic("NOT", (condition,), type=BOOL, span=condition.span) if negated else condition)


def sql_test(condition: Expr) -> SqlTest:
    pixels = any(isinstance(e, Ref) and is_pixel_part(e.part) for e in walk(condition))
    return SqlTest(condition, counts_rows(condition), pixels)


def counts_rows(condition: Expr) -> bool:
    return any(isinstance(e, RowNumber) for e in walk(condition))


def joined(op: OneOf["AND", "OR"], tests: list[Test]) -> Test:
    """Tests under one AND or OR; those that need SQL become one SQL condition, those on positions one test."""
    spans = [t.wanted for t in tests if isinstance(t, SpanTest)]
    if len(spans) > 1:
        inside = union(spans) if op == "OR" else intersection(spans)
        tests = [SpanTest(inside), *(t for t in tests if not isinstance(t, SpanTest))]
    together: list[Test] = [t for t in tests if not isinstance(t, SqlTest)]
    for pixels in (False, True):
        slow = [t.condition for t in tests if isinstance(t, SqlTest) and t.pixels == pixels]
        if slow:
            together.append(sql_test(slow[0] if len(slow) == 1 else Logic(op, tuple(slow), type=BOOL)))
    return together[0] if len(together) == 1 else Joined(op, tuple(together))


def label_test(condition: Reduce, negated: bool) -> LabelTest | None:
    """A quantified condition on one label column and known codes."""
    columns = {e.field.number: e.field for e in walk(condition.value) if isinstance(e, Ref)}
    if len(columns) != 1:
        return None
    field = next(iter(columns.values()))
    if field.origin is None or field.type.nested or field.origin.column.kind is not Kind.LABEL:
        return None
    wanted = intervals_of(condition.value)
    if wanted is None:
        return None
    return LabelTest(field.origin.column, condition.name, wanted, negated)  # type: ignore[arg-type]  # one of the three


def scalar_test(condition: Expr, negated: bool) -> ScalarTest | None:
    """A comparison of one column of numbers with known numbers, or such a column of booleans itself."""
    if isinstance(condition, Ref):
        truth = Const(True, type=BOOL, span=condition.span)
        return scalar_test(Compare("=", condition, truth, type=BOOL, span=condition.span), negated)
    match condition:
        case Member(value=Ref() as ref) if all(isinstance(o, (int, float)) for o in condition.options):
            pass
        case Compare(left=Ref() as ref, right=Const(value=int() | float())):
            pass
        case Compare(left=Const(value=int() | float()), right=Ref() as ref):
            pass
        case _:
            return None
    column = single_values(ref, Kind.SCALAR) if ref.type.is_number else None
    return None if column is None else ScalarTest(column, condition, negated)


def text_test(condition: Expr, negated: bool) -> TextTest | None:
    """LIKE of a stored text."""
    match condition:
        case Map(name="LIKE", args=(Ref(part="value") as ref, Const(value=str() as pattern))):
            column = single_values(ref, Kind.TEXT)
            return None if column is None else TextTest(column, pattern, condition.sql != f"({SQL_LIKE})", negated)
        case _:
            return None


def single_values(ref: Ref, kind: Kind) -> ColumnInfo | None:
    """The stored column of one value for each row that `ref` names, where it is of that kind."""
    origin = ref.field.origin
    return origin.column if origin is not None and not ref.type.is_array and origin.column.kind is kind else None


def element_test(condition: Reduce, negated: bool) -> ElementTest | None:
    columns = element_columns(condition.value)
    if columns is None:
        return None
    simple = is_simple(condition.value)
    return ElementTest(columns, condition.name, condition.value, condition, negated, simple)  # type: ignore[arg-type]


# --- conditions on one integer ---------------------------------------------------------------------------------------


def intervals_of(expr: Expr) -> Intervals | None:
    """The integers for which a condition on one integer (a label column) is true."""
    match expr:
        case Logic(op="NOT"):
            inner = intervals_of(expr.args[0])
            return None if inner is None else complement(inner)
        case Logic():
            parts = [intervals_of(arg) for arg in expr.args]
            known = [p for p in parts if p is not None]
            if len(known) < len(parts):
                return None
            return union(known) if expr.op == "OR" else intersection(known)
        case Member(value=Ref()) if all(isinstance(o, int) for o in expr.options):
            return points(int(o) for o in expr.options)
        case Compare():
            return compared(expr)
        case _:
            return None


MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compared(expr: Compare) -> Intervals | None:
    """The integers for which ``x op constant`` or ``constant op x`` is true."""
    match expr.left, expr.right:
        case (Ref() | RowNumber(), Const(value=int() as n)) if not isinstance(n, bool):
            return half_line(expr.op, n)
        case (Const(value=int() as n), Ref() | RowNumber()) if not isinstance(n, bool):
            return half_line(MIRRORED[expr.op], n)
        case _:
            return None


def row_span(condition: Expr) -> Intervals | None:
    """The positions for which a condition on ROW_NUMBER() alone is true."""
    leaves = [e for e in walk(condition) if isinstance(e, (Ref, RowNumber))]
    if not leaves or not all(isinstance(e, RowNumber) for e in leaves):
        return None
    if isinstance(condition, Member) and isinstance(condition.value, RowNumber):
        if not all(isinstance(o, int) for o in condition.options):
            return None
        return points(int(o) for o in condition.options)
    return intervals_of(condition)
