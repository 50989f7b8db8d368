"""Every keyword can be the name of a tensor: in double quotes it is reached in every clause."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from lakebed.storage.schema import TensorSpec
from lakebed.tql.errors import TQLError
from lakebed.tql.tokens import KEYWORDS

from lakebed import engine
from memory_source import MemorySource

WORDS = sorted({*map(str.lower, KEYWORDS), "any", "count", "dataset", "index", "int", "max_weight", "shape", "text"})
CELLS = [[3, 0], [1, 1], [2, 0], [0, 1]]


@pytest.fixture(scope="module")
def source() -> MemorySource:
    """Four rows with a tensor for each word, all of the same cells."""
    column = pa.array(CELLS, pa.list_(pa.int64()))
    specs = [TensorSpec(word, word, dtype="int64", ndim=1) for word in WORDS]
    return MemorySource(specs, pa.table(dict.fromkeys(WORDS, column)), {})


def rows(source: MemorySource, query: str, params: Any = None) -> list[int]:
    found = engine.run(source, query, params).rows
    assert found is not None
    return [int(row) for row in found]


@pytest.mark.parametrize("word", WORDS)
def test_in_quotes_a_keyword_names_its_column_in_every_clause(word: str, source: MemorySource) -> None:
    name = f'"{word}"'
    assert rows(source, f"select {name} where {name}[0] > 1") == [0, 2]
    assert rows(source, f"select * where any({name} = 3) or contains({name}, 2)") == [0, 2]
    assert rows(source, f"select * order by {name}[1] desc, {name}[0]") == [3, 1, 2, 0]
    assert rows(source, f"select {name}[0] as {name} where {name}[0] < 3 order by {name}") == [3, 1, 2]
    assert rows(source, f"select * from (select * where {name}[1] = 0) as t where t.{name}[0] < 3") == [2]
    groups = engine.run(
        source, f"select {name}[1] as k_, count(*) as {name} group by {name}[1] having count(*) > 1 order by k_"
    )
    assert groups.computed is not None
    assert groups.computed.to_pydict() == {"k_": [0, 1], word: [2, 2]}


@pytest.mark.parametrize(
    "query", ["select array[0] as x", "select * where array[0] > 1", "select * order by array[-1]"]
)
def test_an_array_that_could_be_a_column_is_refused_with_both_spellings(query: str, source: MemorySource) -> None:
    with pytest.raises(TQLError) as caught:
        engine.run(source, query)
    assert caught.value.kind == "ambiguous-array"
    assert 'written "array"[...]' in caught.value.hint


def test_arrays_that_cannot_be_subscripts_stay_constants_beside_such_a_column(source: MemorySource) -> None:
    assert rows(source, 'select * where all("array" = array[3.0, 0.0])') == [0]
    assert rows(source, 'select * where all("array" = ?)', [[3, 0]]) == [0]
    assert rows(source, "select * where sum(array[[1, 2], [3, 4]]) = 10") == [0, 1, 2, 3]
    assert rows(source, "select * where count(array[]) = 0") == [0, 1, 2, 3]


@pytest.mark.parametrize("query", ["select true[0] as x", "select null[0] as x", "select false", "select null"])
def test_a_constant_in_the_place_of_a_column_is_told_how_to_be_one(query: str, source: MemorySource) -> None:
    with pytest.raises(TQLError) as caught:
        engine.run(source, query)
    assert f'a column of that name is written "{query.split()[1].partition("[")[0]}"' in caught.value.hint
