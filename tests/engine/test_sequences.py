"""Queries that look into sequences: tensors of htype sequence[...], and what GROUP BY made of other columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lakebed.tql.errors import TQLError

import lakebed
from lakebed import engine


def boxes(count: int, first: float) -> Any:
    return np.array([[first + i, 0, 10 * i + first, 5] for i in range(count)], np.float32).reshape(-1, 4)


def picture(height: int, width: int) -> Any:
    return np.zeros((height, width, 3), np.uint8)


ROWS: list[dict[str, Any]] = [
    {
        "labels": [["car"], ["bus", "car"]], "tracks": [boxes(1, 1), boxes(2, 2)], "times": [1, 2, 3],
        "grids": [np.arange(4).reshape(2, 2), np.arange(6).reshape(2, 3)], "words": ["ab", "c"],
        "facts": [{"a": 1}, {"a": 2}], "frames": [picture(4, 5), picture(6, 3)], "key": 1,
    },
    {"labels": [], "tracks": [], "times": [], "grids": [], "words": [], "facts": [], "frames": [], "key": 1},
    {
        "labels": [["truck"], [], ["bus"]], "tracks": [boxes(1, 300), boxes(0, 0), boxes(1, 7)], "times": [5],
        "grids": [np.ones((1, 1), np.int64)], "words": ["zz"], "facts": [{"a": 3, "b": "x"}],
        "frames": [picture(2, 2)], "key": 2,
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def videos() -> Any:
    """Three rows of sequences; the second has none of anything."""
    ds = lakebed.empty("mem://videos", overwrite=True)
    with ds:
        ds.create_tensor("labels", htype="sequence[class_label]", class_names=["car", "bus", "truck"])
        ds.create_tensor("tracks", htype="sequence[bbox]")
        ds.create_tensor("times", htype="sequence[generic]", dtype="int64")
        ds.create_tensor("grids", htype="sequence[generic]", dtype="int64")
        ds.create_tensor("words", htype="sequence[text]")
        ds.create_tensor("facts", htype="sequence[json]")
        ds.create_tensor("frames", htype="sequence[image]", sample_compression="png")
        ds.create_tensor("key", dtype="int64")
        for row in ROWS:
            ds.append(row)
    return ds._pinned()


CONDITIONS: dict[str, list[int]] = {
    "any(labels = 'car')": [0],
    "all(labels = 'car')": [1],
    "labels != 'truck'": [0],
    "not labels = 'truck'": [0, 1, 2],
    "contains(labels, 'bus')": [0, 2],
    "contains(labels[1], 'bus')": [0],
    "contains(labels[-1], '*u*')": [0, 2],
    "labels[0] = 'car'": [0],
    "labels[0] in ('car', 'truck')": [0, 2],
    "labels[9] = 'car'": [],
    "labels is null": [1],
    "labels[1] is null": [1, 2],
    "shape(labels)[0] > 2": [2],
    "shape(tracks) = array[2, 2, 4]": [0],
    "shape(grids) = array[0, 0, 0]": [1],
    "any(tracks[:, :, 2] >= 300)": [2],
    "any(tracks[0, :, 2] >= 300)": [2],
    "any(labels = 'bus' and tracks[:, :, 2] > 5)": [2],
    "any(box_width(tracks) > 10)": [0, 2],
    "any(box_area(tracks) > 1000)": [2],
    "contains(times, 5)": [2],
    "times[0] = 1": [0],
    "times[-1] > 2": [0, 2],
    "sum(times) = 6": [0],
    "contains(words, 'zz')": [2],
    "any(words like 'a%')": [0],
    "words[0] = 'zz'": [2],
    "any(length(words) = 2)": [0, 2],
    "facts[0]['a'] = 1": [0],
    "contains(facts[0], 'b')": [2],
    "max(grids) > 4": [0],
    "grids[0, 0, 0] = 1": [2],
    "shape(frames)[1] > 2": [0],
    "frames is null": [1],
    "labels[key, 0] = 'bus'": [0, 2],
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_on_sequences(condition: str, videos: Any) -> None:
    found = engine.run(videos, f"select * where {condition}").rows
    assert found is not None and found.tolist() == CONDITIONS[condition]


VALUES: dict[str, list[Any]] = {
    "labels[0]": [[0], [], [2]],
    "labels[1:]": [[[1, 0]], [], [[], [1]]],
    "labels[::-1]": [[[1, 0], [0]], [], [[1], [], [2]]],
    "labels[:, 0]": [[0, 1], [], [2, None, 1]],
    "labels + 1": [[1, 2, 1], [], [3, 2]],
    "shape(labels + 1)": [[3], [0], [2]],
    "cast(labels as text)": [["car", "bus", "car"], [], ["truck", "bus"]],
    "count(labels)": [3, 0, 2],
    "shape(labels)": [[2, 2], [0, 0], [3, 1]],
    "shape(labels[0])": [[1], [0], [1]],
    "tracks[0]": [[[1, 0, 1, 5]], [], [[300, 0, 300, 5]]],
    "tracks[1, 0]": [[2, 0, 2, 5], [], []],
    "tracks[:, :, 2]": [[[1], [2, 12]], [], [[300], [], [7]]],
    "tracks[0][:, 2]": [[1], [], [300]],
    "shape(tracks)": [[2, 2, 4], [0, 0, 4], [3, 1, 4]],
    "shape(tracks[-1])": [[2, 4], [0, 4], [1, 4]],
    "iou(tracks, array[0, 0, 10, 10])": [[0.05, 0.1, 0.28], [], [0.0, 0.125]],
    "grids[0]": [[[0, 1], [2, 3]], [], [[1]]],
    "grids[::-1]": [[[[0, 1, 2], [3, 4, 5]], [[0, 1], [2, 3]]], [], [[[1]]]],
    "grids[:, 0]": [[[0, 1], [0, 1, 2]], [], [[1]]],
    "grids[:, :, -1]": [[[1, 3], [2, 5]], [], [[1]]],
    "shape(grids)": [[2, 2, 3], [0, 0, 0], [1, 1, 1]],
    "shape(grids[1])": [[2, 3], [0, 0], [0, 0]],
    "shape(grids[:, 1:])": [[2, 1, 3], [0, 0, 0], [1, 0, 1]],
    "times[1:]": [[2, 3], [], []],
    "upper(words)": [["AB", "C"], [], ["ZZ"]],
    "facts[0]": ['{"a":1}', None, '{"a":3,"b":"x"}'],
    "facts[-1]['a']": [2, None, 3],
    "shape(frames)": [[2, 6, 5, 3], [0], [1, 2, 2, 3]],
    "data(times, 0)": [[1, 2, 3]] * 3,
}


@pytest.mark.parametrize("item", VALUES)
def test_values_of_sequences(item: str, videos: Any) -> None:
    computed = engine.run(videos, f"select {item} as x").computed
    assert computed is not None
    found, expected = computed.column("x").to_pylist(), VALUES[item]
    if item.startswith("iou"):
        assert [one == pytest.approx(other) for one, other in zip(found, expected, strict=True)] == [True] * 3
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("select (labels + 1)[0] as x", "nested-subscript"),
        ("select frames[0] as x", "not-an-array"),
        ("select height(frames) as x", "argument-type"),
        ("select * group by key", "grouped-twice"),
        ("select * order by times", "array-order"),
        ("select labels[0, 0, 0] as x", "too-many-subscripts"),
        ("select data(labels, 0) as x", "argument-type"),
        ("select avg(tracks, axis=0) as x", "bad-axis"),
        ("select box_area(labels) as x", "argument-type"),
        ("select key, times ungroup by split", "not-grouped"),
    ],
)
def test_what_sequences_do_not_do_is_refused(query: str, kind: str, videos: Any) -> None:
    with pytest.raises(TQLError) as raised:
        engine.run(videos, query)
    assert raised.value.kind == kind


@pytest.mark.parametrize(
    ("key", "expected"),
    [("count(labels) desc", [0, 2, 1]), ("shape(labels)[0] desc", [2, 0, 1]), ("count(times)", [1, 2, 0])],
)
def test_rows_are_sorted_by_how_much_is_in_their_sequences(key: str, expected: list[int], videos: Any) -> None:
    found = engine.run(videos, f"select * order by {key}").rows
    assert found is not None and found.tolist() == expected


def test_sequences_go_through_sub_queries_sets_and_joins(videos: Any) -> None:
    inner = "(select labels as l, tracks, key where key = 1)"
    found = engine.run(videos, f"select * from {inner} where any(l = 'bus')").rows
    assert found is not None and found.tolist() == [0]
    both = engine.run(videos, "select words, key + 1 as k where key = 2 union all select words, key as k").computed
    assert both is not None and both.column("k").to_pylist() == [3, 1, 1, 2]
    joined = engine.run(
        videos,
        "select a.tracks, b.grids, b.facts, a.key from (select *) as a join (select *) as b on a.key = b.key + 1",
    ).computed
    assert joined is not None
    assert joined.to_pylist() == [
        {"tracks": [[[300, 0, 300, 5]], [], [[7, 0, 7, 5]]], "grids": grids, "facts": facts, "key": 2}
        for grids, facts in [([[[0, 1], [2, 3]], [[0, 1, 2], [3, 4, 5]]], ['{"a":1}', '{"a":2}']), ([], [])]
    ]


def test_the_sql_dialect_sees_the_items_of_sequences(videos: Any) -> None:
    found = engine.run(videos, "select _row from dataset where list_contains(words, 'zz')", dialect="sql").rows
    assert found is not None and found.tolist() == [2]


# --- what GROUP BY made ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures() -> Any:
    """Five pictures of three videos, in mixed order."""
    ds = lakebed.empty("mem://pictures", overwrite=True)
    with ds:
        ds.create_tensor("labels", htype="class_label", class_names=["car", "bus", "truck"])
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("grid", dtype="int64")
        ds.create_tensor("num", dtype="int64")
        ds.create_tensor("facts", htype="json")
        ds.create_tensor("image", htype="image", sample_compression="png")
        ds.create_tensor("key", dtype="int64")
        cells: list[tuple[list[str], int | None, int]] = [
            (["car"], 4, 1), (["bus", "car"], None, 2), ([], 3, 1), (["truck"], 5, 2), (["car"], 1, 3)
        ]  # fmt: skip
        for row, (labels, num, key) in enumerate(cells):
            grid = np.arange(2 * (row + 1)).reshape(2, row + 1)
            facts = {"a": row, "l": [row]}
            ds.append(
                {
                    "labels": labels, "boxes": boxes(len(labels), row + 1), "grid": grid, "num": num,
                    "facts": facts, "image": picture(row + 1, 2), "key": key,
                }
            )  # fmt: skip
    return ds._pinned()


GROUPED = "(select * group by key)"
OF_GROUPS: dict[str, list[Any]] = {
    f"select boxes[0] as x from {GROUPED}": [[[1, 0, 1, 5]], [[2, 0, 2, 5], [3, 0, 12, 5]], [[5, 0, 5, 5]]],
    f"select boxes[:, :, 2] as x from {GROUPED}": [[[1], []], [[2, 12], [4]], [[5]]],
    f"select shape(boxes) as x from {GROUPED}": [[2, 1, 4], [2, 2, 4], [1, 1, 4]],
    f"select grid[1] as x from {GROUPED}": [[[0, 1, 2], [3, 4, 5]], [[0, 1, 2, 3], [4, 5, 6, 7]], []],
    f"select shape(grid) as x from {GROUPED}": [[2, 2, 3], [2, 2, 4], [1, 2, 5]],
    f"select num[1:] as x from {GROUPED}": [[3], [5], []],
    f"select facts[-1]['l'][0] as x from {GROUPED}": [2, 3, 4],
    f"select labels[:, 0] as x from {GROUPED}": [[0, None], [1, 2], [0]],
    f"select box_area(boxes) as x from {GROUPED}": [[5], [10, 60, 20], [25]],
    "select g[0] as x from (select grid[:, :1] as g group by key)": [[[0], [1]], [[0], [2]], [[0], [5]]],
    "select grid[:, :1] as x group by key": [
        [[[0], [1]], [[0], [3]]], [[[0], [2]], [[0], [4]]], [[[0], [5]]],
    ],
    "select box_area(boxes) as x group by key": [[[5], []], [[10, 60], [20]], [[25]]],
    "select shape(image) as x group by key": [[[1, 2, 3], [3, 2, 3]], [[2, 2, 3], [4, 2, 3]], [[5, 2, 3]]],
    "select facts['a'] as x group by key": [[0, 2], [1, 3], [4]],
    "select facts['l'] as x group by key": [["[0]", "[2]"], ["[1]", "[3]"], ["[4]"]],
    "select any(facts['a'] = 1) as x group by key": [False, True, False],
    "select key % 2 as x group by x": [1, 0],
    "select key % 2 as p, count(*) as x group by p having p = 1": [3],
    "select * from (select boxes[:, :2] as x group by key) ungroup by split": [
        [[1, 0]], [], [[2, 0], [3, 0]], [[4, 0]], [[5, 0]],
    ],
    "select * from (select grid[:, :1] as x group by key) ungroup by 1": [
        [[[0], [1]]], [[[0], [3]]], [[[0], [2]]], [[[0], [4]]], [[[0], [5]]],
    ],
}  # fmt: skip


@pytest.mark.parametrize("query", OF_GROUPS)
def test_values_of_groups(query: str, pictures: Any) -> None:
    computed = engine.run(pictures, query).computed
    assert computed is not None
    assert computed.column("x").to_pylist() == OF_GROUPS[query]


@pytest.mark.parametrize(
    ("condition", "groups"),
    [
        ("any(labels = 'bus')", [[1, 3]]),
        ("any(boxes[:, :, 2] > 3)", [[1, 3], [4]]),
        ("num[0] = 4", [[0, 2]]),
        ("num[0] is null", [[1, 3]]),
        ("contains(labels[-1], 'truck')", [[1, 3]]),
        ("shape(grid)[0] = 1", [[4]]),
        ("facts[0]['a'] > 0", [[1, 3], [4]]),
    ],
)
def test_groups_are_chosen_by_what_is_in_them(condition: str, groups: list[list[int]], pictures: Any) -> None:
    result = engine.run(pictures, f"select * from {GROUPED} where {condition}")
    assert result.rows is not None and result.offsets is not None
    ends = zip(result.offsets[:-1], result.offsets[1:], strict=True)
    assert [result.rows[low:high].tolist() for low, high in ends] == groups


def test_the_pictures_of_a_group_have_no_shape_together(pictures: Any) -> None:
    with pytest.raises(TQLError, match="SHAPE works on images") as raised:
        engine.run(pictures, f"select * from {GROUPED} where shape(image)[0] > 1")
    assert raised.value.kind == "argument-type"


def test_pixels_are_read_of_the_rows_that_are_left(pictures: Any) -> None:
    computed = engine.run(pictures, "select mean(image) as x where facts['a'] > 2").computed
    assert computed is not None and computed.to_pydict() == {"x": [0.0, 0.0]}
