"""Which rows a query picks, and in which order."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from lakebed.storage.schema import TensorSpec
from lakebed.tql.errors import TQLNameError, TQLTypeError

from lakebed import engine
from memory_source import MemorySource

Ask = Callable[..., list[int]]

WHERE = {
    "contains(categories, 'car')": [0, 1, 6, 7],
    "contains(categories, 'traffic light')": [],
    "contains(categories, 't*')": [4, 7],
    "contains(categories, 1)": [1, 3],
    "not contains(categories, 'car')": [2, 3, 4, 5],
    "categories = 'car'": [0, 6],
    "categories != 'car'": [3, 4],
    "not categories = 'car'": [1, 2, 3, 4, 5, 7],
    "any(categories == 'car')": [0, 1, 6, 7],
    "all(categories == 'car')": [0, 2, 5, 6],
    "all_strict(categories in ('bus', 'truck'))": [3, 4],
    "any(categories between 'bus' and 'truck')": [1, 3, 4, 7],
    "num > 2": [0, 4, 5, 6],
    "not num > 2": [1, 3, 7],
    "num > 2 and contains(categories, 'car')": [0, 6],
    "not num > 2 or contains(categories, 'bus')": [1, 3, 7],
    "num in (1, 2, 7)": [1, 3, 5, 6],
    "num not in (1, 2, 7)": [0, 4, 7],
    "num in (3.5, 5)": [4],
    "num between 2 and 5": [0, 3, 4],
    "num = 3.0": [0],
    "num is null": [2],
    "num is not null": [0, 1, 3, 4, 5, 6, 7],
    "categories is null": [2, 5],
    "score = 0.1": [0],
    "score > 0": [0, 1, 4, 5, 6],
    "not score > 0": [2, 7],
    "score != 3": [0, 1, 2, 4, 5, 7],
    "flag": [0, 3, 4, 7],
    "not flag": [1, 5, 6],
    "text = 'Apple'": [4],
    "text like 'a%'": [1],
    "text ilike '*APPLE*'": [1, 4],
    "text like 'x_y'": [5],
    "text like '(b|x?y)'": [5, 7],
    "text not like '%p%'": [0, 3, 5, 6, 7],
    "contains(text, 'pp')": [1, 4],
    "text < 'a'": [3, 4, 6],
    "contains(tags, 'x')": [0, 1, 7],
    "any(tags = 'y')": [1, 4],
    "meta['a'] = 4": [0],
    "meta['a'] = '4'": [1],
    "meta['a'] != 4": [1, 6],
    "not meta['a'] > 5": [0, 1],
    "meta['b']['c'] = 'x'": [4],
    "meta['l'][1] = 2": [0],
    "meta['a'] is null": [2, 3, 4, 5, 7],
    "contains(meta, 'a')": [0, 1, 5, 6],
    "contains(meta['l'], 2)": [0],
    "contains(meta, 'tex')": [7],
    "shape(images)[1] > 600": [0, 1, 2, 3, 4, 5, 6],
    "height(images) = 480 and width(images) = 640": [0, 1, 2, 3, 4, 5, 6],
    "shape(boxes)[0] = 2": [1, 3, 6, 7],
    "any(boxes[:,2] > 60)": [6, 7],
    "all(boxes[:,2] > 60)": [2, 5, 7],
    "all_strict(boxes[:,2] > 10)": [3, 4, 6, 7],
    "boxes[:,2] > 10": [3, 4, 6, 7],
    "not boxes[:,2] > 10": [0, 1, 2, 5],
    "any(boxes[:,2] > 60 and categories == 'car')": [6, 7],
    "any(logical_and(boxes[:,2] > 60, categories == 'truck'))": [7],
    "any(not boxes[:,2] > 10)": [0, 1],
    "boxes[0][2] = 30": [3],
    "boxes[1, 2] = 31": [3],
    "boxes[-1, 2] = 31": [3],
    "emb[5] > 1": [],
    "emb[-1] = 3": [3],
    "emb[2:0:-1] = array[4, 2]": [4],
    "grid[1, 2] = 6": [1],
    "grid[:, 0] = array[2, 5]": [2],
    "any(grid[1] = 12)": [],
    "row_number() = 3": [3],
    "row_number() in (1, 3) and num < 2": [1],
    "row_number() >= 6": [6, 7],
    "row_id() = 104": [4],
}


@pytest.mark.parametrize("where", WHERE)
def test_a_condition_picks_its_rows(where: str, rows: Ask) -> None:
    assert rows(f"select * where {where}") == WHERE[where]


QUERIES = {
    "select *": [0, 1, 2, 3, 4, 5, 6, 7],
    "select * limit 3 offset 2": [2, 3, 4],
    "select * offset 6": [6, 7],
    "select * limit 50 percent": [0, 1, 2, 3],
    "select * limit -1": [],
    "select * where contains(categories, 'car') limit 2 offset 1": [1, 6],
    "select * order by num": [7, 1, 3, 0, 4, 5, 6, 2],
    "select * order by num desc": [5, 6, 4, 0, 3, 1, 7, 2],
    "select * order by num desc nulls first limit 1": [2],
    "select * order by score": [7, 0, 1, 4, 5, 6, 2, 3],
    "select * where num in (1, 2, 7) order by num desc, row_number() desc": [6, 5, 3, 1],
    "select num * 2 as d order by d desc limit 2": [5, 6],
    "select num * 2 as d where d > 9": [4, 5, 6],
    "(select * where contains(categories, 'bus') limit 1) union (select * where contains(categories, 'car') limit 2) "
    "union (select * where num = 0)": [0, 1, 7],
    "(select * where num > 4) union all (select * where num = 7)": [4, 5, 6, 5, 6],
    "(select * order by num desc limit 3) union (select * where num = 5 or num = 0)": [5, 6, 4, 7],
    "(select * where contains(categories, 'car')) intersect (select * where num > 2)": [0, 6],
    "(select * where contains(categories, 'car')) except (select * where num > 2)": [1, 7],
    "(select * where num > 1) union (select * where num = 1) order by num limit 2": [1, 3],
    "select * from (select * where num > 2) where contains(categories, 'car')": [0, 6],
    "select * from (select * order by num desc limit 3) where row_number() = 2": [4],
}


@pytest.mark.parametrize("text", QUERIES)
def test_a_query_yields_its_rows_in_order(text: str, rows: Ask) -> None:
    assert rows(text) == QUERIES[text]


def test_an_unknown_class_is_an_error_that_offers_the_nearest(rows: Ask) -> None:
    with pytest.raises(TQLNameError) as caught:
        rows("select *\nwhere contains(categories, 'trafic light')")
    assert str(caught.value) == (
        "unknown class name 'trafic light' in column \"categories\"\n"
        "  line 2: where contains(categories, 'trafic light')\n"
        "                                     ^^^^^^^^^^^^^^\n"
        "  hint: did you mean 'traffic light'?"
    )


def test_arrays_of_different_lengths_are_an_error_that_names_both_shapes(rows: Ask) -> None:
    with pytest.raises(TQLTypeError, match=r"arrays of shapes \[3\] and \[1\] do not fit together"):
        rows("select * where any(emb > categories)")


def test_text_with_a_number_is_refused_before_anything_is_read(street: MemorySource) -> None:
    with pytest.raises(TQLTypeError, match="text cannot be compared with integer"):
        engine.run(street, "select * where text = 3")
    assert street.read_columns == []


def test_only_the_columns_of_the_query_are_read(street: MemorySource) -> None:
    engine.run(street, "select * where num > 2 and contains(categories, 'car')")
    assert sorted(street.read_columns) == ["categories", "num"]


def test_a_known_array_is_rounded_to_the_floats_it_is_compared_with() -> None:
    column = pa.array([[0.1, 1.0], [0.2, 1.0]], pa.list_(pa.float32()))
    spec = TensorSpec("vec", "vec", "embedding", dtype="float32", ndim=1)
    source = MemorySource([spec], pa.table({"vec": column}))
    for text, found in (("vec = array[0.1, 1]", [0]), ("array[0.1, 1] = vec", [0]), ("any(vec != array[0.1, 1])", [1])):
        rows = engine.run(source, f"select * where {text}").rows
        assert rows is not None
        assert rows.tolist() == found
