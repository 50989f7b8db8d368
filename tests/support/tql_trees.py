"""Strategies for query trees as the parser makes them: any tree from here prints to a text that parses back to it."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st
from lakebed.tql import nodes as n

names = st.sampled_from(["a", "b", "boxes", "sample", "order", "my column", 'q"q', "split", "top", "end", "all", "é"])
maybe_names = st.none() | names
bare_words = st.sampled_from(["X", "INT", "REPLACE", "TIME", "MAX_WEIGHT"])

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
literals = st.builds(n.Literal, numbers | st.text(max_size=5) | st.booleans() | st.none())
columns = st.builds(n.Column, names, maybe_names)
parameters = st.builds(n.Parameter, st.sampled_from(["p", "time"]), st.just(-1))
leaves = literals | columns | parameters


def tuples(items: st.SearchStrategy[Any], least: int = 1, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=least, max_size=most).map(tuple)


def combined(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One more node over the expressions below."""
    selects = st.builds(n.Select, tuples(items(below), most=2), where=st.none() | below)
    queries = st.builds(n.Query, selects)
    subscripts = st.builds(n.Index, below) | st.builds(n.Slice, *[st.none() | below] * 3)
    weighted = st.builds(n.Weighted, below, below)
    plain_calls = st.builds(n.Call, bare_words, tuples(below, 0))
    return st.one_of(
        st.builds(n.Unary, st.sampled_from(get_args(n.UnaryOp)), below),
        st.builds(n.Binary, st.sampled_from(get_args(n.BinaryOp)), below, below),
        st.builds(n.Like, below, below, st.none() | below, st.booleans(), st.booleans()),
        st.builds(n.InList, below, tuples(below), st.booleans()),
        st.builds(n.InQuery, below, queries, st.booleans()),
        st.builds(n.Between, below, below, below, st.booleans()),
        st.builds(n.IsNull, below, st.booleans()),
        plain_calls,
        st.builds(n.Call, bare_words, tuples(below), st.just(True)),
        st.builds(n.Call, bare_words, tuples(weighted)),
        st.just(n.Call("COUNT", (n.Star(),))),
        st.builds(n.Case, st.none() | below, tuples(st.builds(n.When, below, below)), st.none() | below),
        st.builds(n.Cast, below, bare_words),
        st.builds(n.Exists, queries),
        st.builds(n.Subscript, below, tuples(subscripts)),
        st.builds(n.ArrayLiteral, tuples(below, 0)),
    )


def items(value: st.SearchStrategy[Any]) -> st.SearchStrategy[n.SelectItem]:
    stars = st.builds(n.Star, maybe_names)
    return st.builds(n.SelectItem, stars) | st.builds(n.SelectItem, value, maybe_names)


expressions: st.SearchStrategy[Any] = st.recursive(leaves, combined, max_leaves=12)
small: st.SearchStrategy[Any] = leaves | st.builds(n.Binary, st.sampled_from(["=", "+", "AND"]), leaves, leaves)

limits = st.builds(n.Limit, small, st.booleans())
orders = st.builds(n.OrderItem, small, st.booleans(), st.none() | st.booleans())
counts = st.builds(n.Literal, st.integers(0, 2**63 - 1)) | parameters
expands = st.builds(n.Expand, counts, st.none() | counts, st.booleans(), maybe_names)
plain_paths = st.builds(
    n.DatasetSource,
    st.sampled_from(["a", "coco", "left", "version"]),
    st.none() | st.text(max_size=3),
    maybe_names,
)
quoted_paths = st.builds(
    n.DatasetSource, st.text(min_size=1, max_size=5), st.none() | st.text(max_size=3), maybe_names, st.just(True)
)


@st.composite
def sources(draw: st.DrawFn, queries: st.SearchStrategy[n.Query]) -> n.Source:
    """One to three sources joined from left to right."""
    one = plain_paths | quoted_paths | st.builds(n.QuerySource, queries, maybe_names)
    found: n.Source = draw(one)
    for kind in draw(st.lists(st.sampled_from(get_args(n.JoinKind)), max_size=2)):
        if kind == "CROSS":
            found = n.Join(kind, found, draw(one))
        elif draw(st.booleans()):
            found = n.Join(kind, found, draw(one), on=draw(small))
        else:
            found = n.Join(kind, found, draw(one), using=draw(tuples(names)))
    return found


@st.composite
def selects(draw: st.DrawFn, queries: st.SearchStrategy[n.Query]) -> n.Select:
    grouped = draw(st.booleans())
    distinct = draw(st.booleans())
    return n.Select(
        items=draw(tuples(items(small))),
        distinct=distinct,
        distinct_on=draw(tuples(small, 0)) if distinct else (),
        source=draw(st.none() | sources(queries)),
        where=draw(st.none() | small),
        expand=draw(st.none() | expands),
        group_by=draw(tuples(small)) if grouped else (),
        having=draw(st.none() | small) if grouped else None,
        across=draw(st.sampled_from([None, "TIME", "SPACE"])) if grouped else None,
        ungroup=draw(st.none() | st.builds(n.Ungroup, st.none() | small)),
    )


def adds(query: n.Query) -> bool:
    """Whether the query is more than its body: if not, the parser takes the body in its place."""
    return query != n.Query(query.body)


def larger(below: st.SearchStrategy[n.Query]) -> st.SearchStrategy[n.Query]:
    """Queries with the queries below in FROM, WITH, and as branches."""
    branches = selects(below) | below.map(lambda query: query if adds(query) else query.body)
    bodies = branches | st.builds(
        n.SetOperation, st.sampled_from(get_args(n.SetOperator)), st.booleans(), branches, branches
    )
    tables = st.builds(n.CommonTable, names, below)
    samples = st.builds(n.SampleBy, small, st.booleans(), st.none() | limits)
    found = st.builds(
        n.Query,
        bodies,
        tuples(tables, 0, 2),
        tuples(orders, 0, 2),
        st.none() | limits | st.just(n.Limit(None)),
        st.none() | small,
        st.none() | samples,
    )
    return found.map(lambda query: query.body if isinstance(query.body, n.Query) and not adds(query) else query)


queries: st.SearchStrategy[n.Query] = st.recursive(
    st.builds(n.Query, st.builds(n.Select, tuples(items(leaves)))), larger, max_leaves=4
)
"""Whole queries."""
