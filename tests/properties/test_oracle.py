"""The engine and the oracle, which evaluates the tree row by row, answer every query alike: rows, order and values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note
from lakebed.tql import parse
from lakebed.tql.errors import TQLTypeError

from lakebed import engine
from oracle import Line, Oracle
from oracle_cells import Arr, Json, Mismatch, Seq
from planning import plan_anew
from query_strategies import Sample, conditions, queries, samples, scalars, vectors
from tally import count as count_case


def expected(sample: Sample, text: str) -> list[Line] | None:
    """The oracle's lines; None if arrays of different shapes meet somewhere."""
    try:
        return Oracle(sample.columns, sample.labels).answer(parse(text))
    except Mismatch:
        return None


def found(sample: Sample, text: str) -> engine.QueryResult | None:
    """The engine's result; None if it says that shapes differ."""
    try:
        return engine.run(sample.source, text)
    except TQLTypeError as error:
        if error.kind == "shape-mismatch":
            return None
        raise


def agree(sample: Sample, text: str) -> None:
    note(text)
    count_case("queries that the engine and the oracle answered")
    lines = expected(sample, text)
    result = found(sample, text)
    if lines is None or result is None:
        # SQL may skip a row that the oracle looks at, and the other way round: only agreement is compared.
        return
    rows = [] if result.rows is None else result.rows.tolist()
    if result.offsets is not None:
        ends = zip(result.offsets[:-1], result.offsets[1:], strict=True)
        assert [tuple(rows[low:high]) for low, high in ends] == [line.rows for line in lines]
    else:
        assert rows == [line.rows[0] for line in lines]
    if result.computed is not None:
        for name in result.computed.column_names:
            column = result.computed.column(name).to_pylist()
            assert len(column) == len(lines)
            for value, line in zip(column, lines, strict=True):
                assert same(value, plain(line.shown[name])), (name, column, [plain(one.shown[name]) for one in lines])


def plain(value: Any) -> Any:
    """A cell of the oracle as the engine's tables show it."""
    if isinstance(value, Seq):
        return [plain(cell) for cell in value.cells]
    if isinstance(value, Arr):
        return [] if not value.data else nested(value.data, value.shape)
    if isinstance(value, Json):
        return value.value
    return value.item() if isinstance(value, np.generic) else value


def nested(data: Any, shape: tuple[int, ...]) -> Any:
    if len(shape) == 1:
        return [plain(x) for x in data]
    step = len(data) // shape[0]
    return [nested(data[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list) or isinstance(b, list):
        if not isinstance(a, list) or not isinstance(b, list):
            return False
        return (len(a) == len(b) and all(map(same, a, b))) or (count(a) == 0 and count(b) == 0)
    if a is None or b is None:
        return a is b
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) or (math.isnan(a) and math.isnan(b)) or a == b
    return bool(a == b)


def count(nest: list[Any]) -> int:
    return sum(count(one) if isinstance(one, list) else 1 for one in nest)


@given(samples(), conditions())
def test_every_route_to_an_answer_picks_the_same_rows(sample: Sample, where: str) -> None:
    text = f"select * where {where}"
    note(text)
    whole = rows_by(sample, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lakebed.engine.row_tests.FEW", 0)
        narrow = rows_by(sample, text)
    with pytest.MonkeyPatch.context() as patch:
        plan_anew(patch)
        patch.setattr("lakebed.tql.plan.test_of", lambda *args, **options: None)
        by_sql = rows_by(sample, text)
    if whole is not None and by_sql is not None:
        assert whole == by_sql
    if whole is not None and narrow is not None:
        assert whole == narrow
        assert rows_by(sample, f"{text} limit 2 offset 1") in (None, whole[1:3])


def rows_by(sample: Sample, text: str) -> list[int] | None:
    result = found(sample, text)
    return None if result is None or result.rows is None else [int(row) for row in result.rows]


@given(samples(), conditions())
def test_a_condition_picks_the_same_rows(sample: Sample, where: str) -> None:
    agree(sample, f"select * where {where}")


@given(samples(), scalars(3))
def test_a_scalar_has_the_same_value(sample: Sample, expression: str) -> None:
    agree(sample, f"select {expression} as x")


@given(samples(), vectors(2))
def test_an_array_has_the_same_elements(sample: Sample, expression: str) -> None:
    agree(sample, f"select {expression} as x, shape({expression}) as y")


@given(samples(), queries())
def test_a_query_gives_the_same_lines(sample: Sample, text: str) -> None:
    agree(sample, text)
