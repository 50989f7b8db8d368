"""SAMPLE BY with weights that are known numbers: drawn without SQL, by the same rules."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from lakebed.tql.bound import INT, Const, Draw
from lakebed.tql.errors import TQLTypeError

from lakebed import engine
from lakebed.engine import execution
from lakebed.engine.draw_scan import drawn
from memory_source import MemorySource


def draw(replace: bool, count: int | None = None, percent: float | None = None) -> Draw:
    return Draw(Const(1, type=INT), replace, count, percent)


def test_without_replacement_rows_come_in_the_order_of_their_draws() -> None:
    weights = np.array([1.0, 3.0, 0.0, 4.0])
    firsts = Counter(int(drawn(weights, draw(False, 1), seed)[0]) for seed in range(4000))
    assert set(firsts) == {0, 1, 3}
    assert firsts[1] / 4000 == pytest.approx(3 / 8, abs=0.03)
    assert firsts[3] / 4000 == pytest.approx(4 / 8, abs=0.03)
    seconds = Counter(tuple(drawn(weights, draw(False, 2), seed).tolist()) for seed in range(4000))
    # Once 3 is drawn, 1 is three times as likely as 0.
    assert seconds[3, 1] / seconds[3, 0] == pytest.approx(3, rel=0.2)


def test_with_replacement_rows_come_by_their_weights() -> None:
    found = Counter(drawn(np.array([0.0, 1.0, 0.0, 3.0, 0.0]), draw(True, 8000), 3).tolist())
    assert set(found) == {1, 3}
    assert found[3] / 8000 == pytest.approx(3 / 4, abs=0.03)


@pytest.mark.parametrize("replace", [True, False])
def test_how_many_are_drawn(replace: bool) -> None:
    weights = np.array([1.0, 1.0, 0.0, 2.0])
    sizes = [len(drawn(weights, one, 1)) for one in (draw(replace), draw(replace, 2), draw(replace, 9))]
    assert sizes == ([4, 2, 9] if replace else [3, 2, 3])
    assert len(drawn(weights, draw(replace, percent=50), 1)) == 2
    assert len(drawn(weights, draw(replace, 0), 1)) == len(drawn(weights[:0], draw(replace, 5), 1)) == 0


@pytest.mark.parametrize(
    ("weights", "reason"),
    [([1.0, -1.0], "negative"), ([0.0, 0.0], "every weight is zero"), ([1.0, np.inf], "not a finite number")],
)
def test_weights_that_cannot_be_drawn_by(weights: list[float], reason: str) -> None:
    with pytest.raises(TQLTypeError, match=reason):
        drawn(np.array(weights), draw(True), 1)


@pytest.mark.parametrize(
    ("weight", "rows"),
    [
        ("max_weight(flag: 2, num > 2: 5)", [0, 3, 4, 5, 6, 7]),
        ("sum_weight(text like '%pp%': 1, contains(categories, 'truck'): 2, num = 99: 4)", [1, 4, 7]),
        ("sum_weight(num > 2: 1, num > 2: -1, num = 1: 1)", [1]),
        ("1", list(range(8))),
    ],
)
@pytest.mark.parametrize("clause", ["", " order by num desc nulls last limit 8"])
def test_the_rows_that_can_be_drawn(
    weight: str, rows: list[int], clause: str, street: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"select num, num + 1 as more{clause} sample by {weight} replace false"
    found = engine.run(street, text, seed=4)
    assert found.rows is not None and sorted(found.rows.tolist()) == rows
    again = engine.run(street, f"select *{clause} sample by {weight} replace false", seed=4).rows
    assert again is not None and again.tolist() == found.rows.tolist()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select num + 1 as more sample by max_weight(more > 3: 1)", [0, 4, 5, 6]),
        ("select upper(text) as t sample by sum_weight(t like 'A%': 1)", [1, 4]),
        ("select num as n, num + 1 as more sample by max_weight(n > 3: 1)", [4, 5, 6]),
        ("select * from (select num + 1 as more) sample by max_weight(more > 3: 1)", [0, 4, 5, 6]),
        ("select row_number() as r sample by max_weight(r in (2, 3): 1)", [2, 3]),
        ("select num + 1 as more sample by max_weight(row_number() > 5: 1)", [6, 7]),
        ("(select * where num > 2) union (select * where flag) sample by max_weight(text like '%a%': 1)", [6]),
    ],
)
def test_weights_may_ask_of_computed_columns(query: str, expected: list[int], street: MemorySource) -> None:
    found = engine.run(street, f"{query} replace false", seed=1).rows
    assert found is not None and sorted(found.tolist()) == expected


@pytest.mark.parametrize(
    ("clause", "expected"),
    [("", 6), (" limit 2", 2), (" limit 0", 0), (" limit 99", 6), (" limit 50 percent", 4), (" limit 24 percent", 1)],
)
def test_weights_in_sql_draw_as_many_as_they_are_told(clause: str, expected: int, street: MemorySource) -> None:
    found = engine.run(street, f"select * sample by num replace false{clause}", seed=2).rows
    assert found is not None and len(set(found.tolist())) == len(found) == expected
    assert set(found.tolist()) <= {0, 1, 3, 4, 5, 6}  # neither the row without a number nor that with 0
    again = engine.run(street, f"select * sample by num{clause}", seed=2).rows
    given = {"": 8, " limit 99": 99}.get(clause, expected)
    assert again is not None and len(again) == given and set(again.tolist()) <= {0, 1, 3, 4, 5, 6}


def test_weights_in_sql_decide_who_comes_first(street: MemorySource) -> None:
    first: Counter[int] = Counter()
    for seed in range(150):
        found = engine.run(street, "select * where num != 2 sample by num replace false limit 1", seed=seed).rows
        assert found is not None
        first.update(found.tolist())
    assert set(first) <= {0, 1, 4, 5, 6}
    assert first[5] + first[6] == pytest.approx(150 * 14 / 23, abs=20)


def test_weights_about_labels_and_numbers_need_no_sql(street: MemorySource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "compile_relation", unwanted)
    text = "select * where num >= 0 sample by max_weight(contains(categories, 'car'): 5, true: 1) replace false"
    found = engine.run(street, text, seed=1).rows
    assert found is not None and sorted(found.tolist()) == [0, 1, 3, 4, 5, 6, 7]


def unwanted(*_: object) -> Any:
    raise AssertionError("this is no work for SQL")
