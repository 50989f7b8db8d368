"""What DuckDB reports while it runs a query, as errors of the query language."""

from __future__ import annotations

import re

from ..tql.errors import BAD_WEIGHTS, TQLError, TQLLimitError, TQLTypeError
from ..tql.source import NOWHERE, Span
from ..tql.sql_expressions import MISMATCH

PYTHON = "Python exception occurred while executing the UDF: "
"""Comes before what a registered function raised."""


def translated(message: str, sql: str) -> TQLError:
    """The error of ours that says what DuckDB's `message` means."""
    if MISMATCH in message:
        start, end, shapes = message.split(MISMATCH, 1)[1].split(" ", 2)
        return TQLTypeError(
            f"arrays of shapes {shapes.strip()} do not fit together",
            kind="shape-mismatch",
            span=Span(int(start), int(end)),
            hint="element-wise operations need equal shapes, or one side with a single value",
        )
    if BAD_WEIGHTS in message:
        start, end, reason = message.split(BAD_WEIGHTS, 1)[1].split(" ", 2)
        return TQLTypeError(
            f"rows cannot be drawn: {reason.strip()}",
            kind="bad-weights",
            span=Span(int(start), int(end)),
            hint="weights are numbers from 0, and at least one is greater",
        )
    if "Overflow" in message or "out of range" in message:
        return TQLTypeError("a number does not fit in 64 bits", kind="overflow", hint=first_line(message))
    if message.startswith("Invalid Input Error") and "regexp_" in sql:
        return TQLTypeError(
            f"a regular expression cannot be read: {first_line(message).partition(': ')[2]}",
            kind="bad-pattern",
            hint="REGEXP_MATCHES takes RE2's expressions; a sign with a meaning is written after a backslash",
        )
    if PYTHON in message:
        return TQLError(
            f"a registered function failed: {first_line(message.partition(PYTHON)[2])}",
            kind="function-failed",
            hint="it is called with None for a missing value, and with empty arrays for empty cells",
        )
    if message.startswith("INTERRUPT"):
        return TQLError("the query was interrupted", kind="interrupted")
    if "expression depth" in message.lower():
        return TQLLimitError("the query is nested too deeply", kind="depth", hint=first_line(message))
    if "Out of Memory" in message:
        return TQLLimitError("the query needs more memory than it may use", kind="memory", hint=first_line(message))
    return TQLError(
        f"the query could not be run: {first_line(message)}", kind="engine", hint=f"the SQL was: {sql[:500]}"
    )


def sql_error(message: str, text: str, lines_before: int = 0) -> TQLError:
    """The error of ours for what DuckDB says of `text`, a statement of its SQL dialect with so many lines before it."""
    said, _, shown = message.strip().partition("\n\nLINE ")
    first, *others = said.splitlines()
    closed = "Permission Error" in first or "disabled" in first
    hint = (
        "SQL sees the table dataset and nothing else: no file, no network, no setting" if closed else " ".join(others)
    )
    return TQLError(first, kind="sql", hint=hint, span=_sql_place("LINE " + shown, text, lines_before))


def _sql_place(shown: str, text: str, lines_before: int) -> Span:
    """The place that DuckDB marks with carets below a line of the statement; nowhere if it shows only a part of it."""
    found = _MARKED.match(shown)
    lines = text.split("\n")
    number = int(found["number"]) - 1 - lines_before if found else -1
    if found is None or not 0 <= number < len(lines) or lines[number] != found["line"]:
        return NOWHERE
    column = len(found["space"]) - len(f"LINE {found['number']}: ")
    start = sum(len(line) + 1 for line in lines[:number]) + column
    return Span(start, start + len(found["carets"]))


_MARKED = re.compile(r"LINE (?P<number>\d+): (?P<line>.*)\n(?P<space> *)(?P<carets>\^+)")


def first_line(message: str) -> str:
    return message.splitlines()[0] if message else ""
