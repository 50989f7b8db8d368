"""Columns that a query computes: their names, values, and the functions they call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lakebed.tql import register_function
from lakebed.tql.errors import TQLError, TQLNameError, TQLTypeError, TQLUnsupportedError
from lakebed.tql.functions import REGISTERED

from lakebed import engine
from memory_source import MemorySource

ITEMS: dict[str, Any] = {
    "num + 1 as x": [4, 2, None, 3, 6, 8, 8, 1],
    "num / 2 as x": [1.5, 0.5, None, 1.0, 2.5, 3.5, 3.5, 0.0],
    "-num // 2 as x": [-2, -1, None, -1, -3, -4, -4, 0],
    "-num % 4 as x": [1, 3, None, 2, 3, 1, 1, 0],
    "num % 0 as x": [None] * 8,
    "num / 0 as x": [math.inf, math.inf, None, math.inf, math.inf, math.inf, math.inf, math.nan],
    "num ^ 2 as x": [9, 1, None, 4, 25, 49, 49, 0],
    "num > 2 as x": [True, False, None, False, True, True, True, False],
    "'a' as x": ["a"] * 8,
    "array[1, 2] as x": [[1, 2]] * 8,
    "boxes[:, 2] as x": [[0], [10, 11], [], [30, 31], [40], [], [60, 61], [70, 71]],
    "boxes[0, 2:] as x": [[0, 5], [10, 5], [], [30, 5], [40, 5], [], [60, 5], [70, 5]],
    "boxes[::-1, 2] as x": [[0], [11, 10], [], [31, 30], [40], [], [61, 60], [71, 70]],
    "emb[-1] as x": [0, 1, 2, 3, 4, 5, 6, 7],
    "emb[num] as x": [None, 2.0, None, 3.0, None, None, None, 1.0],
    "grid[1] as x": [[3, 4, 5], [4, 5, 6], [5, 6, 7], [6, 7, 8], [7, 8, 9], [8, 9, 10], [9, 10, 11], []],
    "grid[:, 1] as x": [[1, 4], [2, 5], [3, 6], [4, 7], [5, 8], [6, 9], [7, 10], []],
    "grid[0:1, 1:] + 1 as x": [[[2, 3]], [[3, 4]], [[4, 5]], [[5, 6]], [[6, 7]], [[7, 8]], [[8, 9]], []],
    "shape(grid) as x": [[2, 3]] * 7 + [[0, 3]],
    "shape(categories) as x": [[1], [2], [0], [2], [1], [0], [2], [2]],
    "shape(text) as x": [[1]] * 8,
    "sum(categories) as x": [0, 1, 0, 2, 2, 0, 0, 2],
    "prod(emb) as x": [0, 2, 4, 6, 8, 10, 12, 14],
    "avg(categories) as x": [0, 0.5, None, 1, 2, None, 0, 1],
    "std(emb[:2]) as x": [0.5] * 8,
    "median(grid) as x": [2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, None],
    "max(boxes) as x": [5, 11, None, 31, 40, None, 61, 71],
    "amin(boxes) as x": [0, 1, None, 3, 4, None, 5, 5],
    "count(boxes) as x": [4, 8, 0, 8, 4, 0, 8, 8],
    "nonzero(categories) as x": [[], [1], [], [0, 1], [0], [], [], [0]],
    "any(boxes > 60, 1) as x": [[False], [False, False], [], [False, False], [False], [], [False, True], [True, True]],
    "all(grid > 2, 0) as x": [
        [False, False, False],
        [False, False, True],
        [False, True, True],
        *[[True, True, True]] * 5,
    ],
    "l1_norm(emb) as x": [3, 4, 5, 6, 7, 8, 9, 10],
    "linf_norm(emb - array[0, 0, 4]) as x": [4, 3, 2, 2, 2, 2, 2, 3],
    "l2_norm(emb - data(emb, 2)) as x": [2, 1, 0, 1, 2, 3, 4, 5],
    "l2_norm(boxes) is null as x": [False, False, True, False, False, True, False, False],
    "dot(emb, array[1, 1, 1]) as x": [3, 4, 5, 6, 7, 8, 9, 10],
    "cosine_similarity(emb, array[0, 0, 1]) < 1 as x": [True] * 8,
    "hamming_distance(emb, array[1, 2, 3]) as x": [1, 1, 1, 0, 1, 1, 1, 1],
    "maxsim(grid, array[array[0, 0, 1]]) as x": [5, 6, 7, 8, 9, 10, 11, None],
    "box_width(boxes) as x": [[0], [10, 11], [], [30, 31], [40], [], [60, 61], [70, 71]],
    "box_area(boxes) as x": [[0], [50, 55], [], [150, 155], [200], [], [300, 305], [350, 355]],
    "iou(boxes, array[1, 1, 10, 5]) as x": [
        *[[0], [1, 50 / 55], [], [24 / 176, 24 / 181]],
        *[[14 / 236], [], [0, 0], [0, 0]],
    ],
    "abs(num - 4) as x": [1, 3, None, 2, 1, 3, 3, 4],
    "round(score) as x": [0, 0, math.nan, None, 1, 2, 3, -1],
    "sqrt(score) >= 0 as x": [True, True, False, None, True, True, True, False],
    "floor(score) + ceil(score) as x": [1, 1, math.nan, None, 2, 4, 6, -2],
    "ln(exp(num)) as x": [3, 1, None, 2, 5, 7, 7, 0],
    "upper(text) as x": ["HÉLLO", "APPLE PIE", None, "", "APPLE", "X_Y", "(A)", "B"],
    "length(text) as x": [5, 9, None, 0, 5, 3, 3, 1],
    "concat(text, '-', 'z') as x": ["héllo-z", "apple pie-z", None, "-z", "Apple-z", "x_y-z", "(a)-z", "b-z"],
    "substr(text, 2, 2) as x": ["él", "pp", None, "", "pp", "_y", "a)", ""],
    "replace(text, 'p', 'q') as x": ["héllo", "aqqle qie", None, "", "Aqqle", "x_y", "(a)", "b"],
    "regexp_matches(text, '^[aA]') as x": [False, True, None, False, True, False, False, False],
    "case when num > 3 then 'big' when num > 1 then 'mid' else 'small' end as x": [
        *["mid", "small", "small", "mid"],
        *["big", "big", "big", "small"],
    ],
    "case num when 7 then 1 end as x": [None, None, None, None, None, 1, 1, None],
    "cast(categories as text) as x": [
        *[["car"], ["car", "bus"], [], ["bus", "bus"]],
        *[["truck"], [], ["car", "car"], ["truck", "car"]],
    ],
    "cast(num as text) as x": ["3", "1", None, "2", "5", "7", "7", "0"],
    "cast(score as int) as x": [0, 0, None, None, 1, 2, 3, -1],
    "cast(meta['a'] as int) as x": [4, 4, None, None, None, None, 5, None],
    "coalesce(num, -1) as x": [3, 1, -1, 2, 5, 7, 7, 0],
    "nullif(num, 7) as x": [3, 1, None, 2, 5, None, None, 0],
    "keys(meta) as x": [["a", "l"], ["a"], [], [], ["b"], ["a"], ["a"], []],
    "meta['l'][0] as x": [1, None, None, None, None, None, None, None],
    "link_url(images) as x": [f"s3://bucket/{i}.jpg" for i in range(8)],
    "sample_info(images)['format'] as x": ["jpeg"] * 8,
    "height(images) as x": [480] * 7 + [None],
    "row_id() as x": list(range(100, 108)),
}  # fmt: skip


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=1e-9) or (math.isnan(expected) and math.isnan(found))
    return bool(found == expected) and (found is None) == (expected is None)


@pytest.mark.parametrize("item", ITEMS)
def test_a_computed_column_has_its_value_in_every_row(item: str, street: MemorySource) -> None:
    result = engine.run(street, f"select {item}")
    assert result.rows is not None and list(result.rows) == list(range(8))
    assert result.computed is not None
    found = result.computed.column("x").to_pylist()
    assert same(found, ITEMS[item]), found


def test_an_expression_over_one_column_keeps_its_name(street: MemorySource) -> None:
    result = engine.run(street, "select num + 1, meta['a'] where num = 3")
    assert [c.name for c in result.columns] == ["num", "meta"]
    assert [c.tensor for c in result.columns] == [None, None]


def test_plain_columns_stay_tensors_and_labels_keep_their_class_names(street: MemorySource) -> None:
    result = engine.run(street, "select categories, boxes as b, max(categories) as top limit 1")
    assert [(c.name, c.tensor) for c in result.columns] == [("categories", "categories"), ("b", "boxes"), ("top", None)]
    assert result.columns[2].class_names == ("car", "bus", "truck", "traffic light")
    assert result.computed is not None and result.computed.column_names == ["top"]


def test_an_expression_over_several_columns_needs_a_name(street: MemorySource) -> None:
    with pytest.raises(TQLNameError, match="several columns needs a name"):
        engine.run(street, "select num + score")


def test_two_columns_that_as_gave_one_name_are_refused(street: MemorySource) -> None:
    for items in ("num as b, score as b", "num, score as num", "score as num, num"):
        with pytest.raises(TQLNameError, match="two result columns are called"):
            engine.run(street, f"select {items}")


def test_columns_of_one_name_that_as_gave_to_none_are_numbered(street: MemorySource) -> None:
    result = engine.run(street, "select num, num + 1, score as num_1, num * 2, num order by num_2 limit 1")
    assert [column.name for column in result.columns] == ["num", "num_2", "num_1", "num_3"]


def test_row_number_counts_the_result(street: MemorySource) -> None:
    result = engine.run(street, "select row_number() as n, num where num > 2 order by num desc limit 3")
    assert result.rows is not None and list(result.rows) == [5, 6, 4]
    assert result.computed is not None and result.computed.column("n").to_pylist() == [0, 1, 2]


def test_random_numbers_of_one_row_tell_nothing_about_those_of_another(street: MemorySource) -> None:
    """As bits they differ neither by the same bits from row to row, nor from seed to seed."""
    runs = [engine.run(street, "select random() as a, random() as b", seed=seed).computed for seed in range(3)]
    tables = [np.array([run.column(name).to_numpy() for name in "ab"]) for run in runs if run is not None]
    assert len({a ^ b for a, b in tables[0].T.tolist()}) == 8
    assert len(set((tables[1] ^ tables[2]).ravel().tolist())) == 16
    assert len({tuple(first_three(street, seed)) for seed in range(40)}) == 6


def first_three(street: MemorySource, seed: int) -> list[int]:
    rows = engine.run(street, "select * where row_number() < 3 order by random()", seed=seed).rows
    assert rows is not None
    found: list[int] = rows.tolist()
    return found


def test_random_is_another_number_for_each_row_and_repeats_with_its_seed(street: MemorySource) -> None:
    text = "select random() as r"
    first, again, other = (engine.run(street, text, seed=seed).computed for seed in (1, 1, 2))
    assert first is not None and first == again and first != other
    assert len(set(first.column("r").to_pylist())) == 8


def test_bm25_ranks_texts_by_the_words_of_a_search(street: MemorySource) -> None:
    result = engine.run(street, "select bm25_similarity(text, 'Apple pie') as s order by s desc limit 3")
    assert result.rows is not None and list(result.rows) == [1, 4, 0]
    assert result.computed is not None
    best, second, none = result.computed.column("s").to_pylist()
    assert best > second > none == 0


def test_row_ids_belong_to_rows(street: MemorySource) -> None:
    with pytest.raises(TQLUnsupportedError, match="ROW_ID"):
        engine.run(street, "select flag, row_id() as i group by flag")


def test_parameters_stand_for_values(street: MemorySource) -> None:
    by_place = engine.run(street, "select * where num = ? or text = ?", [3, "b"])
    by_name = engine.run(street, "select * where num = :n or text = :t", {"n": 3, "t": "b"})
    assert by_place.rows is not None and by_name.rows is not None
    assert list(by_place.rows) == list(by_name.rows) == [0, 7]


def test_a_missing_parameter_is_named(street: MemorySource) -> None:
    with pytest.raises(TQLNameError, match="no value was given for :n"):
        engine.run(street, "select * where num = :n", {"m": 3})


def test_a_registered_function_runs_on_each_row(street: MemorySource) -> None:
    register_function(lambda boxes: float(boxes[:, 2].sum()), name="total_width")
    try:
        result = engine.run(street, "select total_width(boxes) as w where total_width(boxes) > 60")
    finally:
        del REGISTERED["TOTAL_WIDTH"]
    assert result.rows is not None and list(result.rows) == [3, 6, 7]
    assert result.computed is not None and result.computed.column("w").to_pylist() == [61, 121, 141]


def test_a_function_is_registered_under_a_free_name_and_a_known_type() -> None:
    with pytest.raises(TQLNameError, match="COUNT is a built-in function"):
        register_function(len, name="count")
    with pytest.raises(TQLNameError, match="cannot be the name"):
        register_function(lambda x: x)
    with pytest.raises(TQLTypeError, match="cannot return 'int'"):
        register_function(len, name="own_length", returns="int")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("select upper(num) as x", TQLTypeError, r"UPPER takes \(text\), and was given \(integer\)"),
        ("select boxes[1, 2, 3] as x", TQLTypeError, "3 subscripts were given"),
        ("select nope(num) as x", TQLNameError, "there is no function NOPE"),
        ("select * where boxes = categories", TQLTypeError, r"shapes \(n, 4\) and \(n,\)"),
        ("select sqrt(num, 2) as x", TQLTypeError, "SQRT takes 1 arguments, and 2 were given"),
        ("select images + 1", TQLTypeError, r"\+ needs numbers, and this is image"),
        ("select * order by boxes", TQLTypeError, "ORDER BY needs one value per row"),
        ("select data(num, 99) as x", TQLTypeError, "row 99 is not among the 8 rows"),
        ("select num * 9223372036854775807 as x", TQLTypeError, "does not fit in 64 bits"),
        ("select * limit num", TQLTypeError, "LIMIT needs a known whole number"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(text: str, error: type, message: str, street: MemorySource) -> None:
    with pytest.raises(error, match=message):
        engine.run(street, text)


def test_a_cell_of_one_number_is_a_weight_and_one_of_several_is_not(rows: Callable[..., list[int]]) -> None:
    drawn = rows("select * where count(categories) = 1 sample by categories", seed=1)
    assert drawn == [4, 4]
    with pytest.raises(TQLTypeError, match="a cell holds several numbers"):
        rows("select * sample by categories")


AXES: dict[str, Any] = {
    "sum(grid, axis=0)": [3, 5, 7],
    "sum(grid, axis = 1)": [3, 12],
    "avg(grid, -1)": [1.0, 4.0],
    "min(grid, axis=-2)": [0, 1, 2],
    "max(boxes, 0)": [0.0, 0.0, 0.0, 5.0],
    "std(emb, axis=0)": 0.816496580927726,
    "shape(sum(grid, 0))": [3],
    "any(grid > 4, 1)": [False, True],
    "all(grid > 1, axis=0)": [False, False, True],
    "all_strict(grid > 1, axis=1)": [False, True],
    "any(grid > num, 1)": [False, True],
    "sum(grid[:, :2], axis=0) + 1": [4, 6],
}


@pytest.mark.parametrize("item", AXES)
def test_reductions_along_an_axis(item: str, street: MemorySource) -> None:
    result = engine.run(street, f"select {item} as x limit 1")
    assert result.computed is not None
    assert result.computed.column("x").to_pylist()[0] == pytest.approx(AXES[item])


def test_a_reduction_along_an_axis_is_null_where_null_decides(street: MemorySource) -> None:
    result = engine.run(
        street, "select any(grid > num, 0) as x, all(grid < 0 and grid > num, 0) as y where num is null"
    )
    assert result.computed is not None
    assert result.computed.to_pydict() == {"x": [[None, None, None]], "y": [[False, False, False]]}


@pytest.mark.parametrize(
    ("item", "hint"),
    [
        ("avg(grid, axis=2)", "its axes are 0 to 1, or -1 for the last"),
        ("avg(grid, axis=-3)", "its axes are 0 to 1, or -1 for the last"),
        ("avg(emb, axis = num)", "its axes are 0 to 0, or -1 for the last"),
        ("any(num > 1, 0)", "it has no axes"),
    ],
)
def test_an_axis_that_is_not_there_is_refused(item: str, hint: str, street: MemorySource) -> None:
    with pytest.raises(TQLTypeError) as raised:
        engine.run(street, f"select {item} as x")
    assert (raised.value.kind, raised.value.hint) == ("bad-axis", hint)


REPAIRED: dict[str, Any] = {
    "sum(flag)": [1, 0, 0, 1, 1, 0, 0, 1],
    "max(flag)": [True, False, None, True, True, False, False, True],
    "min(grid > 2)": [False, False, False, True, True, True, True, None],
    "sum(grid > 2, axis=1)": [[0, 3], [1, 3], [2, 3], [3, 3], [3, 3], [3, 3], [3, 3], []],
    "max(grid > 4, 0)": [[False, False, True], *[[False, True, True]], *[[True] * 3] * 5, [None] * 3],
    "cast('1.7' as int)": [1] * 8,
    "cast('-1.7' as int)": [-1] * 8,
    "cast('9223372036854775807' as int)": [2**63 - 1] * 8,
    "cast(meta['a'] as int)": [4, 4, None, None, None, None, 5, None],
    "meta['']": [None] * 8,
    "meta['*']": [None] * 8,
    'cast(\'{"": 1, "*": 2, "a": 3}\' as json)[\'\']': [1] * 8,
    'cast(\'{"": 1, "*": 2, "a": 3}\' as json)[\'*\']': [2] * 8,
    "cast('{\"a\": {\"*\": {\"b\": 4, \"\": 5}}}' as json)['a']['*']['b']": [4] * 8,
    "cast('{\"a\": {\"*\": {\"b\": 4, \"\": 5}}}' as json)['a']['*']['']": [5] * 8,
    "cast('{\"*\": {\"a\": {\"b\": 4}}}' as json)['*']['a']['b']": [4] * 8,
}


@pytest.mark.parametrize("item", REPAIRED)
def test_values_that_once_were_wrong(item: str, street: MemorySource) -> None:
    result = engine.run(street, f"select {item} as x")
    assert result.computed is not None
    assert result.computed.column("x").to_pylist() == REPAIRED[item]


def test_a_registered_function_gives_vectors_and_its_errors_are_told(street: MemorySource) -> None:
    own = dict(REGISTERED)
    register_function(lambda x: x * 2, "doubled", "float64[]")
    register_function(lambda x: 1 / 0, "broken")
    try:
        result = engine.run(street, "select doubled(emb) as x, doubled(emb)[2] as y where any(doubled(emb) > 11)")
        assert result.computed is not None
        assert result.computed.to_pydict() == {"x": [[2.0, 4.0, 12.0], [2.0, 4.0, 14.0]], "y": [12.0, 14.0]}
        with pytest.raises(
            TQLError, match="a registered function failed: ZeroDivisionError: division by zero"
        ) as raised:
            engine.run(street, "select broken(num) as x")
        assert raised.value.kind == "function-failed"
    finally:
        REGISTERED.clear()
        REGISTERED.update(own)


@pytest.mark.parametrize(
    ("query", "params", "kind", "hint"),
    [
        ("select * where regexp_matches(text, '(')", (), "bad-pattern", "REGEXP_MATCHES takes RE2's expressions"),
        ("select coalesce(meta['a'], 0) as x", (), "mixed-types", "cast(x as float) turns JSON into numbers"),
        ("select * where num = ?", (1, 2), "surplus-parameter", "one value for each ?"),
        ("select *", (1,), "surplus-parameter", "one value for each ?"),
    ],
)
def test_mistakes_have_a_kind_and_a_hint(query: str, params: Any, kind: str, hint: str, street: MemorySource) -> None:
    with pytest.raises(TQLError) as raised:
        engine.run(street, query, params)
    assert raised.value.kind == kind
    assert hint in raised.value.hint
