"""Groups, samples, windows, sub-queries, joins and set operations of computed rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from lakebed.tql.errors import TQLError, TQLTypeError, TQLUnsupportedError

import lakebed
from lakebed import engine
from lakebed.engine import QueryResult
from memory_source import MemorySource


def groups(result: QueryResult) -> list[list[int]]:
    assert result.rows is not None and result.offsets is not None
    ends = zip(result.offsets[:-1], result.offsets[1:], strict=True)
    return [[int(row) for row in result.rows[low:high]] for low, high in ends]


def values(result: QueryResult, name: str) -> list[Any]:
    assert result.computed is not None
    found: list[Any] = result.computed.column(name).to_pylist()
    return found


def picked(result: QueryResult) -> list[int]:
    assert result.rows is not None
    return [int(row) for row in result.rows]


# --- GROUP BY --------------------------------------------------------------------------------------------------------


def test_groups_are_sequences_in_order_of_first_appearance(street: MemorySource) -> None:
    result = engine.run(street, "select flag, num, boxes group by flag")
    assert groups(result) == [[0, 3, 4, 7], [1, 5, 6], [2]]
    assert [(c.name, c.tensor, c.grouped) for c in result.columns] == [
        ("flag", "flag", False),
        ("num", "num", True),
        ("boxes", "boxes", True),
    ]


def test_reductions_work_on_the_whole_group(street: MemorySource) -> None:
    result = engine.run(
        street,
        "select flag, sum(num) as s, count(*) as n, max(boxes[:, 2]) as w, any(categories = 'bus') as b group by flag",
    )
    assert values(result, "s") == [10, 15, 0]
    assert values(result, "n") == [4, 3, 1]
    assert values(result, "w") == [71, 61, None]
    assert values(result, "b") == [True, True, False]


def test_having_order_and_limit_apply_to_groups(street: MemorySource) -> None:
    text = "select flag, sum(num) as s group by flag having count(*) > 1 order by s desc limit 1"
    assert groups(engine.run(street, text)) == [[1, 5, 6]]


def test_groups_can_be_filtered_by_an_outer_query(street: MemorySource) -> None:
    assert groups(engine.run(street, "select * from (select flag, num group by flag) where any(num > 6)")) == [
        [1, 5, 6]
    ]


def test_ungroup_by_split_undoes_group_by(street: MemorySource) -> None:
    result = engine.run(street, "select * from (select * group by flag) ungroup by split")
    assert picked(result) == [0, 3, 4, 7, 1, 5, 6, 2]
    assert values(result, "frame_number") == [0, 1, 2, 3, 0, 1, 2, 0]
    again = engine.run(
        street,
        "select num from (select num, flag from (select num, flag group by flag) ungroup by split) where num > 4",
    )
    assert picked(again) == [4, 5, 6]


def test_ungroup_by_a_number_makes_shorter_sequences(street: MemorySource) -> None:
    grouped = "select num, flag from (select num, flag group by flag)"
    assert groups(engine.run(street, f"{grouped} ungroup by 3")) == [[0, 3, 4], [7], [1, 5, 6], [2]]
    assert groups(engine.run(street, f"{grouped} ungroup by array[1, 2]")) == [[0], [3, 4], [7], [1], [5, 6], [2]]


def test_ungroup_without_sequences_is_refused(street: MemorySource) -> None:
    with pytest.raises(TQLTypeError, match="UNGROUP BY needs columns of sequences"):
        engine.run(street, "select num ungroup by split")


def test_across_space_the_arrays_of_a_group_are_one(street: MemorySource) -> None:
    result = engine.run(street, "select flag, boxes, categories as c, emb, num, tags group by flag across space")
    assert groups(result) == [[0, 3, 4, 7], [1, 5, 6], [2]]
    assert values(result, "c") == [[0, 1, 1, 2, 2, 0], [0, 1, 0, 0], []]
    assert values(result, "boxes")[1:] == [[[1, 1, 10, 5], [1, 1, 11, 5], [6, 6, 60, 5], [6, 6, 61, 5]], []]
    assert values(result, "emb")[1:] == [[1, 2, 1, 1, 2, 5, 1, 2, 6], [1, 2, 2]]
    assert values(result, "tags") == [["x", "y", "x"], ["x", "y", "z"], []]
    assert [column.name for column in result.columns if column.tensor and column.grouped] == ["num"]


def test_what_space_joined_is_an_array_like_others(street: MemorySource) -> None:
    joined = "(select flag, boxes as b, categories as c group by flag having count(*) > 1 across space)"
    assert groups(engine.run(street, f"select * from {joined} where b[-1, 2] = 61")) == [[1, 5, 6]]
    result = engine.run(street, f"select shape(b) as s, b[1:3, 2] as w, any(c = 'truck') as t from {joined}")
    assert values(result, "s") == [[6, 4], [4, 4]]
    assert values(result, "w") == [[30, 31], [11, 60]]
    assert values(result, "t") == [True, False]
    ordered = "select categories as c group by flag across space order by count(c), c[0]"
    assert groups(engine.run(street, ordered)) == [[2], [1, 5, 6], [0, 3, 4, 7]]


@pytest.mark.parametrize("item", ["grid", "images", "*", "boxes * 2 as b"])
def test_arrays_that_may_not_fit_are_not_joined(item: str, street: MemorySource) -> None:
    with pytest.raises(TQLUnsupportedError, match="ACROSS SPACE does not join the arrays of") as caught:
        engine.run(street, f"select {item} group by flag across space")
    assert "write ACROSS TIME" in caught.value.hint


# --- DISTINCT, COUNT, EXPAND -----------------------------------------------------------------------------------------


def test_distinct_keeps_the_first_of_equal_rows(street: MemorySource) -> None:
    assert picked(engine.run(street, "select distinct flag")) == [0, 1, 2]
    assert picked(engine.run(street, "select distinct num > 2 as big")) == [0, 1, 2]
    assert picked(engine.run(street, "select distinct on (flag) * order by num desc")) == [5, 4, 2]
    assert picked(engine.run(street, "select distinct categories")) == [0, 1, 2, 3, 4, 6, 7]


def test_count_star_is_one_number(street: MemorySource) -> None:
    result = engine.run(street, "select count(*) where contains(categories, 'car')")
    assert result.rows is None and len(result) == 1
    assert values(result, "count") == [4]


def test_expand_by_adds_the_rows_around_each_hit(street: MemorySource) -> None:
    assert picked(engine.run(street, "select * where num = 7 expand by 1 1")) == [4, 5, 6, 7]
    assert picked(engine.run(street, "select * where num = 3 or num = 5 expand by 1")) == [0, 3, 4]
    result = engine.run(street, "select * where num = 7 expand by 1 1 overlap true as w")
    assert picked(result) == [4, 5, 6, 5, 6, 7]
    assert values(result, "w") == [0, 0, 0, 1, 1, 1]


# --- SAMPLE BY -------------------------------------------------------------------------------------------------------


def test_samples_follow_the_weights(street: MemorySource) -> None:
    text = "select * sample by max_weight(num = 7: 3, num = 3: 2, num = 0: 0) limit 4000"
    drawn = Counter(picked(engine.run(street, text, seed=5)))
    assert set(drawn) == {0, 5, 6}
    assert drawn[0] / 4000 == pytest.approx(2 / 8, abs=0.03)
    assert drawn[5] / 4000 == pytest.approx(3 / 8, abs=0.03)


def test_without_replacement_no_row_comes_twice_and_zero_weights_never(street: MemorySource) -> None:
    rows = picked(
        engine.run(street, "select * sample by sum_weight(flag: 1, num > 2: 1) replace false limit 100", seed=1)
    )
    assert sorted(rows) == [0, 3, 4, 5, 6, 7]


def test_a_seed_repeats_a_sample(street: MemorySource) -> None:
    text = "select * sample by 1 limit 20"
    assert picked(engine.run(street, text, seed=1)) == picked(engine.run(street, text, seed=1))
    assert picked(engine.run(street, text, seed=1)) != picked(engine.run(street, text, seed=2))


@pytest.mark.parametrize(
    ("weight", "reason"),
    [("num - 3", "a weight is negative"), ("0", "every weight is zero"), ("1 / 0", "a weight is not a finite number")],
)
def test_weights_that_cannot_be_drawn_by_are_an_error(weight: str, reason: str, street: MemorySource) -> None:
    with pytest.raises(TQLTypeError, match=reason):
        engine.run(street, f"select * sample by {weight}")


# --- sub-queries and joins -------------------------------------------------------------------------------------------


def test_sub_queries(street: MemorySource) -> None:
    assert picked(engine.run(street, "select * where num in (select num where flag)")) == [0, 3, 4, 7]
    assert picked(engine.run(street, "select num where exists (select * where num > 100)")) == []
    assert picked(engine.run(street, "with t as (select * where num > 2) select * from t where flag")) == [0, 4]
    correlated = "select * where exists (select * from (select num as m) where m = num + 2)"
    assert picked(engine.run(street, correlated)) == [0, 1, 4, 7]
    inner = "select num * 2 as d, * where flag"
    assert picked(engine.run(street, f"select * from ({inner}) where contains(categories, 'bus') and d > 1")) == [3]


def test_joins_match_rows_by_any_condition(street: MemorySource) -> None:
    left, right = "(select num, text where num > 4) as a", "(select num, text as other where flag) as b"
    result = engine.run(street, f"select a.num, b.other from {left} join {right} on a.num = b.num + 2")
    assert result.rows is None
    assert values(result, "num") == [5, 7, 7] and values(result, "other") == ["héllo", "Apple", "Apple"]
    outer = engine.run(street, f"select a.num as n, b.num as m from {left} left join {right} on a.num = b.num")
    assert values(outer, "n") == [5, 7, 7] and values(outer, "m") == [5, None, None]
    crossed = engine.run(street, f"select a.num as n, b.num as m from {left}, {right}")
    assert len(crossed) == 12


def test_set_operations_of_computed_rows_compare_rows(street: MemorySource) -> None:
    big, small = "(select num * 2 as d where num > 2)", "(select num * 2 as d where num < 6)"
    assert picked(engine.run(street, f"{big} union {small}")) == [0, 4, 5, 6, 1, 3, 7]
    assert values(engine.run(street, f"{big} union all {small}"), "d") == [6, 10, 14, 14, 6, 2, 4, 10, 0]
    assert picked(engine.run(street, f"{big} intersect {small}")) == [0, 4]
    assert picked(engine.run(street, f"{big} except {small}")) == [5, 6]
    assert picked(engine.run(street, f"{big} union {small} order by num desc limit 2")) == [5, 6]


BRANCHES: list[tuple[str, list[Any]]] = [
    # One name for two columns of the dataset: each branch shows its own.
    ("(select num as x) union all (select flag as x where num = 7)", [3, 1, None, 2, 5, 7, 7, 0, 0, 0]),
    ("(select num as x where num > 2) union (select emb[2] as x where flag)", [3, 5, 7, 7, 3, 7]),
    ("(select num as x where flag) intersect (select score as x where num > 1)", [3, 2, 5]),
    ("(select num as x where flag) except (select score as x where num > 1)", [0]),
    ("(select num as x where num > 4) union all (select score as x where num > 4)", [5, 7, 7, 1, 2, 3]),
    # The type is what the branches agree on.
    ("select x // 2 as x from (select num as x where num = 7 union all select score as x where num = 5)", [3, 3, 0]),
    ("select x / 2 as x from ((select null as x) union all (select num as x)) where x > 4", [2.5, 3.5, 3.5]),
    ("(select boxes as x where num = 1) union all (select grid as x where num = 1)",
     [[[1, 1, 10, 5], [1, 1, 11, 5]], [[1, 2, 3], [4, 5, 6]]]),
    ("(select null as x where num = 1) union all (select emb as x where num = 1)", [None, [1, 2, 1]]),
    ("(select categories as x where num = 5) union all (select emb as x where num = 5)", [[2], [1, 2, 4]]),
    ("select distinct x from ((select num as x) union all (select num % 2 as x)) order by x", [0, 1, 2, 3, 5, 7, None]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), BRANCHES)
def test_branches_may_show_other_things_under_one_name(query: str, expected: list[Any], street: MemorySource) -> None:
    assert values(engine.run(street, query), "x") == expected


@pytest.mark.parametrize(
    ("query", "kind", "message"),
    [
        (
            "(select num as x) union all (select emb as x)",
            "branch-columns",
            "'x' is integer in one branch and float array",
        ),
        ("(select emb as x) union all (select boxes as x)", "branch-columns", r"float array \(n, 4\) in another"),
        (
            "(select flag as x, num group by flag) union (select flag as x, emb as num)",
            "groups-and-rows",
            "UNION of groups",
        ),
        (
            "(select flag, boxes as x group by flag) union all (select flag, boxes * 2 as x group by flag)",
            "branch-columns",
            r"'x' is sequence of float array \(n, 4\) in one branch and array of float in another",
        ),
        ("(select count(*) as x group by flag) union (select num as x)", "groups-and-rows", "UNION of groups and rows"),
        ("(select num as x) except (select count(*) as x group by flag)", "groups-and-rows", "EXCEPT of groups"),
    ],
)
def test_branches_that_do_not_fit(query: str, kind: str, message: str, street: MemorySource) -> None:
    with pytest.raises(TQLError, match=message) as caught:
        engine.run(street, query)
    assert caught.value.kind == kind


def test_pieces_of_sequences_are_groups(street: MemorySource) -> None:
    pieces = "select num from (select num, flag group by flag) ungroup by 2"
    assert groups(engine.run(street, f"({pieces}) union all (select num group by flag having count(*) > 3)")) == [
        [0, 3], [4, 7], [1, 5], [6], [2], [0, 3, 4, 7]
    ]  # fmt: skip
    rows = "select num from (select num, flag group by flag) ungroup by split"
    assert picked(engine.run(street, f"({rows}) union all (select num limit 1)")) == [0, 3, 4, 7, 1, 5, 6, 2, 0]


def test_pixels_of_two_columns_do_not_become_one() -> None:
    ds = lakebed.empty("mem://two-images", overwrite=True)
    with ds:
        ds.create_tensor("left", htype="image", sample_compression="png")
        ds.create_tensor("right", htype="image", sample_compression="png")
    assert len(ds.query("(select left as x) union (select left as x)")) == 0
    with pytest.raises(TQLUnsupportedError, match="'x' is of pixels of different columns"):
        ds.query("(select left as x) union all (select right as x)")


def test_branches_need_the_same_columns(street: MemorySource) -> None:
    with pytest.raises(TQLTypeError, match="the column 'text' is in one branch and not in another"):
        engine.run(street, "(select num) union (select num, text)")


# --- several datasets ------------------------------------------------------------------------------------------------


def test_datasets_are_opened_by_path_and_joined(street: MemorySource) -> None:
    opened: list[tuple[str, str | None]] = []

    def resolve(path: str, version: str | None) -> MemorySource:
        opened.append((path, version))
        return street

    rows = engine.run(None, 'select * from "s3://a/b@main" where num > 5', resolve=resolve)
    assert picked(rows) == [5, 6] and opened == [("s3://a/b@main", None)]
    text = (
        'select a.num as n, b.images as i from "one" as a join "two" version \'v1\' as b on a.num = b.num '
        "where a.num = 3"
    )
    joined = engine.run(None, text, resolve=resolve)
    assert values(joined, "n") == [3] and values(joined, "i") == [{"dataset": 1, "row": 0}]
    both = engine.run(
        None,
        '(select num, boxes from "one" where num = 3) union (select num, boxes from "two" where num = 1)',
        resolve=resolve,
    )
    assert values(both, "num") == [3, 1]
    assert values(both, "boxes") == [[[0, 0, 0, 5]], [[1, 1, 10, 5], [1, 1, 11, 5]]]
    with pytest.raises(TQLUnsupportedError, match="INTERSECT of rows of different datasets"):
        engine.run(None, '(select num from "one") intersect (select num from "two")', resolve=resolve)


# --- the SQL dialect and EXPLAIN -------------------------------------------------------------------------------------


def test_the_sql_dialect_sees_the_same_columns(street: MemorySource) -> None:
    result = engine.run(
        street,
        "select _row, num * 2 as d from dataset where list_contains(categories, $1) order by d",
        [0],
        dialect="sql",
    )
    assert picked(result) == [7, 1, 0, 6] and values(result, "d") == [0, 2, 6, 14]


@pytest.mark.parametrize(
    "text",
    [
        "select * from 'secret.csv'",
        "select * from read_text('/etc/passwd')",
        "copy dataset to 'x.csv'",
        "attach 'x.db'",
        "install httpfs",
        "set threads = 1",
        "create table t as select 1",
        "select 1; select 2",
        "select * from street",
    ],
)
def test_the_sql_dialect_reaches_nothing_but_the_dataset(text: str, street: MemorySource) -> None:
    with pytest.raises(TQLError):
        engine.run(street, text, dialect="sql")


def test_explain_shows_plan_sql_and_estimate(street: MemorySource) -> None:
    labels = engine.explain(street, "select * where contains(categories, 'car') limit 2")
    assert "LabelTest" in labels.plan and labels.sql == () and labels.estimated_rows == 2
    computed = engine.explain(street, "select num + 1 as n where num + 1 > 2 order by n")
    assert "Sort" in computed.plan and "ORDER BY" in computed.sql[0]
    assert "estimated rows" in str(computed)
