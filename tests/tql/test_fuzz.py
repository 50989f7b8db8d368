"""Whatever goes in, a tree comes out or one of our errors with a place; nothing else, and no hang."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.tql import parse, to_text
from lakebed.tql.errors import TQLError
from lakebed.tql.lexer import MAX_LENGTH

from fuzz_share import FUZZING
from tally import count

CORPUS = Path(__file__).resolve().parents[2] / "grammar" / "corpus"
QUERIES = [
    block.split("\n", 1)[1].split("\n=>\n")[0]
    for path in sorted(CORPUS.glob("*/*.tql"))
    for block in re.split(r"^### ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
]
SIGNS = st.sampled_from("()[]{},.:;?'\"-+*/%^|&<>=! \n\0aZ09_é")


def outcome(text: str) -> str:
    """The kind of error, or "tree"; anything else that is raised fails the test."""
    count("texts thrown at the parser")
    refusal = refusal_of(text)
    if refusal is None:
        tree = parse(text)
        assert parse(to_text(tree)) == tree
        return "tree"
    assert 0 <= refusal.span.start <= refusal.span.end
    assert refusal.text == text
    assert len(str(refusal)) < 1_000
    return refusal.kind


def refusal_of(text: str) -> TQLError | None:
    try:
        parse(text)
    except TQLError as error:
        return error
    return None


@FUZZING
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    assert outcome(text)


@FUZZING
@given(st.text(st.characters(codec=None), max_size=50))
def test_any_text_with_halves_of_characters(text: str) -> None:
    assert outcome(text)


@FUZZING
@given(st.binary(max_size=100))
def test_any_bytes_decoded_with_surrogates(raw: bytes) -> None:
    assert outcome(raw.decode("utf-8", errors="surrogateescape"))


@FUZZING
@given(st.sampled_from(QUERIES), st.data())
def test_queries_of_the_corpus_with_characters_changed(query: str, data: st.DataObject) -> None:
    text = query
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 3))
        inserted = data.draw(
            st.text(st.sampled_from("()[]{},.:;?'\"-+*/%^|&<>=! \n\0aZ09_é") | st.characters(), max_size=2)
        )
        text = text[:place] + inserted + text[place + length :]
    assert outcome(text)


@FUZZING
@given(st.lists(st.sampled_from(QUERIES), min_size=2, max_size=3), st.data())
def test_queries_of_the_corpus_cut_and_joined(queries: list[str], data: st.DataObject) -> None:
    pieces = [query[: data.draw(st.integers(0, len(query)))] for query in queries]
    assert outcome(" ".join(pieces))


LONG = 100_000

MONSTERS: dict[str, tuple[str, str]] = {
    "open parentheses": ("(" * LONG, "too-deep"),
    "a query in parentheses": ("(" * LONG + "select *" + ")" * LONG, "too-deep"),
    "a column in parentheses": ("select * where " + "(" * LONG + "a" + ")" * LONG, "too-deep"),
    "parentheses after IN": ("select * where a in " + "(" * LONG, "too-deep"),
    "brackets": ("select x" + "[" * LONG, "syntax"),
    "subscripts": ("select " + "x[" * LONG, "too-deep"),
    "calls": ("select " + "f(" * LONG, "too-deep"),
    "arrays": ("select ARRAY" + "[" * LONG, "too-deep"),
    "CASE": ("select " + "case when " * LONG, "too-deep"),
    "NOT": ("select " + "not " * LONG + "a", "too-deep"),
    "signs": ("select " + "- " * LONG + "a", "too-deep"),
    "sub-queries": ("select * from " + "(select * from " * (LONG // 2), "too-deep"),
    "a sum": ("select " + "a + " * LONG + "a", "too-high"),
    "a chain of subscripts": ("select x" + "[0]" * LONG, "too-high"),
    "sources": ("select * from a" + ", a" * LONG, "too-high"),
    "null tests": ("select * where a" + " is null" * LONG, "syntax"),
    "ANDs": ("select * where a" + " and a" * (LONG // 10), "tree"),
    "columns": ("select a" + ", a" * (LONG // 4), "tree"),
    "a list": ("select * where a in (0" + ", 1" * (LONG // 4) + ")", "tree"),
    "branches": ("select *" + " union select *" * (LONG // 20), "tree"),
    "semicolons": ("select *" + ";" * LONG, "syntax"),
    "single quotes": ("'" * (LONG + 1), "unclosed"),
    "double quotes": ('"' * (LONG + 1), "unclosed"),
    "comment starts": ("/*" * LONG, "unclosed"),
    "an open comment of stars": ("/* " + "*" * LONG, "unclosed"),
    "dashes": ("--" * LONG, "syntax"),
    "dots": ("." * LONG, "syntax"),
    "digits": ("9" * LONG, "number-too-large"),
    "an exponent": ("select 1" + "e" * LONG, "malformed-number"),
    "one word": ("a" * MAX_LENGTH, "syntax"),
    "ten million letters": ("a" * 10_000_000, "too-long"),
    "NULs": ("\0" * LONG, "unexpected-character"),
    "surrogates": ("\ud800" * LONG, "not-text"),
    "ten million accents": ("é" * 10_000_000, "too-long"),
    "white space": (" " * LONG + "\n" * LONG, "syntax"),
    "nothing": ("", "syntax"),
}


@pytest.mark.parametrize("name", MONSTERS)
def test_monsters_end_in_a_tree_or_in_the_error_that_names_them(name: str) -> None:
    text, expected = MONSTERS[name]
    assert outcome(text) == expected
