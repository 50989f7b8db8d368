"""The lexer: kinds, values and places of tokens, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.tql.errors import TQLError, TQLLimitError, TQLSyntaxError
from lakebed.tql.lexer import MAX_LENGTH, tokenize
from lakebed.tql.source import Span
from lakebed.tql.tokens import (
    CLAUSE_WORDS,
    END,
    FLOAT,
    FREE,
    INTEGER,
    NAME,
    QUOTED,
    RESERVED,
    STRING,
    Token,
    keyword_kind,
    words,
)


def kinds_and_values(text: str) -> list[tuple[str, str | int | float]]:
    return [(token.kind, token.value) for token in tokenize(text)[:-1]]


def error_of(text: str) -> TQLError:
    with pytest.raises(TQLError) as caught:
        tokenize(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("select", [("SELECT", "select")]),
        ("Sample", [("SAMPLE", "Sample")]),
        ("boxes_2", [(NAME, "boxes_2")]),
        ("_x é 車²", [(NAME, "_x"), (NAME, "é"), (NAME, "車²")]),
        ("selecté", [(NAME, "selecté")]),
        ("\u017felect", [(NAME, "\u017felect")]),
        ('"a b" "a""b" """"', [(QUOTED, "a b"), (QUOTED, 'a"b'), (QUOTED, '"')]),
        ("'car' 'it''s' '' ''''", [(STRING, "car"), (STRING, "it's"), (STRING, ""), (STRING, "'")]),
        ("'a\nb\0'", [(STRING, "a\nb\0")]),
        ("0 010 9223372036854775808", [(INTEGER, 0), (INTEGER, 10), (INTEGER, 2**63)]),
        ("0" * 5000 + "7", [(INTEGER, 7)]),
        ("1. .5 1.5e-3 1E+2 2e3", [(FLOAT, 1.0), (FLOAT, 0.5), (FLOAT, 0.0015), (FLOAT, 100.0), (FLOAT, 2000.0)]),
        ("1.7976931348623157e308 5e-400", [(FLOAT, 1.7976931348623157e308), (FLOAT, 0.0)]),
        ("x.5", [(NAME, "x"), (FLOAT, 0.5)]),
        ("= <= >= < > !=", [(sign, sign) for sign in ["=", "<=", ">=", "<", ">", "!="]]),
        ("== <>", [("=", "=="), ("!=", "<>")]),
        ("|| // / * + - % ^", [(sign, sign) for sign in ["||", "//", "/", "*", "+", "-", "%", "^"]]),
        ("()[],.:;?", [(sign, sign) for sign in "()[],.:;?"]),
        ("a -- b\nc", [(NAME, "a"), (NAME, "c")]),
        ("a/* b */c/***/d/* * / **/", [(NAME, "a"), (NAME, "c"), (NAME, "d")]),
        ("a\u00a0\u2003\t\r\nb", [(NAME, "a"), (NAME, "b")]),
        ("-- all of it", []),
    ],
)
def test_text_becomes_tokens(text: str, expected: list[tuple[str, str | int | float]]) -> None:
    assert kinds_and_values(text) == expected
    assert [type(value) for _, value in kinds_and_values(text)] == [type(value) for _, value in expected]


def test_a_token_knows_its_place() -> None:
    tokens = tokenize("select  'é' /* x */ <> b")
    assert tokens == [
        Token("SELECT", "select", 0, 6),
        Token(STRING, "é", 8, 11),
        Token("!=", "<>", 20, 22),
        Token(NAME, "b", 23, 24),
        Token(END, "", 24, 24),
    ]
    assert tokens[1].span == Span(8, 11)


@pytest.mark.parametrize(
    ("text", "kind", "start", "end"),
    [
        ("a 'b", "unclosed", 2, 3),
        ("a ''' b", "unclosed", 2, 3),
        ('a "b', "unclosed", 2, 3),
        ('a """', "unclosed", 2, 3),
        ("a /* b", "unclosed", 2, 4),
        ("a /*/ b", "unclosed", 2, 4),
        ('a ""', "empty-name", 2, 4),
        ("a # b", "unexpected-character", 2, 3),
        ("a \0", "unexpected-character", 2, 3),
        ("a ٣", "unexpected-character", 2, 3),
        ("a 12ab_c d", "malformed-number", 2, 8),
        ("a 1.5e d", "malformed-number", 2, 6),
        ("a 1.x", "malformed-number", 2, 5),
        ("a 1e5x", "malformed-number", 2, 6),
        ("a 1x! d", "malformed-number", 2, 4),
        ("a .5x", "malformed-number", 3, 5),
        ("a 9223372036854775809", "number-too-large", 2, 21),
        ("a " + "9" * 5000, "number-too-large", 2, 5002),
        ("a 1e309", "number-too-large", 2, 7),
        ("a '\ud800'", "not-text", 3, 4),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, kind: str, start: int, end: int) -> None:
    error = error_of(text)
    assert isinstance(error, TQLSyntaxError)
    assert (error.kind, error.span) == (kind, Span(start, end))
    assert error.text == text
    assert error.hint


def test_every_character_that_people_take_for_an_operator_has_a_hint_of_its_own() -> None:
    generic = error_of("€").hint
    hints = {sign: error_of(sign).hint for sign in "‘’“”`&|!#{}$@\\~\ufeff\u200b\0"}
    assert generic not in hints.values()
    assert error_of("\u200b").message == 'unexpected character "U+200B"'


def test_a_malformed_number_is_shown_in_part() -> None:
    assert error_of("1" + "x" * 100).message == '"1' + "x" * 39 + '" is neither a number nor a name'
    assert error_of("0x1.2_3-4").span == Span(0, 7)


def test_surrogates_are_named_by_their_code() -> None:
    assert error_of("\udfff").message == "the query holds half of a character (U+DFFF)"


def test_a_query_may_have_so_many_characters_and_no_more() -> None:
    assert len(tokenize(" " * MAX_LENGTH)) == 1
    error = error_of(" " * (MAX_LENGTH + 1))
    assert isinstance(error, TQLLimitError)
    assert error.kind == "too-long"
    assert error.span == Span(MAX_LENGTH, MAX_LENGTH + 1)
    assert error.message == "the query has 1,048,577 characters, and the most is 1,048,576"


def test_keywords_have_no_case_and_three_classes_without_overlap() -> None:
    for word in RESERVED | FREE | CLAUSE_WORDS:
        assert keyword_kind(word) == keyword_kind(word.lower()) == keyword_kind(word.title()) == word
    assert len(RESERVED | FREE | CLAUSE_WORDS) == len(RESERVED) + len(FREE) + len(CLAUSE_WORDS)
    assert words("a b\n a") == {"a", "b"}


def test_names_that_datasets_use_often_are_not_reserved() -> None:
    common = "index time date key file format view split sample hash text image label labels start end top left right"
    assert {keyword_kind(word) for word in common.split()}.isdisjoint(RESERVED)


@given(st.text(st.sampled_from("ab1.e+-*/'\"<>=|:?[] \n\u00e9"), max_size=30))
def test_tokens_and_the_gaps_between_them_are_the_whole_text(text: str) -> None:
    try:
        tokens = tokenize(text)
    except TQLSyntaxError:
        return
    places = [0] + [place for token in tokens for place in (token.start, token.end)]
    assert places == sorted(places)
    gaps = [text[left:right] for left, right in zip(places[::2], places[1::2], strict=False)]
    assert all(kinds_and_values(gap) == [] for gap in gaps)
    assert tokens[-1] == Token(END, "", len(text), len(text))
