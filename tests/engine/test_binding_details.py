"""What the binder decides in small: types, hints, which reading a query gets. Mutants that lived asked for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lakebed.storage.schema import TensorSpec
from lakebed.tql import parse
from lakebed.tql.bind import bind
from lakebed.tql.catalogue import FUNCTIONS
from lakebed.tql.coerce import suggest
from lakebed.tql.errors import TQLError
from lakebed.tql.habits import FUNCTIONS as HABITS

import lakebed
from lakebed import engine
from lakebed.engine.schema import schema_of
from memory_source import MemorySource

VALUES: list[tuple[str, list[Any]]] = [
    # CAST: text that is no number is NULL, JSON strings lose their quotes, fractions are cut, also behind a minus.
    ("cast(text as int)", [None] * 8),
    ("cast(text as float)", [None] * 8),
    ("cast(meta['b']['c'] as text)", [None] * 4 + ["x"] + [None] * 3),
    ("cast(meta['a'] as text)", ["4", "4"] + [None] * 4 + ["5.5", None]),
    ("cast(-(score * 3) as int)", [0, -1, None, None, -3, -6, -9, 3]),
    ("cast(num as bool)", [True, True, None, True, True, True, True, False]),
    # The types of results: whole numbers stay whole.
    ("nullif(num, 7.0)", [3, 1, None, 2, 5, None, None, 0]),
    ("sum(grid, 0)[0]", [3, 5, 7, 9, 11, 13, 15, 0]),
    ("max_weight(true: 1, num > 2: 2)", [2.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0]),
    ("sum_weight(true: 1, num > 2: 2)", [3.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 1.0]),
    ("shape(array[])[0]", [0] * 8),
    ("shape(text)", [[1]] * 8),
    ("shape(num)", [[]] * 8),
    ("box_width(boxes)[0]", [0.0, 10.0, None, 30.0, 40.0, None, 60.0, 70.0]),
    ("box_height(boxes)[0]", [5.0, 5.0, None, 5.0, 5.0, None, 5.0, 5.0]),
]  # fmt: skip


@pytest.mark.parametrize(("item", "expected"), VALUES)
def test_values(item: str, expected: list[Any], street: MemorySource) -> None:
    computed = engine.run(street, f"select {item} as x").computed
    assert computed is not None
    assert repr(computed.column("x").to_pylist()) == repr(expected)


ROWS: list[tuple[str, list[int]]] = [
    # A number in JSON equals a number, and never a boolean.
    ("select * where contains(meta['l'], 1)", [0]),
    ("select * where contains(meta['l'], 1.0)", [0]),
    ("select * where contains(meta['l'], true)", []),
    # An element that cannot be converted is NULL, and so is what is not known because of it.
    ("select * where not any(cast(tags as int) = 1)", [2, 3, 5]),
    ("select * where not all(cast(tags as int) = 1)", []),
    ("select * where all(cast(tags as int) = 1)", [2, 3, 5]),
    # The dataset that is asked has a name.
    ("select * from dataset where num = 3", [0]),
    ("select * from dataset as d where d.num = 3", [0]),
    ("select dataset.num from dataset where num = 3", [0]),
    ("with dataset as (select * where num > 5) select * from dataset", [5, 6]),
    # A class name may stand on either side of IN.
    ("select * where 'truck' in (categories[0], categories[1])", [4, 7]),
    # ANY and ALL are true or false, and 1 or 0.
    ("select * where 1 = any(num > 5)", [5, 6]),
    ("select * where any(num > 5) = flag", [1, 5, 6][:1]),
    # An array of the query beside one of the row: element by element.
    ("select * where any(emb = array[1, 2, 3])", [0, 1, 2, 3, 4, 5, 6, 7]),
    ("select * where all(emb = array[1, 2, 3])", [3]),
    # A pattern with a sign for one character alone.
    ("select * where contains(categories, 'b?s')", [1, 3]),
    ("select * where contains(categories, 'tr?*')", [4, 7]),
    ("select * where contains(categories, '*?r')", [0, 1, 6, 7]),
    # Numbers at the edge of what is allowed.
    ("select * where num = 7 expand by 0 1", [5, 6, 7]),
    ("select * where num = 7 expand by 1 0", [4, 5, 6]),
    ("select * limit 0 percent", []),
    ("select * limit 100 percent", [0, 1, 2, 3, 4, 5, 6, 7]),
]


@pytest.mark.parametrize(("query", "expected"), ROWS)
def test_rows(query: str, expected: list[int], rows: Callable[..., list[int]]) -> None:
    assert rows(query) == expected


REFUSED: list[tuple[str, str, str]] = [
    ("select sum(grid, num = 1) as x", "argument-type", "SUM takes"),
    ("select 1 + text as x", "not-a-number", "+ needs numbers, and this is text"),
    ("select * where text in (select num)", "not-comparable", "text cannot be compared with integer"),
    ("select l2_norm(tags) as x", "argument-type", "was given (text array (n,))"),
    ("select l2_norm(num) as x", "argument-type", "was given (integer)"),
    ("select dot(array[1, 2], array[1, 2, 3]) as x", "shape-mismatch", "arrays of shapes (2,) and (3,)"),
    ("select * where all(array[1] = array[])", "shape-mismatch", "arrays of shapes (1,) and (0,)"),
    ("select contains(emb, 'a') as x", "not-comparable", "cannot be compared with text"),
    ("select iou(boxes, 5) as x", "argument-type", "IOU works on boxes, and this is integer"),
    ("select iou(boxes, array[1, 2, 3]) as x", "argument-type", "IOU works on boxes, and this is integer array (3,)"),
    ("select nullif(num, 'a') as x", "not-comparable", "integer cannot be compared with text"),
    ("select * from (select num group by flag) ungroup by array[1, -1]", "bad-ungroup", "UNGROUP BY takes SPLIT"),
    ("select grid group by flag across space", "across-space", "does not join the arrays of 'grid'"),
    ("select * where num = ?", "missing-parameter", "the query has a parameter number 1, and 0 values were given"),
    ("select coalesce(num, score)", "missing-alias", "an expression over several columns needs a name"),
    ("select * limit -1 percent", "bad-limit", "a percentage is a known number from 0 to 100"),
    ("select emb + array[1, 2, 3] + array[1, 2] as x", "shape-mismatch", "arrays of shapes (3,) and (2,)"),
    ("select array[1, 2, 3] + emb + array[1, 2] as x", "shape-mismatch", "arrays of shapes (3,) and (2,)"),
    (
        "select * from (select boxes group by flag) where all(shape(boxes) = array[1, 2])",
        "shape-mismatch",
        "(3,) and (2,)",
    ),
    (
        "select * where num in (select categories)",
        "array-in-query",
        "in each row of its query, and this is class",
    ),
    ("select * where num in (select num group by flag)", "array-in-query", "and this is integer array (n,)"),
    ("select * where emb in (select num)", "array-in-query", "one value on its left, and this is float array (n,)"),
    ("select * where any(tags = array['x', 'y'])", "shape-mismatch", "arrays of shapes [1] and [2]"),
    ("select * where any(categories = array['car', 'bus'])", "shape-mismatch", "arrays of shapes [1] and [2]"),
    ("select * where all(shape(num) = array[1])", "shape-mismatch", "arrays of shapes (0,) and (1,)"),
    ("select * where all(shape(text) = array[1, 2])", "shape-mismatch", "arrays of shapes (1,) and (2,)"),
    ("select * limit 101 percent", "bad-limit", "a percentage is a known number from 0 to 100"),
    ("with t as (select * from t) select * from t", "unknown-dataset", "there is no source 't'"),
]


@pytest.mark.parametrize(("query", "kind", "message"), REFUSED)
def test_refusals(query: str, kind: str, message: str, street: MemorySource) -> None:
    with pytest.raises(TQLError) as caught:
        engine.run(street, query)
    assert (caught.value.kind, message in str(caught.value)) == (kind, True), str(caught.value)


def test_an_integer_has_64_bits(rows: Callable[..., list[int]]) -> None:
    assert rows("select * where num < ?", [2**63 - 1]) == rows("select * where num > ?", [-(2**63)])
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(TQLError) as caught:
            rows("select * where num < ?", [number])
        assert caught.value.kind == "overflow"


@pytest.mark.parametrize(
    ("condition", "given", "expected"),
    [
        ("num in (?)", [7, 3], [0, 5, 6]),
        ("num in (?, 1)", (7, 3), [0, 1, 5, 6]),
        ("num in (?)", np.array([7, 3]), [0, 5, 6]),
        ("num not in (?)", [7, 3], [1, 3, 4, 7]),
        ("num in (?)", [], []),
        ("num not in (?)", [], [0, 1, 3, 4, 5, 6, 7]),
        ("num + 1 in (?)", [8, 4], [0, 5, 6]),
        ("text in (?)", ["", "b"], [3, 7]),
        ("meta['a'] in (?)", [4, 5.5], [0, 6]),
        ("any(categories in (?))", ["bus", "truck"], [1, 3, 4, 7]),
        ("categories in (?)", ["bus", "truck"], [3, 4]),
        ("any(tags in (?))", ["z", "y"], [1, 4, 6]),
        ("all(emb in (?))", [1, 2, 5], [1, 2, 5]),
    ],
)
def test_a_list_may_be_given_to_in(
    condition: str, given: Any, expected: list[int], rows: Callable[..., list[int]]
) -> None:
    assert rows(f"select * where {condition}", [given]) == expected


def test_a_parameter_too_few_is_counted(rows: Callable[..., list[int]]) -> None:
    with pytest.raises(TQLError) as caught:
        rows("select * where num = ? or num = ?", [3])
    assert "a parameter number 2, and 1 values were given" in str(caught.value)


def test_nan_is_a_member_of_nothing(rows: Callable[..., list[int]]) -> None:
    for value in ("score", "score * 1"):  # in memory, and in SQL
        assert rows(f"select * where {value} in (?, ?)", [float("nan"), 1.0]) == [4]


@pytest.mark.parametrize(("count", "end"), [(10, "c8, c9"), (11, "c8, c9, and 1 more"), (12, "c8, c9, and 2 more")])
def test_ten_names_are_told_at_most(count: int, end: str) -> None:
    assert suggest("zzz", [f"c{number}" for number in range(count)], "things").endswith(end)


@pytest.mark.parametrize(("before", "after"), [(-1, 0), (0, -1)])
def test_a_window_has_no_negative_side(before: int, after: int, street: MemorySource) -> None:
    with pytest.raises(TQLError) as caught:
        engine.run(street, "select * expand by ? ?", [before, after])
    assert caught.value.kind == "bad-expand"


HINTS: list[tuple[str, str]] = [
    ("select images[0] as x", "read pixels after the query: view.images[i].numpy()"),
    ("select num[0] as x", ""),
    ("select * order by emb", "reduce it: order by max(x), or order by x[0]"),
    ("select * order by images", ""),
    ("select emb['a'] as x", "only JSON columns have text keys"),
    ("select emb[1.5] as x", ""),
    ("select * where categories like 'c*'", "contains(labels, 'trafic*') looks for class names by pattern"),
    ("select * where num like 'c*'", ""),
    ("select text, num order by 2 desc", "columns are named, not counted: ORDER BY num"),
    ('select num + 1 as "a b" order by flag, 1', 'columns are named, not counted: ORDER BY "a b"'),
    ("(select num) union (select num) order by 1", "columns are named, not counted: ORDER BY num"),
    ("select count(*) order by 1", "columns are named, not counted: ORDER BY count"),
    ("select * order by 'num'", "the name of a column stands without single quotes: ORDER BY num"),
    *(
        (f"select num, * order by {key}", "write the name of a column, or an expression of columns, after ORDER BY")
        for key in ("'nim'", "null", "0", "-1", "2", "12", "1 + 1")  # the second column is of pixels
    ),
    ("select flag as f, count(*) as n group by 1", "columns are named, not counted: GROUP BY f"),
    ("select flag, count(*) as n group by 'flag'", "the name of a column stands without single quotes: GROUP BY flag"),
    *(
        (
            f"select num, count(*) as n group by {key}",
            "write the name of a column, or an expression of columns, after GROUP BY",
        )
        for key in ("2", "'n'", "false", "null")
    ),
    ("select meta.a as x", "for a key of a JSON column write meta['key']"),
    ("select b.num from dataset as a", "the sources are a"),
    ("select * where num = any(array[7, 3])", "membership is x IN (1, 2, 3), or x IN (?) with a list"),
    ("select * where score > all(emb)", "membership is x IN (1, 2, 3), or x IN (?) with a list"),
    ("select row.num", "columns stand alone here: leave row. out"),
    ("select * where ifnull(num, 0) = 0", "write COALESCE(x, y)"),
    ("select * where len(text) = 3", "write LENGTH(text), COUNT(array) or SHAPE(array)[0]"),
    ("select text + 'a' as x", "texts are joined with ||; cast(x as float) turns text and JSON into numbers"),
    ("select meta + 1 as x", "cast(x as float) turns text and JSON into numbers"),
    ("select emb[0] - text as x", "cast(x as float) turns text and JSON into numbers"),
    ("select num from dataset a join dataset b on a.num = b.num", "write which one: a.num or b.num"),
    ("select numm", "did you mean 'num'?"),
    (
        "select a.zzz from (select num) as a",
        "the columns are num; a value that is text stands in single quotes: 'zzz'",
    ),
    ("with cars as (select *) select * from crs", "did you mean 'cars'?"),
    ("select * from crs", "leave FROM out, or ask lakebed.query(...)"),
]


@pytest.mark.parametrize(("query", "hint"), HINTS)
def test_hints(query: str, hint: str, street: MemorySource) -> None:
    with pytest.raises(TQLError) as caught:
        engine.run(street, query)
    assert caught.value.hint == hint


def test_true_groups_all_rows(street: MemorySource) -> None:
    found = engine.run(street, "select sum(num) as s, count(*) as n group by true").computed
    assert found is not None and found.to_pydict() == {"s": [25], "n": [8]}


@pytest.mark.parametrize("clause", ["order by split", "group by split", "group by split, flag"])
def test_a_constant_column_may_be_a_key(clause: str, street: MemorySource) -> None:
    found = engine.run(street, f"select 'train' as split, num + 0 as n {clause}").computed
    assert found is not None and set(found.column("split").to_pylist()) == {"train"}


def test_groups_are_sorted_by_what_select_does_not_show(street: MemorySource) -> None:
    found = engine.run(street, "select count(*) as n group by flag order by max(num) desc").computed
    assert found is not None and found.to_pydict() == {"n": [3, 4, 1]}


@pytest.mark.parametrize("across", ["", "across time", "across space"])
def test_single_values_of_a_group_are_a_list_across_whatever(across: str, street: MemorySource) -> None:
    found = engine.run(street, f"select num + 0 as n group by flag {across}").computed
    assert found is not None and found.to_pydict() == {"n": [[3, 2, 5, 0], [1, 7, 7], [None]]}


def test_the_star_of_a_source_is_its_columns(street: MemorySource) -> None:
    found = engine.run(street, "select b.* from dataset a join (select num as k, text) as b on a.num = b.k")
    assert [column.name for column in found.columns] == ["k", "text"]


def test_columns_of_one_name_are_counted_from_one(street: MemorySource) -> None:
    joined = "dataset a join dataset b on a.num = b.num join dataset c on a.num = c.num"
    found = engine.run(street, f"select a.num, b.num, c.num from {joined} where a.num = 3")
    assert [column.name for column in found.columns] == ["num", "num_1", "num_2"]


def test_no_function_of_ours_is_called_foreign() -> None:
    assert not set(HABITS) & set(FUNCTIONS)


def test_a_quoted_dataset_is_a_path(street: MemorySource) -> None:
    paths: list[str] = []

    def resolve(path: str, version: str | None) -> MemorySource:
        paths.append(path)
        return street

    engine.run(street, 'select * from "dataset"', resolve=resolve)
    assert paths == ["dataset"]


def test_a_dataset_joins_itself(street: MemorySource) -> None:
    query = "select count(*) from dataset a join dataset b on a.num = b.num"
    computed = engine.run(street, query).computed
    assert computed is not None and computed.to_pydict() == {"count": [9]}


def test_an_element_of_a_group_of_single_values_is_that_of_one_row(street: MemorySource) -> None:
    computed = engine.run(street, "select flag, num[0] as x group by flag").computed
    assert computed is not None
    assert computed.to_pydict() == {"x": [3, 1, None]}


def test_text_in_json_of_a_group_is_null_where_it_is_no_text(street: MemorySource) -> None:
    computed = engine.run(street, "select flag, not any(meta like 'z*') as x group by flag").computed
    assert computed is not None
    assert computed.to_pydict() == {"x": [None, None, None]}


def test_a_sequence_of_boxes_is_not_the_one_box_of_iou() -> None:
    ds = lakebed.empty("mem://iou", overwrite=True)
    with ds:
        ds.create_tensor("tracks", htype="sequence[bbox]")
        ds.append({"tracks": [np.ones((2, 4), np.float32)]})
    with pytest.raises(TQLError) as caught:
        ds.query("select iou(tracks, tracks) as x")
    assert caught.value.kind == "argument-type" and "IOU works on boxes" in str(caught.value)


def test_a_label_without_a_class_has_no_name() -> None:
    table = pa.table({"labels": pa.array([[0], [0, 7], []], pa.list_(pa.uint32()))})
    spec = TensorSpec("labels", "labels", "class_label", dtype="uint32", ndim=1)
    source = MemorySource([spec], table, {"labels": {"class_names": ["car", "bus"]}})
    found = engine.run(source, "select * where not any(cast(labels as text) = 'bus')").rows
    assert found is not None and found.tolist() == [0, 2]


def test_using_two_columns_compares_both(street: MemorySource) -> None:
    query = "select count(*) from (select num, flag) as a join (select num, not flag as flag) as b using (num, flag)"
    computed = engine.run(street, query).computed
    assert computed is not None and computed.to_pydict() == {"count": [0]}


def test_the_first_branch_gives_the_order_of_the_columns(street: MemorySource) -> None:
    text = 'select text, num from "a" where num = 3 union select num, text from "b" where num = 1'
    computed = engine.run(None, text, resolve=lambda path, version: street).computed
    assert computed is not None
    assert list(computed.to_pydict().items()) == [("text", ["héllo", "apple pie"]), ("num", [3, 1])]


def test_renamed_columns_of_branches_are_sorted_and_shown(street: MemorySource) -> None:
    text = "(select num as n, text where num > 5) union (select num as n, text where num < 2) order by n + 1, text desc"
    found = engine.run(street, text)
    assert found.rows is not None and found.rows.tolist() == [7, 1, 5, 6]
    assert [column.name for column in found.columns] == ["n", "text"]


def test_computed_columns_of_branches_are_sorted_and_shown(street: MemorySource) -> None:
    text = "(select num + 1 as m where num > 5) union (select num + 1 as m where num < 2) order by m"
    found = engine.run(street, text)
    assert found.rows is not None and found.rows.tolist() == [7, 1, 5, 6]
    assert found.computed is not None and found.computed.to_pydict() == {"m": [1, 2, 8, 8]}


def test_a_union_of_thousands_of_branches_is_bound(street: MemorySource) -> None:
    tree = parse("select *" + " union select *" * 3_000)
    assert bind(tree, schema_of(street)).query.fields
