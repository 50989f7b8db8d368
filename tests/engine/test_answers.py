"""Answers to queries over the small dataset, worked out by hand: rows, and values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lakebed import engine
from memory_source import MemorySource

ROWS: list[tuple[str, Any, list[int]]] = [
    ("select num where num > 1 order by row_number() desc limit 2", (), [6, 5]),
    ("select * from (select * where num > 1 order by num) where row_number() = 1", (), [0]),
    ("select * order by shape(grid)[0] desc limit 2", (), [0, 1]),
    ("select * order by shape(boxes)[0] desc limit 2", (), [1, 3]),
    ("select * order by count(text) limit 2", (), [2, 0]),
    ("select * where num in (9, score + 4)", (), [4, 6]),
    ("select * where meta['l'] > 0", (), []),
    ("select * where not meta['a'] = 1", (), [0, 1, 6]),
    ("select * limit 5 - 3", (), [0, 1]),
    ("select * limit -(1 - 3)", (), [0, 1]),
    ("((select num where num > 2 order by num desc) limit 2) order by num", (), [5, 6]),
    ("(select num where num > 2) union ((select num where num < 2))", (), [0, 1, 4, 5, 6, 7]),
    ("select num from ((select * where num > 1) limit 2)", (), [0, 3]),
    (
        "select * from ((select * order by num desc) union all (select * where flag)) where num > 2",
        (),
        [5, 6, 4, 0, 0, 4],
    ),
    ("(select * from (select * order by num desc) where num > 5) union (select * where num = 1)", (), [5, 6, 1]),
    (
        (
            "select * where exists (select * from (select num as a) as x join (select num as b) as y on x.a = "
            "y.b + num where y.b > 1)"
        ),
        (),
        [0, 1, 3, 4, 7],
    ),
    (
        (
            "select * where exists (select * from (select num as a) as x cross join (select num as b) as y where "
            "x.a = y.b + num)"
        ),
        (),
        [0, 1, 3, 4, 5, 6, 7],
    ),
    ("select num where num in (select count(*) as n group by flag)", (), [0, 1]),
    ("select num where exists (select flag group by flag having count(*) > num)", (), []),
    ("select num where num in (select a from ((select num as a where flag)))", (), [0, 3, 4, 7]),
    ("select num where num in (select num where flag union select num where num = 1)", (), [0, 1, 3, 4, 7]),
    ("select num where row_number() > 1 and row_number() < 5 and row_number() in (2, 4)", (), [2, 4]),
    ("select num where row_number() < 2 or row_number() > 6", (), [0, 1, 7]),
    ("select num where 2 < row_number()", (), [3, 4, 5, 6, 7]),
    ("select num where 1 = row_number()", (), [1]),
    ("select num where row_number() = 1.5", (), []),
    ("select num where row_number() in (1.5)", (), []),
    ("select num where row_number() + 1 = 3", (), [2]),
    ("select num where row_number() = 1 and flag", (), []),
    ("select num where any(categories + 1 = 2)", (), [1, 3]),
    ("select num where any('bus' = categories)", (), [1, 3]),
    ("select num where any(1 < categories)", (), [4, 7]),
    ("select num where any(categories = 1.0)", (), [1, 3]),
    ("select num where any(categories)", (), [1, 3, 4, 7]),
    ("select num where not any(categories in (0, 1))", (), [2, 4, 5]),
    ("select num where num in (1, 2, 7)", (), [1, 3, 5, 6]),
    ("select num where num in (1, 2.5)", (), [1]),
    ("select num where 3 > num", (), [1, 3, 7]),
    ("select num where flag in (1)", (), [0, 3, 4, 7]),
    ("select num where flag in (true, false)", (), [0, 1, 3, 4, 5, 6, 7]),
    ("select num where num in (?)", [float("nan")], []),
    ("select num where any(boxes[:, 2] + boxes[:, 0] > 70)", (), [7]),
    ("select num where all(boxes[:, 2] + boxes[:, 0] > 30)", (), [2, 3, 4, 5, 6, 7]),
    ("select num where all_strict(boxes[:, 2] * 2 > 60)", (), [4, 6, 7]),
    ("select num where any(categories = 'bus' and boxes[:, 2] > 30)", (), [3]),
    ("select num where any(boxes[:, 2] in (10, 20, 30, 40, 50, 60, 70, 80, 90))", (), [1, 3, 4, 6, 7]),
    ("select num where any(boxes[:, -1] < 3 or abs(boxes[:, 2]) > 60)", (), [6, 7]),
    ("select num where any(boxes[:, num] > 60)", (), []),
    ("select num where any(boxes[:, 7] > 1)", (), []),
    ("select num where any(boxes > 70)", (), [7]),
    ("select * order by meta['a'], num", (), [0, 6, 1, 7, 3, 4, 5, 2]),
    ("select * order by meta['a'] desc", (), [1, 6, 0, 2, 3, 4, 5, 7]),
    ("select * where meta['a'] = null", (), []),
    ("select * where 4 = meta['a']", (), [0]),
    ("select * where 4 < meta['a']", (), [6]),
    ("select * where meta['a'] = meta['a']", (), [0, 1, 6]),
    ("select * where meta['l'] = meta['l']", (), [0]),
    ("select * where meta['a'] < meta['l'][1]", (), []),
    ("select * where any(meta['l'] = 2)", (), [0]),
    ("select * where any(meta = 'text')", (), [7]),
    ("select * where meta like 'te*'", (), [7]),
    ("select * where meta['b']['c'] like '?'", (), [4]),
    ("select num limit 50 percent", (), [0, 1, 2, 3]),
    ("select num where num + 1 > 2 offset 3", (), [5, 6]),
    ("select * where num in (1, score)", (), [1]),
    ("select * where num in (score)", (), []),
    ("select * where num = null", (), []),
    ("select * where text like '(a' or text like 'a)b('", (), []),
    ("select * where text like 'x!_y' escape '!'", (), [5]),
    ("select * limit 2 + 1", (), [0, 1, 2]),
    ("select * limit 7 // 2", (), [0, 1, 2]),
    ("select * limit ?", [np.int64(2)], [0, 1]),
    ("select * where emb = ?", [np.array([1, 2, 3])], [3]),
    ("select * where -num > -3", (), [1, 3, 7]),
    ("select num where 1 + 1 = num", (), [3]),
    ("select text where length(text) * 2 > 8", (), [0, 1, 4]),
    ("select num from (select * from (select num, flag group by flag) ungroup by split)", (), [0, 3, 4, 7, 1, 5, 6, 2]),
    ("select flag, num from (select flag, num group by flag) ungroup by split", (), [0, 3, 4, 7, 1, 5, 6, 2]),
    ("select * where images is null", (), []),
    ("select * where images is not null and num > 5", (), [5, 6]),
    ("select * where sample_info(images)['format'] = 'jpeg' and height(images) > 100", (), [0, 1, 2, 3, 4, 5, 6]),
    ("select * where flag = num", (), []),
    ("select * where any(flag = true)", (), [0, 3, 4, 7]),
    ("select num where contains(tags, 'x') or tags is null", (), [0, 1, 2, 3, 5, 7]),
    ("select num where any(num = null)", (), []),
    ("select num where any(emb = 1 and (case when num > 1 then true end))", (), [0, 3, 4, 5, 6]),
    ("select num where all(emb > num)", (), [7]),
    ("select num where any(num // categories > 1)", (), [3, 4]),
    ("select num where any(emb = null)", (), []),
    ("select num where any(emb = 1 and num > 1 and (case when num > 1 then true end))", (), [0, 3, 4, 5, 6]),
    ("select * where not flag is null and num in (select num where num = 7)", (), [5, 6]),
]


@pytest.mark.parametrize(("query", "params", "expected"), ROWS)
def test_rows(query: str, params: Any, expected: list[int], street: MemorySource) -> None:
    found = engine.run(street, query, params).rows
    assert found is not None and found.tolist() == expected


VALUES: list[tuple[str, Any, dict[str, list[Any]]]] = [
    ("select row_number() limit 2", (), {"row_number": [0, 1]}),
    (
        (
            "select a.flag as f, num from (select num, flag where num > 2) as a "
            "right join (select num, text where num < 6) as b using (num)"
        ),
        (),
        {"f": [True, True, None, None, None], "num": [3, 5, 1, 2, 0]},
    ),
    (
        (
            "select num, text from (select num, flag where num < 3) as a "
            "join (select num, flag, text) as b using (num, flag)"
        ),
        (),
        {"num": [1, 2, 0], "text": ["apple pie", "", "b"]},
    ),
    ("select count(*) as n, count(*) * 2 as m group by flag", (), {"n": [4, 3, 1], "m": [8, 6, 2]}),
    (
        "select num + 1 as n, row_number() as k where num + 1 > 2 order by k desc limit 2",
        (),
        {"n": [8, 8], "k": [4, 3]},
    ),
    (
        "select count(*) as n group by categories having contains(categories, 'car')",
        (),
        {"n": [1, 1, 1, 1]},
    ),
    ("((select num + 1 as n limit 4) limit 3) order by n desc limit 2", (), {"n": [4, 2]}),
    ("select -null as x limit 1", (), {"x": [None]}),
    ("select cast('{' as json) as x, cast(num as text) || 'a' as y limit 1", (), {"x": [None], "y": ["3a"]}),
    (
        "select link_url(images) as x",
        (),
        {
            "x": [
                "s3://bucket/0.jpg",
                "s3://bucket/1.jpg",
                "s3://bucket/2.jpg",
                "s3://bucket/3.jpg",
                "s3://bucket/4.jpg",
                "s3://bucket/5.jpg",
                "s3://bucket/6.jpg",
                "s3://bucket/7.jpg",
            ]
        },
    ),
    ("select -true as x limit 1", (), {"x": [-1]}),
    ("select +num as x, +1 as y limit 1", (), {"y": [1]}),
    ("select emb[::-1][0] as x where exists (select num)", (), {"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]}),
    ("((select num + 1 as n where num > 2)) order by n limit 3", (), {"n": [4, 6, 8]}),
    ("select count(*) from ((select num + 1 as n) limit 2)", (), {"count": [2]}),
    (
        (
            "(select flag, sum(num) as n group by flag) except (select flag, sum(num) as n group by flag having "
            "count(*) > 2)"
        ),
        (),
        {"n": [0]},
    ),
    ("(select num + 1 as n) intersect all (select num + 1 as n where num > 2)", (), {"n": [4, 6, 8, 8]}),
    ("(select num + 1 as n) except all (select num + 1 as n where num > 2)", (), {"n": [2, None, 3, 1]}),
    ("(select num + 1 as n order by n desc) except (select num + 1 as n where flag)", (), {"n": [8, 8, 2, None]}),
    (
        "select boxes[:, 7] as x, boxes[:, num] as y",
        (),
        {"x": [[], [], [], [], [], [], [], []], "y": [[5.0], [1.0, 1.0], [], [30.0, 31.0], [], [], [], [7.0, 7.0]]},
    ),
    ("select shape(grid[5]) as x, shape(grid[:, 5]) as y limit 1", (), {"x": [[0]], "y": [[0]]}),
    ("select num + 1 as n order by n limit 50 percent", (), {"n": [1, 2, 3, 4]}),
    ("select num + 1 as n order by n limit 2 offset 1", (), {"n": [2, 3]}),
    ("select num + 1 as n order by n offset 6", (), {"n": [8, None]}),
    (
        (
            "select data(num, 0) as a, data(num, 2) as b, data(grid, 1) as c, shape(data(grid, 1)) as d, "
            "data(categories, 5) as e, data(boxes, -1) as f, data(grid, -1) as g limit 1"
        ),
        (),
        {
            "a": [3],
            "b": [None],
            "c": [[[1, 2, 3], [4, 5, 6]]],
            "d": [[2, 3]],
            "e": [[]],
            "f": [[[7.0, 7.0, 70.0, 5.0], [7.0, 7.0, 71.0, 5.0]]],
            "g": [[]],
        },
    ),
    ("select num - data(num, 0) as a", (), {"a": [0, -2, None, -1, 2, 4, 4, -3]}),
    ("select shape(num) as a, shape(text) as b limit 1", (), {"a": [[]], "b": [[1]]}),
    (
        "select count(num) as a, count(distinct categories) as b",
        (),
        {"a": [1, 1, 0, 1, 1, 1, 1, 1], "b": [1, 2, 0, 1, 1, 0, 1, 2]},
    ),
    (
        "select contains(num, 3) as a, contains(emb, array[2]) as b",
        (),
        {
            "a": [True, False, None, False, False, False, False, False],
            "b": [True, True, True, True, True, True, True, True],
        },
    ),
    (
        "select case num when 3 then 1 when 1 then 2.5 else true end as a",
        (),
        {"a": [1.0, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]},
    ),
    ("select case when num > 2 then 1 else true end as a limit 1", (), {"a": [1]}),
    ("select cosine_similarity(emb, null) as a limit 1", (), {"a": [None]}),
    (
        "select any(num > 2) as x, all(num > 2) as y",
        (),
        {
            "x": [True, False, None, False, True, True, True, False],
            "y": [True, False, None, False, True, True, True, False],
        },
    ),
    ("select array[[1, 2], [3, 4]] as x limit 1", (), {"x": [[[1, 2], [3, 4]]]}),
    ("select array[array[[1, 2]], array[[3, 4]]] as x limit 1", (), {"x": [[[[1, 2]], [[3, 4]]]]}),
    ("select array[] as x limit 1", (), {"x": [[]]}),
    (
        "select -(-3) as x, -emb as y",
        (),
        {
            "x": [3, 3, 3, 3, 3, 3, 3, 3],
            "y": [
                [-1.0, -2.0, -0.0],
                [-1.0, -2.0, -1.0],
                [-1.0, -2.0, -2.0],
                [-1.0, -2.0, -3.0],
                [-1.0, -2.0, -4.0],
                [-1.0, -2.0, -5.0],
                [-1.0, -2.0, -6.0],
                [-1.0, -2.0, -7.0],
            ],
        },
    ),
    ("select * from (select * group by flag) ungroup by split", (), {"frame_number": [0, 1, 2, 3, 0, 1, 2, 0]}),
    (
        "select * from (select boxes[:] as x, flag group by flag) ungroup by split",
        (),
        {
            "x": [
                [[0.0, 0.0, 0.0, 5.0]],
                [[3.0, 3.0, 30.0, 5.0], [3.0, 3.0, 31.0, 5.0]],
                [[4.0, 4.0, 40.0, 5.0]],
                [[7.0, 7.0, 70.0, 5.0], [7.0, 7.0, 71.0, 5.0]],
                [[1.0, 1.0, 10.0, 5.0], [1.0, 1.0, 11.0, 5.0]],
                [],
                [[6.0, 6.0, 60.0, 5.0], [6.0, 6.0, 61.0, 5.0]],
                [],
            ],
            "frame_number": [0, 1, 2, 3, 0, 1, 2, 0],
        },
    ),
    (
        "select grid + 1 as k, count(*) as n group by grid + 1",
        (),
        {
            "k": [
                [[1, 2, 3], [4, 5, 6]],
                [[2, 3, 4], [5, 6, 7]],
                [[3, 4, 5], [6, 7, 8]],
                [[4, 5, 6], [7, 8, 9]],
                [[5, 6, 7], [8, 9, 10]],
                [[6, 7, 8], [9, 10, 11]],
                [[7, 8, 9], [10, 11, 12]],
                [],
            ],
            "n": [1, 1, 1, 1, 1, 1, 1, 1],
        },
    ),
    (
        (
            "select * from (select a.num as n, b.flag as f from (select num) as a join (select num, flag) as b "
            "on a.num = b.num group by b.flag) ungroup by split"
        ),
        (),
        {
            "n": [3, 2, 5, 0, 1, 7, 7, 7, 7],
            "f": [True, True, True, True, False, False, False, False, False],
            "frame_number": [0, 1, 2, 3, 0, 1, 2, 3, 4],
        },
    ),
    (
        (
            "select * from (select a.num as n, b.flag as f from (select num) as a join (select num, flag) as b "
            "on a.num = b.num group by b.flag) ungroup by 1"
        ),
        (),
        {
            "n": [[3], [2], [5], [0], [1], [7], [7], [7], [7]],
            "f": [True, True, True, True, False, False, False, False, False],
        },
    ),
    (
        (
            "select b.flag as f, a.num as n from (select num) as a join (select num, flag) as b on a.num = b.num "
            "group by b.flag"
        ),
        (),
        {"f": [True, False], "n": [[3, 2, 5, 0], [1, 7, 7, 7, 7]]},
    ),
    (
        "select shape(sum(grid, 0)) as x, any(any(grid > 3, 0)) as y",
        (),
        {"x": [[3], [3], [3], [3], [3], [3], [3], [3]], "y": [True, True, True, True, True, True, True, False]},
    ),
    (
        "select shape(sum(array[[[1, 2], [3, 4]]], 0)) as x, sum(array[[[1, 2], [3, 4]]], 1) as y limit 1",
        (),
        {"x": [[2, 2]], "y": [[[4, 6]]]},
    ),
]


@pytest.mark.parametrize(("query", "params", "expected"), VALUES)
def test_values(query: str, params: Any, expected: dict[str, list[Any]], street: MemorySource) -> None:
    computed = engine.run(street, query, params).computed
    assert computed is not None and computed.to_pydict() == expected


def test_a_share_of_the_rows_is_drawn(street: MemorySource) -> None:
    found = engine.run(street, "select * sample by 1 replace false limit 50 percent", seed=1).rows
    assert found is not None and len(set(found.tolist())) == 4


def test_pictures_of_several_datasets_are_told_by_their_places(street: MemorySource) -> None:
    text = 'select images, num from "a" where num = 5 union select images, num from "b" where num = 1'
    computed = engine.run(None, text, resolve=lambda path, version: street).computed
    assert computed is not None
    assert computed.to_pydict() == {
        "images": [{"dataset": 0, "row": 4}, {"dataset": 1, "row": 1}],
        "num": [5, 1],
    }
