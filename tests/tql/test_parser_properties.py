"""Laws of parser and printer over trees and texts that Hypothesis makes."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lakebed.tql import nodes as n
from lakebed.tql import parse, to_text
from lakebed.tql.errors import TQLError
from lakebed.tql.lexer import tokenize
from lakebed.tql.tokens import END, KEYWORDS, NAME_KINDS

import tql_grammar
import tql_trees


def refusal_of(text: str) -> TQLError | None:
    try:
        parse(text)
    except TQLError as error:
        return error
    return None


@given(tql_trees.queries)
def test_a_printed_query_parses_to_the_same_tree(tree: n.Query) -> None:
    text = to_text(tree)
    assert parse(text) == tree
    assert to_text(parse(text)) == text


@given(tql_trees.expressions)
@example(n.Unary("-", n.Literal(0)))
@example(n.Subscript(n.Literal(-1), (n.Slice(n.Parameter("p", -1)),)))
def test_a_printed_expression_parses_to_the_same_tree(tree: n.Expr) -> None:
    text = to_text(tree)
    assert parse(f"SELECT * WHERE {text}") == n.Query(n.Select((n.SelectItem(n.Star()),), where=tree))


@given(tql_trees.expressions)
def test_redundant_parentheses_leave_no_trace(tree: n.Expr) -> None:
    text = to_text(tree)
    assert parse(f"SELECT * WHERE (({text}))") == parse(f"SELECT * WHERE {text}")


@given(tql_trees.queries, st.sampled_from([str.upper, str.lower, str.title]), st.sampled_from(tql_grammar.GAPS))
def test_case_of_keywords_and_white_space_do_not_matter(tree: n.Query, cased: object, gap: str) -> None:
    assert callable(cased)
    text = to_text(tree)
    shown = []
    for token in tokenize(text):
        raw = text[token.start : token.end]
        shown.append(cased(raw) if token.kind in KEYWORDS and token.kind not in NAME_KINDS else raw)
    assert parse(gap.join(shown) + "\n;") == tree


@given(tql_trees.queries)
def test_trees_from_one_text_are_equal_hash_alike_and_survive_pickle(tree: n.Query) -> None:
    again = parse(to_text(tree))
    assert again == tree
    assert hash(again) == hash(tree)
    assert repr(again) == repr(tree)
    assert pickle.loads(pickle.dumps(again)) == tree


@given(tql_trees.queries)
def test_places_nest_as_the_nodes_do_and_start_in_order(tree: n.Query) -> None:
    text = to_text(tree)
    for node in parse(text).walk():
        assert 0 <= node.span.start < node.span.end <= len(text)
        for child in node.children():
            assert node.span.start <= child.span.start <= child.span.end <= node.span.end


@given(tql_grammar.texts(tql_grammar.near_misses()))
def test_an_error_shows_its_place_in_the_text_and_survives_pickle(text: str) -> None:
    caught = refusal_of(text)
    if caught is None:
        return
    assert 0 <= caught.span.start <= caught.span.end <= len(text)
    assert caught.text == text
    lines = str(caught).splitlines()
    assert lines[0] == caught.message
    assert "^" in lines[2]
    assert str(pickle.loads(pickle.dumps(caught))) == str(caught)


@given(tql_trees.queries, st.data())
def test_a_query_cut_short_is_refused_or_still_a_query(tree: n.Query, data: st.DataObject) -> None:
    text = to_text(tree)
    cuts = [token.start for token in tokenize(text) if token.kind != END]
    cut = text[: data.draw(st.sampled_from(cuts))]
    refusal = refusal_of(cut)
    assert refusal is None or refusal.kind in ("syntax", "unclosed")


@pytest.mark.parametrize("text", ["select *", "select a from b where c"])
def test_parsing_twice_gives_the_same_tree(text: str) -> None:
    assert parse(text) == parse(text)
