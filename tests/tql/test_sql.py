"""The SQL that plans become: values as parameters, NaN as in NumPy, patterns as expressions, nothing endless."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lakebed.tql import parse
from lakebed.tql.bind import bind
from lakebed.tql.compile import compile_relation
from lakebed.tql.errors import TQLLimitError, TQLTypeError
from lakebed.tql.like import like_to_regex
from lakebed.tql.plan import plan
from lakebed.tql.schema import ColumnInfo, DatasetSchema, Kind
from lakebed.tql.source import Span
from lakebed.tql.sql import Cell, Compiled, Runtime

SCHEMA = DatasetSchema(
    (
        ColumnInfo("labels", Kind.LABEL, "labels", "uint32", 1, class_names=("car", "bus")),
        ColumnInfo("boxes", Kind.BOX, "boxes", "float32", 2),
        ColumnInfo("vec", Kind.ARRAY, "vec", "float32", 1),
        ColumnInfo("real", Kind.SCALAR, "real", "float32", 0),
        ColumnInfo("num", Kind.SCALAR, "num", "int64", 0),
        ColumnInfo("text", Kind.TEXT, "text", "str"),
    )
)


def compiled(text: str, runtime: Runtime | None = None) -> Compiled:
    found = plan(bind(parse(text), SCHEMA))
    assert found.relation is not None
    return compile_relation(found.relation, found.outputs, runtime)


def test_the_same_query_becomes_the_same_sql() -> None:
    text = "select num * 2 as d, real where upper(text) = 'A' order by d desc limit 3"
    assert compiled(text) == compiled(text)


def test_every_placeholder_has_its_parameter() -> None:
    made = compiled("select num + 1 as a, num in (1, 2, 3) as b, text || 'x' as c where upper(text) like 'q%'")
    used = {int(number) for number in re.findall(r"\$(\d+)", made.sql)}
    assert used == set(range(1, len(made.params) + 1))


def test_long_lists_of_options_are_one_parameter() -> None:
    made = compiled(f"select num in ({', '.join(map(str, range(100)))}) as x")
    assert made.params == (list(range(100)),)


@pytest.mark.parametrize(
    ("condition", "guards"),
    [("real > 1", 1), ("real < 1", 0), ("real = 1", 0), ("real != 1", 0), ("real = real", 2), ("num > 1", 0)],
)
def test_nan_is_guarded_only_where_duckdb_and_numpy_differ(condition: str, guards: int) -> None:
    assert compiled(f"select {condition} as x").sql.count("isnan") == guards


def test_element_wise_operators_share_one_lambda() -> None:
    made = compiled("select abs(boxes[:, 2] * 2 - 1) > 3 as x")
    assert made.sql.count("list_transform") == 2  # one takes the side of each box, one does the rest
    assert compiled("select abs(vec * 2 - 1) > 3 as x").sql.count("list_transform") == 1


def test_a_cell_of_one_row_is_a_parameter() -> None:
    asked: list[tuple[int, str, int]] = []

    def cell(dataset: int, column: ColumnInfo, row: int) -> Cell:
        asked.append((dataset, column.name, row))
        return Cell([1.0, 2.0], (2,))

    made = compiled("select l2_norm(vec - data(vec, 7)) as d", Runtime(cell=cell))
    assert (0, "vec", 7) in asked and [1.0, 2.0] in made.params


def test_sql_that_grows_without_bound_is_refused() -> None:
    deep = "vec"
    for _ in range(40):
        deep = f"({deep} + 1)[1:]"
    with pytest.raises(TQLLimitError, match="characters of SQL"):
        compiled(f"select {deep} as x")


def test_long_operands_are_named_instead_of_repeated() -> None:
    assert len(compiled("select num" + " // num % 7" * 40 + " as x").sql) < 40_000


def test_several_scans_have_their_own_inputs() -> None:
    made = compiled("select a.num as n from (select num, real) as a join (select num, text) as b on a.num = b.num")
    assert [[physical for _, physical in one.columns] for one in made.inputs] == [["num"], ["num"]]
    assert len(made.rows) == 2


PATTERNS: list[tuple[str, str, str, list[str], list[str]]] = [
    ("a%", "", "", ["a", "abc", "a\nb"], ["ba"]),
    ("*b?", "", "", ["bc", "abc"], ["b", "abcd"]),
    ("a_c", "", "", ["a_c"], ["abc"]),
    ("(ab|cd)e", "", "", ["abe", "cde"], ["abcde"]),
    ("a(b", "", "", ["a(b"], ["ab"]),
    ("5!%", "!", "", ["5%"], ["50"]),
    ("A.+", "", "i", ["a.+"], ["abb"]),
]


@pytest.mark.parametrize(("pattern", "escape", "flags", "fits", "differs"), PATTERNS)
def test_patterns_of_like(pattern: str, escape: str, flags: str, fits: Any, differs: Any) -> None:
    regex = re.compile(like_to_regex(pattern, escape, flags == "i", Span(0, 0)), re.DOTALL)
    assert all(regex.fullmatch(text) for text in fits)
    assert not any(regex.fullmatch(text) for text in differs)


def test_an_escape_is_one_character_with_something_after_it() -> None:
    for pattern, escape in (("a", "!!"), ("a!", "!")):
        with pytest.raises(TQLTypeError):
            like_to_regex(pattern, escape, False, Span(0, 0))
