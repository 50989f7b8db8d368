"""Errors of queries: the line with carets, however long or odd it is."""

from __future__ import annotations

import pickle

import pytest
from lakebed.tql import errors
from lakebed.tql.errors import CONTEXT, TQLError, TQLSyntaxError, caret_lines
from lakebed.tql.source import NOWHERE, Span, line_and_column

from lakebed.errors import LakebedError


def marked(text: str, span: Span) -> str:
    """What the carets stand under."""
    line, carets = caret_lines(text, span)
    return line[carets.index("^") : carets.rindex("^") + 1]


@pytest.mark.parametrize(
    ("text", "span", "expected"),
    [
        ("select x", Span(7, 8), "x"),
        ("select\nwher x", Span(7, 11), "wher"),
        ("a\nbb\nc", Span(2, 4), "bb"),
        ("a\tb", Span(2, 3), "b"),
        ("x" * 500 + "HERE" + "y" * 500, Span(500, 504), "HERE"),
        ("HERE" + "y" * 500, Span(0, 4), "HERE"),
        ("x" * 500 + "HERE", Span(500, 504), "HERE"),
        ("one\ntwo", Span(0, 7), "one"),
        ("abc", Span(1, 1), "b"),
    ],
)
def test_carets_stand_under_the_place(text: str, span: Span, expected: str) -> None:
    assert marked(text, span) == expected


def test_a_place_behind_the_last_character_has_one_caret() -> None:
    assert caret_lines("abc", Span(3, 3)) == ["  line 1: abc", "             ^"]
    assert caret_lines("", NOWHERE) == ["  line 1: ", "          ^"]


def test_a_long_line_is_cut_around_the_place() -> None:
    line, carets = caret_lines("x" * 1000, Span(500, 900))
    assert len(line) == len("  line 1: ") + CONTEXT
    assert len(carets) == len(line)
    assert carets.count("^") == CONTEXT // 2
    assert caret_lines("x" * CONTEXT, Span(0, 1))[0] == "  line 1: " + "x" * CONTEXT


def test_what_cannot_be_printed_keeps_its_width() -> None:
    line, carets = caret_lines("a\t\r\0\u200b\u00a0b", Span(6, 7))
    assert line == "  line 1: a  \ufffd\ufffd b"
    assert carets == " " * 16 + "^"


def test_carets_count_the_columns_of_a_terminal() -> None:
    text = "where x = '汽车' and cafe\u0301 = '行人'"
    line, carets = caret_lines(text, Span(text.index("'行"), len(text)))
    assert line == f"  line 1: {text}"
    assert carets == " " * (len("  line 1: where x = '    ' and cafe = ")) + "^" * len("'    '")


def test_a_line_is_cut_to_a_window() -> None:
    line, carets = caret_lines("x" * 50 + "HERE" + "y" * 50, Span(50, 54), 20)
    assert line == "  line 1: " + "x" * 10 + "HERE" + "y" * 6
    assert carets == " " * 20 + "^^^^"


def test_an_error_says_message_place_and_hint() -> None:
    error = TQLSyntaxError("found x", hint="write y", span=Span(7, 8))
    assert str(error) == "found x\n  hint: write y"
    assert str(error.with_text("select x")) == "found x\n  line 1: select x\n                 ^\n  hint: write y"
    assert str(TQLSyntaxError("found x")) == "found x"
    assert isinstance(error, LakebedError)


def test_every_error_of_queries_has_a_kind_of_its_own_and_survives_pickle() -> None:
    classes = TQLError.__subclasses__()
    kinds = {cls("m").kind for cls in classes}
    assert len(kinds) == len(classes) == 5
    for cls in [*classes, TQLError]:
        error = cls("m", kind="k", place="p", hint="h", span=Span(1, 2), text="abc")
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is cls
        assert vars(again) == vars(error)


def test_lines_count_from_one_and_columns_from_zero() -> None:
    assert [line_and_column("ab\nc", place) for place in range(5)] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    assert Span(1, 2).to(Span(5, 6)) == Span(1, 6)


def test_the_module_lists_no_error_outside_of_its_tree() -> None:
    found = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
    assert set(found) == {LakebedError, TQLError, *TQLError.__subclasses__()}
