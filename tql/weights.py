"""Weights of SAMPLE BY that need no SQL: known numbers, each for the rows that pass a test."""

from __future__ import annotations

from .bound import Choose, Const, Draw, Expr, InRelation, Map, Random, RowNumber, UserCall
from .intervals import HIGHEST, LOWEST
from .row_tests import SpanTest, Test, asked
from .rows import DrawRows, RowPlan
from .walking import walk

EVERY_ROW = SpanTest(((LOWEST, HIGHEST),))


def draw_rows(rows: RowPlan, draw: Draw) -> DrawRows | None:
    """`rows` drawn, or None if the weight is something else."""
    how, parts = weight_parts(draw.weight)
    if parts is None:
        return None
    return DrawRows(rows.dataset, rows, how, parts, draw)


def weight_parts(weight: Expr) -> tuple[str, tuple[tuple[Test, float], ...] | None]:
    match weight:
        case Const(value=int() | float() as number):
            return "SUM_WEIGHT", ((EVERY_ROW, float(number)),)
        case Map(name=("MAX_WEIGHT" | "SUM_WEIGHT") as how):
            parts = [weight_part(part) for part in weight.args]
            known = tuple(part for part in parts if part is not None)
            return how, known if len(known) == len(parts) else None
        case _:
            return "", None


def weight_part(part: Expr) -> tuple[Test, float] | None:
    """A condition that says the same of a row wherever it stands, and its known weight."""
    match part:
        case Choose(whens=((condition, Const(value=int() | float() as number)),)):
            if any(isinstance(e, (RowNumber, Random, UserCall, InRelation)) for e in walk(condition)):
                return None
            always = isinstance(condition, Const) and condition.value is True
            return EVERY_ROW if always else asked(condition), float(number)
        case _:
            return None
