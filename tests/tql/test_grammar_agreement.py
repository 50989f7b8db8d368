"""The parser and `grammar/tql.lark` accept the same language."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from lakebed.tql import parse, to_text
from lakebed.tql.errors import TQLError
from lakebed.tql.tokens import CLAUSE_WORDS, FREE, RESERVED

import tql_grammar
from tally import count

BEYOND_THE_GRAMMAR = ("number-too-large", "too-long", "too-deep", "too-high", "not-text")
"""Kinds of errors about sizes, which no grammar can say."""

SHARE = settings.default.max_examples if settings.default else 25
MANY = settings(max_examples=5 * SHARE)
"""At night 10,000 texts in each direction."""


def parser_accepts(text: str) -> bool:
    try:
        parse(text)
    except TQLError as error:
        return error.kind in BEYOND_THE_GRAMMAR
    return True


@MANY
@given(tql_grammar.texts(tql_grammar.sentences()))
def test_every_text_that_the_grammar_generates_parses_and_prints_back(text: str) -> None:
    count("texts that the grammar generated")
    tree = parse(text)
    assert parse(to_text(tree)) == tree


@MANY
@given(tql_grammar.texts(tql_grammar.near_misses()))
@example("select x[:n:m:k]")
@example("select x[:n, (:m)] from a limit all(b)")
@example("select * ungroup by split + 1")
@example("select * limit ALL")
@example("select case when a then end end")
@example("select a as b c")
@example("select top 5 * limit 2")
@example("select top 5 * union select top 2 * limit 1")
@example("select (a = b) = c < d")
@example("select a in (1) + 2")
def test_what_the_parser_refuses_the_grammar_refuses(text: str) -> None:
    count("texts with accidents, accepted or refused alike")
    assert parser_accepts(text) == tql_grammar.accepts(text)


@settings(max_examples=min(SHARE, 50))
@given(tql_grammar.texts(tql_grammar.sentences() | tql_grammar.near_misses()))
def test_the_quick_recogniser_of_the_tests_answers_as_larks_parser_does(text: str) -> None:
    assert tql_grammar.accepts(text) == tql_grammar.lark_accepts(text)


@settings(max_examples=SHARE)
@given(tql_grammar.texts(tql_grammar.sentences()))
def test_the_grammar_accepts_the_canonical_print_of_what_it_generates(text: str) -> None:
    assert tql_grammar.accepts(to_text(parse(text)))


@pytest.mark.parametrize("text", ["\u017felect *", "select 1 \u212aLIKE 2", "select 'a' \u0131n ('b')"])
def test_only_ascii_letters_make_keywords_in_both(text: str) -> None:
    assert not parser_accepts(text)
    assert not tql_grammar.accepts(text)


def test_the_keyword_list_names_the_keywords_of_the_lexer_and_of_the_grammar() -> None:
    path = tql_grammar.GRAMMAR.with_name("keywords.txt")
    sections = path.read_text(encoding="utf-8").split("\n\n")
    listed = [{line for line in section.splitlines() if not line.startswith("#")} for section in sections]
    assert listed == [RESERVED, FREE, CLAUSE_WORDS]
    in_grammar = {name for name, texts in tql_grammar.spellings().items() if name == texts[0]}
    assert in_grammar == RESERVED | FREE | CLAUSE_WORDS
