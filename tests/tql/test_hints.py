"""Hints: what is said to people who write something that is nearly TQL."""

from __future__ import annotations

from itertools import combinations

import pytest
from lakebed.tql import parse, to_text
from lakebed.tql.errors import TQLSyntaxError
from lakebed.tql.tokens import RESERVED

CLAUSES = {
    "FROM": "from t",
    "WHERE": "where a",
    "EXPAND BY": "expand by 1",
    "GROUP BY": "group by a",
    "UNGROUP BY": "ungroup by a",
    "ORDER BY": "order by a",
    "LIMIT": "limit 1",
    "OFFSET": "offset 1",
    "SAMPLE BY": "sample by a",
}
IN_EITHER_ORDER = [("LIMIT", "OFFSET"), ("LIMIT", "SAMPLE BY")]
MISSING = "is a comma, an operator, AND or OR missing before it?"


def error_of(text: str) -> TQLSyntaxError:
    with pytest.raises(TQLSyntaxError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize("pair", [pair for pair in combinations(CLAUSES, 2) if pair not in IN_EITHER_ORDER])
def test_a_clause_too_late_is_told_its_place(pair: tuple[str, str]) -> None:
    first, second = pair
    assert error_of(f"select * {CLAUSES[second]} {CLAUSES[first]}").hint == f"{first} comes before {second}"
    assert to_text(parse(f"select * {CLAUSES[first]} {CLAUSES[second]}")).startswith(f"SELECT * {first} ")


@pytest.mark.parametrize("name", CLAUSES)
def test_a_clause_stands_once(name: str) -> None:
    assert error_of(f"select * {CLAUSES[name]} {CLAUSES[name]}").hint == f"{name} may stand once in a query"


@pytest.mark.parametrize("name", ["HAVING", "ACROSS"])
def test_clauses_of_groups_stand_behind_their_group(name: str) -> None:
    assert error_of(f"select * {name.lower()} time").hint == f"{name} comes after GROUP BY"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("select * where a in (select b limit 3) from t", "FROM comes before WHERE"),
        ("select * where x[1] + f(2) from t", "FROM comes before WHERE"),
        ("select * where a union select * limit 5 where b", "WHERE comes before LIMIT"),
        ("select * where y in ((select *) limit 5 where x)", "WHERE comes before LIMIT"),
        ("(select * limit 5) where a", "to select from a query in parentheses write SELECT * FROM (...) WHERE ..."),
        ("(select *) group by a", "to select from a query in parentheses write SELECT * FROM (...) GROUP BY ..."),
    ],
)
def test_only_clauses_of_the_same_select_count(text: str, hint: str) -> None:
    assert error_of(text).hint == hint


@pytest.mark.parametrize("word", ["UNION", "INTERSECT", "EXCEPT"])
def test_a_branch_with_clauses_needs_parentheses(word: str) -> None:
    hint = f"put each part around {word} in parentheses: (SELECT ... LIMIT 5) {word} (SELECT ...)"
    assert error_of(f"select * limit 5 {word} select *").hint == hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("select * frm x", "did you mean FROM?"),
        ("select a b oe", MISSING),
        ("select a b limited", MISSING),
        ("select a b limits", "did you mean LIMIT?"),
        ("wth t as (select *) select *", "did you mean WITH?"),
        ("selecting", "did you mean SELECT?"),
        ("quite another thing", "to filter rows write SELECT * WHERE followed by the condition"),
        ("5", "the shortest query is SELECT *"),
        ("group by a", "write SELECT * GROUP BY ..."),
        ("vacuum", "a query only reads: only SELECT is there; the methods of Dataset change a dataset"),
        ("explain select *", "ds.explain(query) shows how it runs, in the shell .explain"),
        ("select a < > b", "not equal is written != or <>"),
        ("select a or || b", "|| joins texts; the logical operator is OR"),
        ("select a = = b", "equality is written = or =="),
        ("select a 5", MISSING),
        ("select a 0.5", MISSING),
        ("select a 'b'", MISSING),
        ("select a [", 'the "[" in line 1, column 10 is still open'),
        ("select a ?", ""),
    ],
)
def test_what_people_mean_is_guessed(text: str, hint: str) -> None:
    assert error_of(text).hint == hint


def test_a_long_first_word_is_shown_in_part() -> None:
    assert error_of("x" * 50).message == 'expected SELECT, found "' + "x" * 40 + '"'


# TRUE, FALSE and NULL are values, of which the binder speaks.
@pytest.mark.parametrize("word", sorted(RESERVED - {"TRUE", "FALSE", "NULL"}))
def test_a_reserved_word_in_the_place_of_a_column_is_told_how_to_be_one(word: str) -> None:
    assert error_of(f"select {word.lower()}").hint.endswith(f'a column of that name is written "{word.lower()}"')
    assert to_text(parse(f'select "{word.lower()}"[5]')) == f'SELECT "{word.lower()}"[5]'


def test_an_infix_not_is_no_column() -> None:
    assert "column" not in error_of("select * where a not").hint
