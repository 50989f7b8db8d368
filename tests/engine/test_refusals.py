"""Queries that are refused: each with the kind of its error and what it says."""

from __future__ import annotations

from typing import Any

import pytest
from lakebed.tql.errors import TQLError

from corpus_data import Columns
from lakebed import engine
from memory_source import MemorySource

REFUSED: list[tuple[str, Any, str, str]] = [
    ("select num || text as x", (), "not-text", "|| joins texts, and this is integer"),
    ("select sum(num) from (select * having num > 1)", (), "syntax", 'expected ")", found HAVING'),
    ("select * having num > 1", (), "syntax", "expected the end of the query, found HAVING"),
    ("select count(*) having count(*) > 1", (), "syntax", "expected the end of the query, found HAVING"),
    ("select count(*) expand by 1", (), "misplaced-count", "COUNT(*) does not go with EXPAND BY"),
    (
        "select count(*) from (select * group by flag) ungroup by split",
        (),
        "misplaced-count",
        "COUNT(*) does not go with UNGROUP BY",
    ),
    ("select iou(boxes, boxes) as x", (), "argument-type", "IOU compares each box with one box of four numbers"),
    (
        "select maxsim(emb, grid) as x",
        (),
        "argument-type",
        "MAXSIM works on two-dimensional arrays, and this is float array (n,)",
    ),
    ("select nonzero(num) as x", (), "argument-type", "NONZERO works on arrays, and this is integer"),
    (
        "select coalesce(emb, 1) as x",
        (),
        "argument-type",
        "COALESCE works on single values, and this is float array (n,)",
    ),
    ("select sum(distinct categories) as x", (), "distinct-call", "DISTINCT inside a function works in COUNT only"),
    ("select prod(images) as x", (), "pixels", "PROD does not look at pixels"),
    ("select count(images) as x", (), "pixels", "COUNT does not look at pixels"),
    ("select * offset -1", (), "bad-offset", "OFFSET cannot be negative, and is -1"),
    ("select * limit 200 percent", (), "bad-limit", "a percentage is a known number from 0 to 100"),
    ("select * limit score percent", (), "bad-limit", "a percentage is a known number from 0 to 100"),
    ("select distinct images", (), "pixels", "DISTINCT does not compare pixels"),
    ("select distinct *", (), "pixels", "DISTINCT does not compare pixels"),
    ("select * group by images", (), "bad-key", "rows cannot be grouped by image"),
    (
        "select a.num as n from (select num) as a join (select num) as b on a.num = b.num expand by 1",
        (),
        "bad-expand",
        "EXPAND BY needs rows of one dataset",
    ),
    ("select * expand by :n", {"n": -1}, "bad-expand", "EXPAND BY needs numbers of rows from 0"),
    ("select * group by flag ungroup by split", (), "group-and-ungroup", "GROUP BY and UNGROUP BY in one SELECT"),
    (
        "select * from (select num group by flag) ungroup by 0",
        (),
        "bad-ungroup",
        "UNGROUP BY takes SPLIT, a whole number or an array of them",
    ),
    (
        "select * from (select num group by flag) ungroup by 'a'",
        (),
        "bad-ungroup",
        "UNGROUP BY takes SPLIT, a whole number or an array of them",
    ),
    ("select * where text like text", (), "bad-pattern", "the pattern of LIKE is a known text"),
    (
        "select * where num in (select num, text)",
        (),
        "wrong-columns",
        "IN needs a query of one column, and this one has 2",
    ),
    (
        "select * where emb in (select num)",
        (),
        "array-in-query",
        "IN (SELECT ...) needs one value on its left, and this is float array (n,)",
    ),
    ("select array[num] as x", (), "array-of-columns", "an array literal holds known values only"),
    (
        "select num as x union select text as x",
        (),
        "branch-columns",
        "the column 'x' is integer in one branch and text in another",
    ),
    ("select shape(*) as x", (), "misplaced-star", "* stands in SELECT lists and in COUNT(*) only"),
    ("select max_weight(true: 1, *) as x", (), "syntax", 'expected an expression, found "*"'),
    ("select contains(num, true: 1) as x", (), "syntax", 'expected ")", found ":"'),
    ("select contains(images, 1) as x", (), "pixels", "CONTAINS does not look at pixels"),
    ("select contains(emb, array[1, 2]) as x", (), "array-argument", "CONTAINS looks for one value, not an array"),
    ("select link_url(num) as x", (), "not-a-link", "LINK_URL works on link[...] columns, and this is integer"),
    ("select count(*), num", (), "misplaced-count", "COUNT(*) without GROUP BY is the only column of its query"),
    ("select data(num, num) as x", (), "argument-type", "DATA takes a known row number"),
    ("select data(num + 1, 0) as x", (), "argument-type", "DATA takes a column of the dataset"),
    (
        "select bm25_similarity(meta, 'a') as x",
        (),
        "argument-type",
        "BM25_SIMILARITY takes a text column of the dataset",
    ),
    ("select bm25_similarity(text, '') as x", (), "argument-type", "BM25_SIMILARITY takes known words to look for"),
    ("select bm25_similarity(text, text) as x", (), "argument-type", "BM25_SIMILARITY takes known words to look for"),
    ("select max_weight(1) as x", (), "argument-type", "MAX_WEIGHT takes pairs condition: weight"),
    ("select max_weight(true: text) as x", (), "bad-weight", "a weight is a number, and this is text"),
    ("select meta[1:] as x", (), "json-slice", "a JSON value is indexed by a key or a position"),
    ("select meta[1.5] as x", (), "bad-key", "a JSON key is text or an integer, and this is float"),
    ("select meta[text] as x", (), "dynamic-key", "a JSON key is a known text"),
    ("select emb['a'] as x", (), "bad-index", "an index is an integer, and this is text"),
    ("select emb[1.5] as x", (), "bad-index", "an index is an integer, and this is float"),
    ("select emb[::0] as x", (), "zero-step", "the step of a slice cannot be 0"),
    ("select emb[num:] as x", (), "bad-slice", "the bounds of a slice are known integers"),
    ("select cast(num as image) as x", (), "unknown-type", "there is no type IMAGE"),
    ("select cast(images as text) as x", (), "pixels", "pixels cannot be cast"),
    (
        "select * where contains(categories, '*zz*')",
        (),
        "unknown-class",
        "unknown class name '*zz*' in column \"categories\"",
    ),
    ("select * where categories = 'zebra'", (), "unknown-class", "unknown class name 'zebra' in column \"categories\""),
    (
        "select * where categories in ('zebra')",
        (),
        "unknown-class",
        "unknown class name 'zebra' in column \"categories\"",
    ),
    ("select * where num = ?", [b"a"], "bad-value", "a value of Python type bytes cannot be used in a query"),
    ("select * where num = ?", [2**70], "overflow", "the integer 1180591620717411303424 does not fit in 64 bits"),
    (
        "select array[array[1], array[1, 2]] as x",
        (),
        "ragged-array",
        "the rows of an array literal have different lengths",
    ),
    (
        "select array[1, 'a'] as x",
        (),
        "mixed-array",
        "an array holds elements of one type, and this one has integer and text",
    ),
    ("select array[null] as x", (), "mixed-array", "an array holds elements of one type, and this one has null"),
    ("select x.* from (select num) as t", (), "unknown-source", "there is no source 'x' in FROM"),
    ("select x.num from (select num) as t", (), "unknown-source", "there is no source 'x' in FROM"),
    (
        "select num from (select num) as a join (select num) as b on a.num = b.num",
        (),
        "ambiguous-name",
        "the column 'num' is in several sources",
    ),
    (
        "select * from (select num) as a join (select num) as a on true",
        (),
        "duplicate-source",
        "two sources are called 'a'",
    ),
    (
        "select * from (select num) as a join (select text) as b using (num)",
        (),
        "unknown-column",
        "USING needs a column 'num' on each side",
    ),
    ("select * where number = 1", (), "unknown-column", "there is no column 'number'"),
    ("select * where hello = 1", (), "unknown-column", "there is no column 'hello'"),
    (
        "select sample_info(num) as x",
        (),
        "argument-type",
        "SAMPLE_INFO works on images and other files, and this is integer",
    ),
    ("select height(num) as x", (), "argument-type", "HEIGHT works on images and other files, and this is integer"),
    ("select images[0] as x", (), "not-an-array", "image has no elements to pick"),
    ("select * where images = 1", (), "pixels", "pixels cannot be compared"),
    ("select * where images", (), "not-a-condition", "a condition is expected here, and this is image"),
    ("select * order by images", (), "array-order", "ORDER BY needs one value per row, and this is image"),
    ("select num as a, a + 1 as a", (), "circular-alias", "the alias 'a' is defined by itself"),
    ("select a + 1 as a", (), "circular-alias", "the alias 'a' is defined by itself"),
    ("select * limit 1 / 0", (), "bad-limit", "LIMIT needs a known whole number"),
    ("select -text as x", (), "not-a-number", "- needs numbers, and this is text"),
    ("select num[0] as x", (), "not-an-array", "integer has no elements to pick"),
    ("select * where any(images)", (), "not-a-condition", "a condition is expected here, and this is image"),
    ('select * from "other"', (), "unknown-dataset", "there is no source 'other'"),
    ("select shape(true: 1) as x", (), "misplaced-weight", "condition: weight belongs into MAX_WEIGHT and SUM_WEIGHT"),
    (
        "select * where categories = array['car', 'bus']",
        (),
        "shape-mismatch",
        "arrays of shapes [1] and [2] do not fit together",
    ),
    ("select num from (select num as a, flag) as t", (), "unknown-column", "there is no column 'num'"),
    ("select contains(images[0], 1) as x", (), "not-an-array", "image has no elements to pick"),
]


@pytest.mark.parametrize(("query", "params", "kind", "message"), REFUSED)
def test_a_query_that_means_nothing_is_refused_with_a_reason(
    query: str, params: Any, kind: str, message: str, street: MemorySource
) -> None:
    with pytest.raises(TQLError) as raised:
        engine.run(street, query, params)
    assert (raised.value.kind, raised.value.message) == (kind, message)
    assert 0 <= raised.value.span.start <= raised.value.span.end <= len(query)


def test_a_groups_name_is_told_how_its_tensors_are_written() -> None:
    source = Columns().scalar("gt/n", "int64", list(range(40))).source()
    with pytest.raises(TQLError, match="there is no column 'gt'") as caught:
        engine.run(source, "select * where gt/n > 3")
    assert caught.value.hint == "'gt' is a group; its tensors are written in double quotes: \"gt/n\""
