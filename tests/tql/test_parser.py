"""The parser: which tree a text becomes, where its nodes stand, and the limits on nesting and height."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import pytest
from lakebed.tql import nodes as n
from lakebed.tql import parse, to_text
from lakebed.tql.errors import TQLError, TQLLimitError, TQLSyntaxError
from lakebed.tql.lexer import tokenize
from lakebed.tql.parser.cursor import Cursor
from lakebed.tql.parser.height import MAX_DEPTH, MAX_HEIGHT, on_fresh_stack
from lakebed.tql.source import Span

T = TypeVar("T")

A, B, C, D = (n.Column(name) for name in "abcd")
STAR = (n.SelectItem(n.Star()),)
ALL = n.Select(STAR)


def where(text: str) -> n.Expr:
    body = parse(f"select * where {text}").body
    assert isinstance(body, n.Select)
    assert body.where is not None
    return body.where


def select(text: str) -> n.Select:
    body = parse(text).body
    assert isinstance(body, n.Select)
    return body


def error_of(text: str) -> TQLError:
    with pytest.raises(TQLError) as caught:
        parse(text)
    return caught.value


# --- expressions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("a.b", n.Column("b", "a")),
        ('"A b"."c"', n.Column("c", "A b")),
        ("'x'", n.Literal("x")),
        ("7", n.Literal(7)),
        ("7.0", n.Literal(7.0)),
        ("true", n.Literal(True)),
        ("false", n.Literal(False)),
        ("null", n.Literal(None)),
        ("-7", n.Literal(-7)),
        ("+7", n.Unary("+", n.Literal(7))),
        ("-a", n.Unary("-", A)),
        ("- + -a", n.Unary("-", n.Unary("+", n.Unary("-", A)))),
        ("- -7", n.Unary("-", n.Literal(-7))),
        ("-7[0]", n.Unary("-", n.Subscript(n.Literal(7), (n.Index(n.Literal(0)),)))),
        ("not a", n.Unary("NOT", A)),
        ("not not a = b", n.Unary("NOT", n.Unary("NOT", n.Binary("=", A, B)))),
        ("not a and b", n.Binary("AND", n.Unary("NOT", A), B)),
        ("a or b and c", n.Binary("OR", A, n.Binary("AND", B, C))),
        ("a and b or c and d", n.Binary("OR", n.Binary("AND", A, B), n.Binary("AND", C, D))),
        ("a and b and c", n.Binary("AND", n.Binary("AND", A, B), C)),
        ("a and (b and c)", n.Binary("AND", A, n.Binary("AND", B, C))),
        ("a == b", n.Binary("=", A, B)),
        ("a <> b", n.Binary("!=", A, B)),
        ("a <= b = c > d", n.Binary("=", n.Binary("<=", A, B), n.Binary(">", C, D))),
        ("a - b + c", n.Binary("+", n.Binary("-", A, B), C)),
        ("a * b // c % d / a", n.Binary("/", n.Binary("%", n.Binary("//", n.Binary("*", A, B), C), D), A)),
        ("a + b * c ^ d", n.Binary("+", A, n.Binary("*", B, n.Binary("^", C, D)))),
        ("a ^ b || c", n.Binary("^", A, n.Binary("||", B, C))),
        ("a || -b", n.Binary("||", A, n.Unary("-", B))),
        ("a like b", n.Like(A, B)),
        ("a not like b escape c", n.Like(A, B, C, negated=True)),
        ("a ilike b", n.Like(A, B, ignore_case=True)),
        ("a not ilike b", n.Like(A, B, negated=True, ignore_case=True)),
        ("a in (b, c)", n.InList(A, (B, C))),
        ("a not in (b)", n.InList(A, (B,), True)),
        ("a in array[b, c]", n.InList(A, (B, C))),
        ("a in (select *)", n.InQuery(A, n.Query(ALL))),
        ("a not in ((select *))", n.InQuery(A, n.Query(ALL), True)),
        ("a in ((b), c)", n.InList(A, (B, C))),
        ("a between b and c and d", n.Binary("AND", n.Between(A, B, C), D)),
        ("a not between b < c and d", n.Between(A, n.Binary("<", B, C), D, True)),
        ("a is null", n.IsNull(A)),
        ("a is not null", n.IsNull(A, True)),
        ("a isnull", n.IsNull(A)),
        ("a + b is null = c", n.Binary("=", n.IsNull(n.Binary("+", A, B)), C)),
        ("Max(a)", n.Call("MAX", (A,))),
        ("été(a)", n.Call("éTé", (A,))),
        ("f()", n.Call("F")),
        ("all(a)", n.Call("ALL", (A,))),
        ("count(*)", n.Call("COUNT", (n.Star(),))),
        ("count(distinct a, b)", n.Call("COUNT", (A, B), True)),
        ("m(a: b)", n.Call("M", (n.Weighted(A, B),))),
        ("m(a: 1, b or c: d)", n.Call("M", (n.Weighted(A, n.Literal(1)), n.Weighted(n.Binary("OR", B, C), D)))),
        ("case when a then b end", n.Case(None, (n.When(A, B),))),
        ("case a when b then c when c then d else a end", n.Case(A, (n.When(B, C), n.When(C, D)), A)),
        ("cast(a as float)", n.Cast(A, "FLOAT")),
        ("cast(a as Time)", n.Cast(A, "TIME")),
        ("exists (select *)", n.Exists(n.Query(ALL))),
        ("array[a, [b], array[]]", n.ArrayLiteral((A, n.ArrayLiteral((B,)), n.ArrayLiteral(())))),
        ("?", n.Parameter(None, 0)),
        (":a", n.Parameter("a", -1)),
        ("? = ?", n.Binary("=", n.Parameter(None, 0), n.Parameter(None, 1))),
        ("a[b]", n.Subscript(A, (n.Index(B),))),
        ("a[b, :]", n.Subscript(A, (n.Index(B), n.Slice()))),
        ("a[b:c:d]", n.Subscript(A, (n.Slice(B, C, D),))),
        ("a[:b, ::c, b:]", n.Subscript(A, (n.Slice(None, B), n.Slice(None, None, C), n.Slice(B)))),
        ("a[0][-1]", n.Subscript(n.Subscript(A, (n.Index(n.Literal(0)),)), (n.Index(n.Literal(-1)),))),
        ("(a)[b]", n.Subscript(A, (n.Index(B),))),
        ("f(a)[b]", n.Subscript(n.Call("F", (A,)), (n.Index(B),))),
    ],
)
def test_an_expression_becomes_the_tree_that_precedence_says(text: str, tree: n.Expr) -> None:
    assert where(text) == tree


# --- queries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("select *", ALL),
        ("select a, b.*, c as d", n.Select((n.SelectItem(A), n.SelectItem(n.Star("b")), n.SelectItem(C, "d")))),
        ("select b.c", n.Select((n.SelectItem(n.Column("c", "b")),))),
        ("select top", n.Select((n.SelectItem(n.Column("top")),))),
        ("select distinct a", n.Select((n.SelectItem(A),), True)),
        ("select distinct on (b, c) a", n.Select((n.SelectItem(A),), True, (B, C))),
        ("select * from a", n.Select(STAR, source=n.DatasetSource("a"))),
        ('select * from "a" b', n.Select(STAR, source=n.DatasetSource("a", None, "b", True))),
        ("select * from 'a' as b", n.Select(STAR, source=n.DatasetSource("a", None, "b", True))),
        ("select * from a version 'v' b", n.Select(STAR, source=n.DatasetSource("a", "v", "b"))),
        ("select * from (select *) b", n.Select(STAR, source=n.QuerySource(n.Query(ALL), "b"))),
        ("select * expand by 1", n.Select(STAR, expand=n.Expand(n.Literal(1)))),
        (
            "select * expand by ? :b overlap as c",
            n.Select(STAR, expand=n.Expand(n.Parameter(None, 0), n.Parameter("b", -1), True, "c")),
        ),
        ("select * expand by 1, 2 overlap false", n.Select(STAR, expand=n.Expand(n.Literal(1), n.Literal(2)))),
        (
            "select * group by a, b having c across time",
            n.Select(STAR, group_by=(A, B), having=C, across="TIME"),
        ),
        ("select * group by a across space", n.Select(STAR, group_by=(A,), across="SPACE")),
        ("select * ungroup by split", n.Select(STAR, ungroup=n.Ungroup())),
        ("select * ungroup by a", n.Select(STAR, ungroup=n.Ungroup(A))),
        ("select * ungroup by split(a)", n.Select(STAR, ungroup=n.Ungroup(n.Call("SPLIT", (A,))))),
        ("select * ungroup by split.a", n.Select(STAR, ungroup=n.Ungroup(n.Column("a", "split")))),
    ],
)
def test_a_select_becomes_its_tree(text: str, tree: n.Select) -> None:
    assert parse(text) == n.Query(tree)


@pytest.mark.parametrize(
    ("text", "kind", "on", "using"),
    [
        ("a join b on c", "INNER", C, ()),
        ("a inner join b on c", "INNER", C, ()),
        ("a left join b on c", "LEFT", C, ()),
        ("a left outer join b using (c)", "LEFT", None, ("c",)),
        ("a right join b on c", "RIGHT", C, ()),
        ("a right outer join b on c", "RIGHT", C, ()),
        ("a full join b on c", "FULL", C, ()),
        ("a full outer join b on c", "FULL", C, ()),
        ("a outer join b using (c, d)", "FULL", None, ("c", "d")),
        ("a cross join b", "CROSS", None, ()),
        ("a, b", "CROSS", None, ()),
    ],
)
def test_every_kind_of_join(text: str, kind: n.JoinKind, on: n.Expr | None, using: tuple[str, ...]) -> None:
    expected = n.Join(kind, n.DatasetSource("a"), n.DatasetSource("b"), on, using)
    assert select(f"select * from {text}").source == expected


def test_joins_and_commas_lean_left() -> None:
    a, b, c = (n.DatasetSource(name) for name in "abc")
    assert select("select * from a, b join c on d").source == n.Join("INNER", n.Join("CROSS", a, b), c, D)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("select * order by a", n.Query(ALL, order_by=(n.OrderItem(A),))),
        ("select * order by a asc, b desc", n.Query(ALL, order_by=(n.OrderItem(A), n.OrderItem(B, True)))),
        ("select * order by a nulls first", n.Query(ALL, order_by=(n.OrderItem(A, nulls_first=True),))),
        ("select * order by a desc nulls last", n.Query(ALL, order_by=(n.OrderItem(A, True, False),))),
        ("select * limit a", n.Query(ALL, limit=n.Limit(A))),
        ("select * limit all", n.Query(ALL, limit=n.Limit(None))),
        ("select * limit all offset b", n.Query(ALL, limit=n.Limit(None), offset=B)),
        ("select * limit a percent", n.Query(ALL, limit=n.Limit(A, True))),
        ("select * offset b limit a", n.Query(ALL, limit=n.Limit(A), offset=B)),
        ("select top 5 * offset b", n.Query(ALL, limit=n.Limit(n.Literal(5)), offset=B)),
        ("select * sample by a", n.Query(ALL, sample=n.SampleBy(A))),
        ("select * sample by a replace limit b", n.Query(ALL, sample=n.SampleBy(A, True, n.Limit(B)))),
        ("select * sample by a replace true", n.Query(ALL, sample=n.SampleBy(A))),
        (
            "select * limit c sample by a replace false limit b percent",
            n.Query(ALL, limit=n.Limit(C), sample=n.SampleBy(A, False, n.Limit(B, True))),
        ),
        ("with a as (select *) select *", n.Query(ALL, (n.CommonTable("a", n.Query(ALL)),))),
        ("(select *)", n.Query(ALL)),
        ("((select * limit a))", n.Query(ALL, limit=n.Limit(A))),
        ("(select *) limit a", n.Query(ALL, limit=n.Limit(A))),
        ("(select * limit a) limit b", n.Query(n.Query(ALL, limit=n.Limit(A)), limit=n.Limit(B))),
        ("select * union select *", n.Query(n.SetOperation("UNION", False, ALL, ALL))),
        ("select * except all (select *)", n.Query(n.SetOperation("EXCEPT", True, ALL, ALL))),
        (
            "select * union select * intersect select *",
            n.Query(n.SetOperation("INTERSECT", False, n.SetOperation("UNION", False, ALL, ALL), ALL)),
        ),
        (
            "select * union (select * intersect select *)",
            n.Query(n.SetOperation("UNION", False, ALL, n.SetOperation("INTERSECT", False, ALL, ALL))),
        ),
        (
            "(select * limit a) union select top 5 * limit b",
            n.Query(
                n.SetOperation(
                    "UNION", False, n.Query(ALL, limit=n.Limit(A)), n.Query(ALL, limit=n.Limit(n.Literal(5)))
                ),
                limit=n.Limit(B),
            ),
        ),
    ],
)
def test_a_query_becomes_its_tree(text: str, tree: n.Query) -> None:
    assert parse(text) == tree


# --- places --------------------------------------------------------------------------------------------------------


def test_every_node_knows_the_text_it_came_from() -> None:
    text = """with t as (select *) select distinct on (a) b.*, (a + 1) * -2 as c, f(*), m(a: 1), - a
        from "p" version 'v' x left join (select *) y on a in (1) join z using (q), w
        where not a and x[1, 2:3] is null and case when a then 'b' end like ? and exists (select *)
          and cast(a as int) between array[[1]] and :n or a in (select *)
        expand by 1 2 overlap true as e group by g having h across time ungroup by u
        order by o desc nulls first limit 5 percent offset 6 sample by s replace false limit 7"""
    shown = {(type(node).__name__, text[node.span.start : node.span.end]) for node in parse(text).walk()}
    for expected in [
        ("CommonTable", "t as (select *)"),
        ("Star", "b.*"),
        ("Binary", "(a + 1) * -2"),
        ("Binary", "a + 1"),
        ("Literal", "-2"),
        ("SelectItem", "(a + 1) * -2 as c"),
        ("Call", "f(*)"),
        ("Star", "*"),
        ("Weighted", "a: 1"),
        ("Unary", "- a"),
        ("DatasetSource", "\"p\" version 'v' x"),
        ("QuerySource", "(select *) y"),
        ("Join", "\"p\" version 'v' x left join (select *) y on a in (1)"),
        ("Join", "\"p\" version 'v' x left join (select *) y on a in (1) join z using (q), w"),
        ("InList", "a in (1)"),
        ("Unary", "not a"),
        ("Subscript", "x[1, 2:3]"),
        ("Index", "1"),
        ("Slice", "2:3"),
        ("IsNull", "x[1, 2:3] is null"),
        ("Case", "case when a then 'b' end"),
        ("When", "when a then 'b'"),
        ("Like", "case when a then 'b' end like ?"),
        ("Parameter", "?"),
        ("Exists", "exists (select *)"),
        ("Cast", "cast(a as int)"),
        ("Between", "cast(a as int) between array[[1]] and :n"),
        ("ArrayLiteral", "array[[1]]"),
        ("ArrayLiteral", "[1]"),
        ("Parameter", ":n"),
        ("InQuery", "a in (select *)"),
        ("Query", "select *"),
        ("Expand", "expand by 1 2 overlap true as e"),
        ("Ungroup", "ungroup by u"),
        ("OrderItem", "o desc nulls first"),
        ("Limit", "limit 5 percent"),
        ("SampleBy", "sample by s replace false limit 7"),
        ("Limit", "limit 7"),
        ("Query", text),
    ]:
        assert expected in shown
    both = parse("select a union select b")
    assert isinstance(both.body, n.SetOperation)
    assert [both.body.span, both.body.left.span, both.body.right.span] == [Span(0, 23), Span(0, 8), Span(15, 23)]


def test_a_chain_of_ands_knows_its_place() -> None:
    text = "select * where a and b and c"
    tree = where("a and b and c")
    assert text[tree.span.start : tree.span.end] == "a and b and c"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("select a b c", "syntax"),
        ("select (a", "unclosed"),
        ("select 'a", "unclosed"),
        ("select (select a)", "scalar-sub-query"),
        ("select * from a natural join b", "natural-join"),
        ("select top 5 * limit 5", "two-limits"),
        ("select 9223372036854775808", "number-too-large"),
    ],
)
def test_an_error_has_a_kind_that_programs_may_compare(text: str, kind: str) -> None:
    assert error_of(text).kind == kind


# --- limits --------------------------------------------------------------------------------------------------------

NESTS: dict[str, tuple[str, str, str]] = {
    "parentheses": ("(", "a", ")"),
    "calls": ("f(", "a", ")"),
    "subscripts": ("a[", "b", "]"),
    "arrays": ("array[", "a", "]"),
    "CASE": ("case when a then ", "b", " end"),
    "casts": ("cast(", "a", " as int)"),
    "NOT": ("not ", "a", ""),
    "signs": ("- ", "a", ""),
    "IN with lists": ("a in (", "b", ")"),
    "weights": ("m(a: ", "b", ")"),
    "IN with queries": ("a in (select * where ", "b", ")"),
    "EXISTS": ("exists (select * where ", "b", ")"),
}


@pytest.mark.parametrize("name", NESTS)
def test_nesting_is_fine_up_to_its_limit_and_refused_past_it(name: str) -> None:
    before, inside, after = NESTS[name]

    def nested(levels: int) -> str:
        return "select * where " + before * levels + inside + after * levels

    tree = parse(nested(MAX_DEPTH))
    assert parse(to_text(tree)) == tree
    error = error_of(nested(MAX_DEPTH + 1))
    assert isinstance(error, TQLLimitError)
    assert error.kind == "too-deep"
    assert error.span.start >= len("select * where " + before * MAX_DEPTH)


@pytest.mark.parametrize("before", ["(", "select * from ("])
def test_queries_nest_to_the_same_limit(before: str) -> None:
    def nested(levels: int) -> str:
        return before * levels + "select *" + ")" * levels

    assert to_text(parse(nested(MAX_DEPTH))).startswith("SELECT *")
    assert error_of(nested(MAX_DEPTH + 1)).kind == "too-deep"


def test_levels_count_again_after_they_close() -> None:
    text = "select " + ", ".join(["(((a)))"] * MAX_DEPTH)
    assert len(select(text).items) == MAX_DEPTH
    mixed = "select * where " + "(" * (MAX_DEPTH - 1) + "- a" + ")" * (MAX_DEPTH - 1)
    assert height(parse(mixed)) == 4
    assert error_of(mixed.replace("- a", "- - a")).kind == "too-deep"
    assert error_of(mixed.replace("- a", "not not a")).kind == "too-deep"


def test_brackets_closed_before_do_not_let_later_ones_nest_deeper() -> None:
    deep = "(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1)
    assert error_of(f"select ((((a)))), x[1], f(x), {deep}").kind == "too-deep"
    assert (
        error_of(f"select ((((a)))), x[1], f(x), {deep}").message == f"the query nests deeper than {MAX_DEPTH} levels"
    )


def test_only_every_sixteenth_level_takes_a_stack_of_its_own() -> None:
    def thread_at(depth: int) -> int:
        cursor = Cursor("(", tokenize("("))
        cursor.depth = depth - 1
        return cursor.nested(cursor.token, threading.get_ident)

    elsewhere = [depth for depth in range(1, 65) if thread_at(depth) != threading.get_ident()]
    assert elsewhere == [16, 32, 48, 64]


def test_levels_full_of_operators_fit_the_stack() -> None:
    before, after = "a or b and not c = d < e + f * g ^ h || - x[(", ")]"
    levels = MAX_HEIGHT // 15
    tree = where(before * levels + "a" + after * levels)
    assert where(to_text(tree)) == tree
    before, after = "a or b and not c = d < e + f * g ^ h || - x[a in (select * where ", ")]"
    levels = MAX_HEIGHT // 20
    tree = where(before * levels + "a" + after * levels)
    assert where(to_text(tree)) == tree


def at_depth(frames: int, function: Callable[[], T]) -> T:
    return function() if frames == 0 else at_depth(frames - 1, function)


@pytest.mark.parametrize("frames", [500, 800, 940])
def test_a_caller_deep_in_its_own_recursion_gets_its_tree(frames: int) -> None:
    text = "select * where " + "a in (select * where " * 50 + "b" + ")" * 50
    expected = parse(text)
    # On a thread of its own, so that the frames of the test runner do not count.
    assert on_fresh_stack(lambda: at_depth(frames, lambda: parse(text))) == expected


def test_errors_from_a_fresh_stack_are_the_same_errors() -> None:
    text = "select * where " + "(" * 100 + "a +" + ")" * 100
    error = error_of(text)
    assert isinstance(error, TQLSyntaxError)
    assert error.message == 'expected an expression, found ")"'
    assert error.span == Span(118, 119)


def test_parsing_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    parse("select * where " + "(" * 200 + "a" + ")" * 200)
    assert threading.active_count() == before


def test_long_chains_of_and_and_or_stay_low() -> None:
    for word in ("and", "or"):
        tree = where(f" {word} ".join(f"a{i} = {i}" for i in range(10_000)))
        assert height(tree) == 49
        assert [node.value for node in tree.walk() if isinstance(node, n.Literal)] == list(range(10_000))
        assert where(to_text(tree)) == tree


def test_short_chains_of_and_lean_left() -> None:
    names = [n.Column(f"a{i}") for i in range(65)]
    expected: n.Expr = names[0]
    for name in names[1:64]:
        expected = n.Binary("AND", expected, name)
    assert where(" and ".join(name.name for name in names[:64])) == expected
    assert height(where(" and ".join(name.name for name in names))) < 64


def test_a_union_of_thousands_of_branches_is_parsed_printed_and_compared() -> None:
    text = " union ".join(f"(select * where a = {i} limit 5)" for i in range(3_000))
    tree = parse(text)
    assert parse(to_text(tree)) == tree
    assert hash(parse(text)) == hash(tree)
    assert repr(tree).count("SetOperation(") == 2_999


def test_a_tree_too_high_is_refused() -> None:
    # A query, a select, an item, and the sum over it: the chain has one node less than operands.
    chain = ["a"] * (MAX_HEIGHT - 3)
    assert height(parse("select " + " + ".join(chain))) == MAX_HEIGHT
    error = error_of("select " + " + ".join([*chain, "a"]))
    assert isinstance(error, TQLLimitError)
    assert error.kind == "too-high"
    assert error.text[error.span.start : error.span.end] == "a"
    assert error.message == f"the query's tree is higher than {MAX_HEIGHT} nodes"


def test_the_right_side_of_a_union_counts_for_the_height() -> None:
    chain = " + ".join(["a"] * (MAX_HEIGHT - 4))
    assert height(parse(f"select b union select {chain}")) == MAX_HEIGHT
    assert height(parse(f"select b union select {chain} union select {chain}")) == MAX_HEIGHT + 1
    assert error_of(f"select b union select {chain} + a").kind == "too-high"


def height(tree: n.Node) -> int:
    """Nodes from the root to the furthest leaf."""
    level, found = [tree], 0
    while level:
        found += 1
        level = [child for node in level for child in node.children()]
    return found


def test_nodes_of_equal_text_are_equal_and_have_equal_hashes() -> None:
    one, other = parse("select a, 1 where b"), parse("SELECT  a , 1 WHERE b;")
    assert one == other
    assert hash(one) == hash(other)
    assert one.span != other.span
    assert len({one, other, parse("select a, 1.0 where b"), parse("select a, true where b")}) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 1", "select 1.0"),
        ("select 1", "select true"),
        ("select a", "select a, b"),
        ("select a", "select *"),
        ("select a", "select b"),
    ],
)
def test_nodes_of_unequal_text_differ(one: str, other: str) -> None:
    assert parse(one) != parse(other)
    assert parse(one) != one


def test_a_tree_shows_itself_like_a_dataclass() -> None:
    assert repr(where("a in (1, 'x')")) == (
        "InList(value=Column(name='a', source=None), items=(Literal(value=1), Literal(value='x')), negated=False)"
    )
    assert repr(n.Call("F", (n.Star(),))) == "Call(name='F', args=(Star(source=None),), distinct=False)"
    assert repr(n.Call("F")) == "Call(name='F', args=(), distinct=False)"


def test_children_come_in_the_order_of_the_text() -> None:
    tree = where("a between b and c")
    assert list(tree.children()) == [A, B, C]
    assert list(tree.walk()) == [tree, A, B, C]
