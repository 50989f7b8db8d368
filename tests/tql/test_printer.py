"""The printer: canonical spelling, and the least of parentheses that keep the tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.tql import nodes as n
from lakebed.tql import parse, to_text
from lakebed.tql.printer import SPELLINGS, name_text, string_text

A, B, C = n.Column("a"), n.Column("b"), n.Column("c")
LESS = n.Binary("<", A, B)


def expression(text: str) -> n.Node:
    """The tree of an expression."""
    body = parse(f"select * where {text}").body
    assert isinstance(body, n.Select)
    assert body.where is not None
    return body.where


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (n.Literal(1), "1"),
        (n.Literal(-1), "-1"),
        (n.Literal(1.0), "1.0"),
        (n.Literal(-0.0), "-0.0"),
        (n.Literal(1e300), "1e+300"),
        (n.Literal(True), "TRUE"),
        (n.Literal(False), "FALSE"),
        (n.Literal(None), "NULL"),
        (n.Literal("it's"), "'it''s'"),
        (n.Literal("-5"), "'-5'"),
        (n.Unary("-", n.Literal(1)), "-(1)"),
        (n.Unary("-", n.Literal(-1)), "-(-1)"),
        (n.Unary("+", n.Literal(1)), "+1"),
        (n.Unary("+", n.Literal(-1)), "+(-1)"),
        (n.Unary("-", n.Unary("-", A)), "-(-a)"),
        (n.Unary("-", n.Subscript(n.Literal(5), (n.Index(A),))), "-5[a]"),
        (n.Subscript(n.Literal(-5), (n.Index(A),)), "(-5)[a]"),
        (n.Subscript(n.Unary("-", A), (n.Slice(),)), "(-a)[:]"),
        (n.Unary("NOT", n.Unary("NOT", A)), "NOT NOT a"),
        (n.Unary("NOT", n.Binary("AND", A, B)), "NOT (a AND b)"),
        (n.Binary("AND", n.Unary("NOT", A), B), "NOT a AND b"),
        (n.Binary("=", A, n.Unary("NOT", B)), "a = (NOT b)"),
        (n.Binary("AND", A, n.Binary("AND", B, C)), "a AND (b AND c)"),
        (n.Binary("AND", n.Binary("OR", A, B), C), "(a OR b) AND c"),
        (n.Binary("OR", n.Binary("AND", A, B), C), "a AND b OR c"),
        (n.Binary("=", n.Binary("=", A, B), C), "(a = b) = c"),
        (n.Binary("=", n.Binary("<", A, B), n.Binary(">=", B, C)), "a < b = b >= c"),
        (n.Binary("<", A, n.Binary("<", B, C)), "a < (b < c)"),
        (n.Binary("-", A, n.Binary("-", B, C)), "a - (b - c)"),
        (n.Binary("-", A, n.Literal(-1)), "a - -1"),
        (n.Binary("^", n.Unary("-", A), n.Binary("||", B, C)), "-a ^ b || c"),
        (n.IsNull(n.IsNull(A)), "(a IS NULL) IS NULL"),
        (n.IsNull(n.Binary("+", A, B), True), "a + b IS NOT NULL"),
        (n.Binary("<", n.IsNull(A), B), "a IS NULL < b"),
        (n.Like(A, B, C, True, True), "a NOT ILIKE b ESCAPE c"),
        (n.Like(n.Like(A, B), n.InList(A, (B,))), "(a LIKE b) LIKE (a IN (b))"),
        (n.Like(A, B, n.Binary("=", A, B)), "a LIKE b ESCAPE (a = b)"),
        (n.Between(A, n.Between(A, B, C), n.Binary("AND", A, B)), "a BETWEEN (a BETWEEN b AND c) AND (a AND b)"),
        (n.Like(LESS, LESS, LESS), "a < b LIKE a < b ESCAPE a < b"),
        (n.Between(A, B, n.Between(A, B, C)), "a BETWEEN b AND (a BETWEEN b AND c)"),
        (n.Between(LESS, LESS, LESS), "a < b BETWEEN a < b AND a < b"),
        (n.InList(LESS, (LESS,)), "a < b IN (a < b)"),
        (n.InQuery(LESS, parse("select *"), True), "a < b NOT IN (SELECT *)"),
        (n.InList(n.InList(A, (B, C)), (A,), True), "(a IN (b, c)) NOT IN (a)"),
        (n.Call("F", (A, n.Literal(1))), "F(a, 1)"),
        (n.Call("COUNT", (n.Star(),)), "COUNT(*)"),
        (n.Call("COUNT", (A,), True), "COUNT(DISTINCT a)"),
        (n.Call("MAX_WEIGHT", (n.Weighted(A, n.Parameter("w", -1)),)), "MAX_WEIGHT(a: :w)"),
        (n.Case(A, (n.When(B, C),), B), "CASE a WHEN b THEN c ELSE b END"),
        (n.Cast(A, "INT"), "CAST(a AS INT)"),
        (n.ArrayLiteral((n.ArrayLiteral(()), A)), "ARRAY[ARRAY[], a]"),
        (n.Column("x", "my set"), '"my set".x'),
        (n.Subscript(A, (n.Index(n.Parameter("p", -1)),)), "a[(:p)]"),
        (n.Subscript(A, (n.Index(n.Subscript(n.Parameter("p", -1), (n.Index(B),))),)), "a[(:p[b])]"),
        (n.Subscript(A, (n.Slice(n.Like(n.Parameter("p", -1), B), None, C),)), "a[(:p LIKE b)::c]"),
        (n.Subscript(A, (n.Slice(A, B, C), n.Slice(None, B))), "a[a:b:c, :b]"),
    ],
)
def test_an_expression_prints_with_the_parentheses_that_it_needs(tree: n.Node, text: str) -> None:
    assert to_text(tree) == text
    assert expression(text) == tree


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boxes", "boxes"),
        ("_x1", "_x1"),
        ("größe", "größe"),
        ("sample", "sample"),
        ("order", '"order"'),
        ("All", '"All"'),
        ("my column", '"my column"'),
        ("a/b", '"a/b"'),
        ("3d", '"3d"'),
        ("x\n", '"x\n"'),
        ('say "hi"', '"say ""hi"""'),
    ],
)
def test_a_name_is_quoted_only_where_it_must_be(name: str, text: str) -> None:
    assert name_text(name) == text
    assert expression(text) == n.Column(name)


@given(st.text(min_size=1))
def test_any_name_and_any_string_print_back(name: str) -> None:
    assert expression(name_text(name)) == n.Column(name)
    assert expression(string_text(name)) == n.Literal(name)


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_prints_back_with_its_type_and_sign(number: float) -> None:
    tree = expression(to_text(n.Literal(number)))
    assert tree == n.Literal(number)
    assert str(tree) == str(n.Literal(number))


def test_a_query_without_clauses_inside_another_is_the_other() -> None:
    assert to_text(n.Query(n.Query(n.Select((n.SelectItem(n.Star()),))))) == "(SELECT *)"
    assert parse("(SELECT *)") == parse("SELECT *")


def test_every_kind_of_node_has_a_spelling() -> None:
    def below(cls: type[n.Node]) -> set[type[n.Node]]:
        return {cls}.union(*(below(each) for each in cls.__subclasses__()))

    # With slots=True dataclasses are made twice; the first ones are still listed as subclasses.
    names = {cls.__name__ for cls in below(n.Node)} - {"Node"}
    assert {cls.__name__ for cls in SPELLINGS} == names
