"""Which queries need no SQL, what a scan is told about limits, and how conditions become tests."""

from __future__ import annotations

from typing import Any

import pytest
from lakebed.tql import parse
from lakebed.tql.bind import bind
from lakebed.tql.bound import Compare, Logic
from lakebed.tql.compile import compile_relation
from lakebed.tql.intervals import HIGHEST, LOWEST, complement, half_line, union
from lakebed.tql.plan import plan
from lakebed.tql.relations import CutTo, Filter, Scan, Sort
from lakebed.tql.row_tests import ElementTest, Joined, LabelTest, ScalarTest, SpanTest, SqlTest, TextTest
from lakebed.tql.rows import AllRows, CutRows, DrawRows, FilterRows, MergeRows, NearRows, SqlRows
from lakebed.tql.schema import ColumnInfo, DatasetSchema, Kind

SCHEMA = DatasetSchema(
    (
        ColumnInfo("labels", Kind.LABEL, "labels", "uint32", 1, class_names=("car", "bus", "truck")),
        ColumnInfo("boxes", Kind.BOX, "boxes", "float32", 2),
        ColumnInfo("num", Kind.SCALAR, "num", "int64", 0),
        ColumnInfo("text", Kind.TEXT, "text", "str"),
        ColumnInfo("vec", Kind.ARRAY, "vec", "float32", 1),
        ColumnInfo("flag", Kind.SCALAR, "flag", "bool", 0),
        ColumnInfo("images", Kind.IMAGE, "images", shape="images.shape"),
        ColumnInfo("vecs", Kind.ARRAY, "vecs", "float32", 1, sequence=True),
        ColumnInfo("ints", Kind.ARRAY, "ints", "int64", 1),
        ColumnInfo("nums", Kind.SCALAR, "nums", "int64", 0, sequence=True),
        ColumnInfo("words", Kind.TEXT, "words", "str", sequence=True),
    )
)


def rows(text: str) -> Any:
    return plan(bind(parse(text), SCHEMA)).rows


def test(text: str) -> Any:
    found = rows(f"select * where {text}")
    assert isinstance(found, FilterRows) and isinstance(found.source, AllRows)
    return found.test


test.__test__ = False  # type: ignore[attr-defined]  # a helper


def test_a_branch_with_a_limit_tells_its_scan() -> None:
    found = rows(
        "(select * where contains(labels, 'car') limit 10) union (select * where contains(labels, 'bus') limit 5)"
    )
    assert isinstance(found, MergeRows) and found.ascending
    first, second = found.branches
    assert isinstance(first, CutRows) and isinstance(first.source, FilterRows) and first.source.limit == 10
    assert isinstance(second, CutRows) and isinstance(second.source, FilterRows) and second.source.limit == 5


@pytest.mark.parametrize(
    ("text", "quantifier", "wanted", "negated"),
    [
        ("contains(labels, 'bus')", "ANY", ((1, 1),), False),
        ("not contains(labels, 'bus')", "ANY", ((1, 1),), True),
        ("labels = 'bus'", "ALL_STRICT", ((1, 1),), False),
        ("all(labels != 'bus')", "ALL", ((LOWEST, 0), (2, HIGHEST)), False),
        ("any(labels > 0 and labels < 3)", "ANY", ((1, 2),), False),
        ("any(labels in ('car', 'truck'))", "ANY", ((0, 0), (2, 2)), False),
        ("any(not labels between 'car' and 'bus')", "ANY", ((LOWEST, -1), (2, HIGHEST)), False),
    ],
)
def test_conditions_on_labels_are_scans_of_codes(text: str, quantifier: str, wanted: Any, negated: bool) -> None:
    found = test(text)
    assert isinstance(found, LabelTest)
    assert (found.quantifier, found.wanted, found.negated) == (quantifier, wanted, negated)


def test_conditions_on_aligned_elements_are_element_tests() -> None:
    found = test("any(boxes[:, 2] > 300 and labels = 'car')")
    assert isinstance(found, ElementTest) and found.simple
    assert [column.name for column in found.columns] == ["boxes", "labels"]
    assert not test("any(boxes[:, 2] * boxes[:, 3] > 300)").simple


def test_only_labels_are_scanned_as_codes() -> None:
    assert isinstance(test("any(labels = 1)"), LabelTest)
    assert isinstance(test("any(ints = 1)"), ElementTest)
    assert isinstance(rows("select * where any(vecs = 1)"), SqlRows)


def test_positions_become_ranges() -> None:
    assert test("row_number() = 7") == SpanTest(((7, 7),))
    assert test("row_number() between 3 and 9") == SpanTest(((3, 9),))
    assert test("not row_number() in (1, 2)") == SpanTest(((LOWEST, 0), (3, HIGHEST)))


def test_positions_under_one_and_or_or_are_one_range() -> None:
    assert test("3 <= row_number()") == SpanTest(((3, HIGHEST),))
    assert test("row_number() < 2 or 5 < row_number()") == SpanTest(((LOWEST, 1), (6, HIGHEST)))
    found = test("num > 1 and row_number() > 2 and row_number() < 9")
    assert isinstance(found, Joined) and found.tests[0] == SpanTest(((3, 8),))
    assert [type(part) for part in found.tests] == [SpanTest, ScalarTest]


def test_what_counts_rows_sees_all_of_them() -> None:
    found = test("row_number() % 2 = 1 and num > 1")
    assert isinstance(found, Joined)
    assert [part.positions for part in found.tests if isinstance(part, SqlTest)] == [True]
    assert isinstance(rows("select * from (select * where num > 1) where num < 9 and row_number() = 3"), SqlRows)


def test_conditions_in_sql_are_one_and_those_on_pixels_another() -> None:
    found = test("num > 1 and upper(text) = 'A' and mean(images) > 3 and lower(text) = 'b' and max(images) < 9")
    assert isinstance(found, Joined)
    cheap, pixels = (part for part in found.tests if isinstance(part, SqlTest))
    assert (cheap.pixels, pixels.pixels) == (False, True)
    for part in (cheap, pixels):
        assert isinstance(part.condition, Logic) and part.condition.op == "AND" and len(part.condition.args) == 2
    assert test("mean(images) > 3").pixels
    single = test("num > 1 or upper(text) = 'A'").tests[1]
    assert isinstance(single.condition, Compare)


@pytest.mark.parametrize(
    ("text", "pattern", "regular", "negated"),
    [
        ("text like 'a*'", "a%", False, False),
        ("not text like '%b'", "%b", False, True),
        ("text not like 'a?'", "a.", True, True),
        ("text ilike 'a'", "(?i)a", True, False),
    ],
)
def test_patterns_of_a_stored_text(text: str, pattern: str, regular: bool, negated: bool) -> None:
    found = test(text)
    assert isinstance(found, TextTest) and found.column.name == "text"
    assert (found.pattern, found.regular, found.negated) == (pattern, regular, negated)


def test_a_column_of_booleans_is_a_condition() -> None:
    assert isinstance(test("flag"), ScalarTest) and not test("flag").negated
    assert isinstance(test("not flag"), ScalarTest) and test("not flag").negated


def test_weights_ask_each_condition_as_it_is() -> None:
    found = rows("select * sample by max_weight(text like 'a%': 2, not contains(labels, 'car'): 1, true: 0.5)")
    assert isinstance(found, DrawRows) and found.how == "MAX_WEIGHT"
    (text, two), (label, one), (every, half) = found.weights
    assert isinstance(text, TextTest) and not text.negated and isinstance(label, LabelTest) and label.negated
    assert every == SpanTest(((LOWEST, HIGHEST),)) and (two, one, half) == (2.0, 1.0, 0.5)


def test_not_is_pushed_to_single_tests_and_sql_is_gathered() -> None:
    found = test("not (contains(labels, 'car') or text = 'a' or upper(text) = 'B')")
    assert isinstance(found, Joined) and found.op == "AND"
    kinds = [type(part) for part in found.tests]
    assert kinds == [LabelTest, SqlTest]


def test_scalars_are_compared_without_sql() -> None:
    found = test("not num > 3")
    assert isinstance(found, ScalarTest) and found.negated and found.column.name == "num"


def test_a_condition_on_text_is_sql_with_the_limit_inside() -> None:
    found = rows("select * where text = 'a' limit 3")
    assert isinstance(found, SqlRows)
    lowered = plan(bind(parse("select text || 'b' as t where text = 'a' order by t limit 3"), SCHEMA)).relation
    assert isinstance(lowered, CutTo) and isinstance(lowered.source, Sort)


def test_filters_before_computed_columns_pick_the_rows_that_are_read() -> None:
    relation = plan(bind(parse("select num + 1 as n where contains(labels, 'car')"), SCHEMA)).relation
    assert relation is not None
    compiled = compile_relation(relation)
    assert [one.columns for one in compiled.inputs] == [(("c3", "num"),)]
    assert isinstance(compiled.inputs[0].rows, FilterRows)


def test_no_name_and_no_value_of_the_query_stands_in_the_sql() -> None:
    text = (
        "select text || 'se''cret' as \"odd name\", num where text > '%x%' and upper(text) != 'drop table' order by num"
    )
    relation = plan(bind(parse(text), SCHEMA)).relation
    assert relation is not None
    compiled = compile_relation(relation, ())
    for word in ("cret", "odd", "num", "text", "drop", "x"):
        assert word not in compiled.sql.replace("regexp_full_match", "").replace("exp", "")
    assert "se'cret" in compiled.params and "drop table" in compiled.params


def test_only_columns_that_are_asked_are_inputs() -> None:
    relation = plan(bind(parse("select upper(text) as t"), SCHEMA)).relation
    assert relation is not None
    assert [physical for one in compile_relation(relation).inputs for _, physical in one.columns] == ["text"]
    assert isinstance(relation.source, Scan)  # type: ignore[union-attr]  # a Compute


NEAR = "order by l2_norm(vec - array[1, 2]) limit 2"


@pytest.mark.parametrize(
    ("text", "by_numpy"),
    [
        (f"select * {NEAR}", True),
        (f"select * where num > 1 {NEAR}", True),
        (f"select * where upper(text) = 'A' {NEAR}", False),  # SQL has the rows in its hands already
        (f"select * from (select * order by num) {NEAR}", False),  # of equally near rows another one comes first
        (f"select * where row_number() < 9 and upper(text) = 'A' {NEAR}", True),
    ],
)
def test_near_rows_are_found_in_memory_where_rows_come_ascending(text: str, by_numpy: bool) -> None:
    found = rows(text)
    near = found.source if isinstance(found, CutRows) else found
    assert isinstance(near, NearRows if by_numpy else SqlRows)


@pytest.mark.parametrize(
    ("key", "by_numpy"),
    [
        ("dot(vec, array[1, 2])", True),
        ("dot(array[1, 2], vec)", True),
        ("dot(vec, vec)", False),
        ("dot(array[1, 2], array[1, 2])", False),
        ("dot(ints, array[1, 2])", False),
        ("dot(vecs, array[1, 2])", False),
        ("l2_norm(vec + array[1, 2])", False),
        ("dot(vec, array[1, 2]) nulls first", False),
        ("dot(vec, array[1, 2]), num", False),
    ],
)
def test_near_keys_compare_a_column_of_vectors_with_a_known_one(key: str, by_numpy: bool) -> None:
    found = rows(f"select * order by {key} limit 2")
    assert isinstance(found.source if isinstance(found, CutRows) else found, NearRows if by_numpy else SqlRows)


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("num", ["num"]),
        ("text, num", ["text", "num"]),
        ("labels", None),
        ("vec", None),
        ("words", None),
        ("nums", None),
        ("num, labels", None),
        ("num % 2", None),
    ],
)
def test_groups_of_single_values_are_found_in_memory(key: str, columns: list[str] | None) -> None:
    found = plan(bind(parse(f"select count(*) as n group by {key}"), SCHEMA)).grouped
    assert (None if found is None else [column.name for column in found.columns]) == columns


def test_groups_are_made_of_the_rows_that_where_leaves() -> None:
    text = "select num, count(*) as n{} group by num"
    whole = plan(bind(parse(text.format("")), SCHEMA)).grouped
    some = plan(bind(parse(text.format(" where num > 1")), SCHEMA)).grouped
    assert whole is not None and isinstance(whole.source, AllRows)
    assert some is not None and isinstance(some.source, FilterRows)


@pytest.mark.parametrize(
    ("weight", "in_memory"),
    [
        ("max_weight(contains(labels, 'car'): 2, true: 1)", True),
        ("sum_weight(text like 'a%': 1)", True),
        ("2", True),
        ("num", False),
        ("max_weight(contains(labels, 'car'): num, true: 1)", False),
        ("sum_weight(row_number() < 3: 1)", False),
        ("sum_weight(random() < 3: 1)", False),
    ],
)
def test_known_weights_are_summed_in_memory(weight: str, in_memory: bool) -> None:
    assert isinstance(rows(f"select * sample by {weight}"), DrawRows if in_memory else SqlRows)


def test_integer_sets() -> None:
    assert union([((3, 5),), ((1, 2), (9, 9))]) == ((1, 5), (9, 9))
    assert complement(complement(((1, 5), (9, 9)))) == ((1, 5), (9, 9))
    assert complement(()) == ((LOWEST, HIGHEST),) and complement(((LOWEST, HIGHEST),)) == ()
    assert complement(((LOWEST, HIGHEST - 1),)) == ((HIGHEST, HIGHEST),)
    assert complement(((LOWEST, 3),)) == ((4, HIGHEST),) and complement(((3, HIGHEST),)) == ((LOWEST, 2),)
    assert (LOWEST, HIGHEST) == (-9223372036854775808, 9223372036854775807)


def test_half_lines_end_where_integers_do() -> None:
    assert half_line("<", LOWEST) == half_line(">", HIGHEST) == ()
    assert half_line("!=", LOWEST) == ((LOWEST + 1, HIGHEST),) and half_line("!=", HIGHEST) == ((LOWEST, HIGHEST - 1),)
    assert half_line("<=", LOWEST) == ((LOWEST, LOWEST),) and half_line(">=", HIGHEST) == ((HIGHEST, HIGHEST),)


def test_a_filter_without_shortcuts_is_a_relation() -> None:
    relation = plan(bind(parse("select * from (select num * 2 as d) where d > 3"), SCHEMA)).relation
    assert isinstance(relation, Filter)
