from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebed.shell.statements import is_complete, split, statements


@pytest.mark.parametrize(
    "text",
    [
        "select *",
        "select * where x > 1",
        "select *;",
        "select * were x",  # a mistake is shown, not waited on
        "select * where (x > 1;",
        "select * limit 1; select * limit 2",
        "select * where\n",  # an empty line insists
        "select * where 'abc\n",
        "",
        "-- nothing",
        ".schema",
        ".save cars 'all ca",
        ".nosuch (",
        ".explain",
        ".explain select *",
    ],
)
def test_enter_runs_what_is_whole_wrong_or_insisted_on(text: str) -> None:
    assert is_complete(text)


@pytest.mark.parametrize(
    "text",
    [
        "select",
        "select * where",
        "select * where (x > 1",
        "select * where contains(categories, 'car",
        "select * where x in (1,",
        "(select * limit 1) union",
        "select * order",
        "select * /* why",
        "select * limit 1; select * where",
        ".explain select * where",
    ],
)
def test_enter_adds_a_line_to_what_only_lacks_its_rest(text: str) -> None:
    assert not is_complete(text)


def test_a_text_is_split_at_semicolons_outside_of_strings_and_comments() -> None:
    assert split("select ';' ; -- ; no\nselect 2") == ["select ';' ;", "-- ; no\nselect 2"]
    assert split("select 'a; b") == ["select 'a; b"]
    assert split(" ; ;; ") == []


def test_commands_stand_in_a_line_of_their_own() -> None:
    assert split(".schema\nselect *") == [".schema", "select *"]
    assert split(".explain select *\nwhere x > 1") == [".explain select *\nwhere x > 1"]


def script(text: str) -> list[str]:
    return list(statements(text.splitlines(keepends=True)))


def test_in_a_script_queries_need_no_semicolon() -> None:
    assert script("select *\nwhere x > 1\nselect 2\n.schema\n(select 3)\nunion\n(select 4)\n") == [
        "select *\nwhere x > 1",
        "select 2",
        ".schema",
        "(select 3)\nunion\n(select 4)",
    ]


def test_in_a_script_an_empty_line_or_a_command_ends_what_is_not_whole() -> None:
    assert script("select * where\n\nselect 2\n") == ["select * where", "select 2"]
    assert script("select * where\n.quit\n") == ["select * where", ".quit"]


def test_in_a_script_bare_words_are_commands_where_a_statement_starts_and_names_inside_of_one() -> None:
    assert script("help\nselect images\nhelp\n\nexit\n") == ["help", "select images\nhelp", "exit"]


def test_a_semicolon_runs_a_query_before_the_next_line_is_read() -> None:
    read: list[str] = []

    def lines() -> list[str]:
        return ["select *;\n", "select 2"]

    def one_by_one() -> object:
        for line in lines():
            read.append(line)
            yield line

    assert next(statements(one_by_one())) == "select *;"  # type: ignore[arg-type]  # a generator is iterable
    assert read == ["select *;\n"]


def test_comments_and_empty_lines_alone_are_no_statement() -> None:
    assert script("-- a note\n\n   \nselect 1 -- b\n-- the end\n") == ["select 1 -- b\n-- the end"]


@given(st.lists(st.sampled_from(["select *", "where x > 1", "", ".schema", "'a", "(", ")", ";", "-- c", "union"])))
def test_no_word_of_a_script_is_lost_or_moved(lines: list[str]) -> None:
    words = " ".join(lines).split()
    kept = " ".join(script("\n".join(lines))).split()
    left = iter(words)
    assert all(word in left for word in kept)
    # What is left out are comments and lone semicolons.
    assert sorted(w for w in words if w not in (";", "--", "c")) == sorted(w for w in kept if w not in (";", "--", "c"))
