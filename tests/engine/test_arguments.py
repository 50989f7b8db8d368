"""What a caller hands to a query is checked; what its text names and cannot be opened is shown in the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lakebed.storage.errors import InvalidInputError, NotFoundError
from lakebed.tql import parse
from lakebed.tql.errors import TQLNameError, TQLTypeError

import lakebed
from lakebed import engine
from memory_source import MemorySource


@pytest.fixture
def ds() -> Any:
    made = lakebed.empty("mem://arguments", overwrite=True)
    with made:
        made.create_tensor("n", dtype="int64")
        made.extend({"n": [1, 2, 3]})
    return made


ASKS: dict[str, Callable[[Any, Any], Any]] = {
    "query": lambda ds, text: ds.query(text),
    "a view's query": lambda ds, text: ds[:2].query(text),
    "SQL": lambda ds, text: ds.query(text, dialect="sql"),
    "explain": lambda ds, text: ds.explain(text),
    "lakebed.query": lambda ds, text: lakebed.query(text),
    "parse": lambda ds, text: parse(text),
}


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("text", [3, None, b"select *", ["select *"], True, object()])
def test_a_query_is_a_text(ask: str, text: Any, ds: Any) -> None:
    with pytest.raises(TQLTypeError, match=f"a query is a text, found {type(text).__name__}") as caught:
        ASKS[ask](ds, text)
    assert caught.value.kind == "not-a-text"
    assert ("decode" in caught.value.hint) == isinstance(text, bytes)


@pytest.mark.parametrize("params", [3, "1", b"2", {1}, object(), np.int64(3)])
@pytest.mark.parametrize("dialect", ["tql", "sql"])
def test_params_are_a_list_or_a_dict(params: Any, dialect: str, street: MemorySource) -> None:
    text = "select * where num = ?" if dialect == "tql" else "select * from dataset where num = ?"
    with pytest.raises(InvalidInputError, match="params takes a list of values or a dict") as caught:
        engine.run(street, text, params, dialect=dialect)
    assert caught.value.kind == "bad-argument"


@pytest.mark.parametrize("params", [[7, 3], (7, 3), np.array([7, 3]), {"a": 7, "b": np.float32(3)}])
def test_params_may_be_numpys(params: Any, street: MemorySource) -> None:
    text = "select * where num in (:a, :b)" if isinstance(params, dict) else "select * where num in (?, ?)"
    found = engine.run(street, text, params).rows
    assert found is not None and found.tolist() == [0, 5, 6]


@pytest.mark.parametrize("seed", ["a", 1.5, [1]])
def test_a_seed_is_a_whole_number(seed: Any, street: MemorySource) -> None:
    with pytest.raises(InvalidInputError, match="seed is a whole number"):
        engine.run(street, "select * sample by 1", seed=seed)


@pytest.mark.parametrize("weights", [3, None, b"x", ["a", "b", "c"], object(), [1, 2], [[1], [2, 3], []]])
def test_weights_are_a_number_for_each_row(weights: Any, ds: Any) -> None:
    with pytest.raises(InvalidInputError, match="weights") as caught:
        ds.sample_by(weights)
    assert caught.value.kind == "bad-weights"


def test_a_seed_may_be_numpys(street: MemorySource) -> None:
    runs = [engine.run(street, "select * sample by num", seed=seed).rows for seed in (7, np.int64(7))]  # type: ignore[arg-type]
    assert runs[0] is not None and runs[1] is not None and runs[0].tolist() == runs[1].tolist()


@pytest.mark.parametrize(
    ("text", "kind", "lines"),
    [
        (
            'select * from "mem://nowhere"',
            "no-dataset",
            ["  at: mem://nowhere", '  line 1: select * from "mem://nowhere"', f"{'^' * 15:>39}"],
        ),
        (
            "(select n)\nunion (select n from \"mem://arguments\" version 'zz')",
            "unknown-version",
            [
                "  at: mem://arguments",
                "  line 2: union (select n from \"mem://arguments\" version 'zz')",
                f"{'^' * 30:>61}",
            ],
        ),
        (
            'select * where n in (select n from "mem://arguments@zz")',
            "unknown-version",
            [
                "  at: mem://arguments",
                '  line 1: select * where n in (select n from "mem://arguments@zz")',
                f"{'^' * 20:>65}",
            ],
        ),
    ],
)
def test_a_dataset_that_is_not_there_is_shown_in_the_query(text: str, kind: str, lines: list[str], ds: Any) -> None:
    with pytest.raises(NotFoundError) as caught:
        ds.query(text)
    assert caught.value.kind == kind
    assert str(caught.value).splitlines()[1:4] == lines


def test_a_table_that_sql_would_name_is_the_dataset_that_is_asked(ds: Any) -> None:
    with pytest.raises(NotFoundError) as caught:
        ds.query("select * from arguments")
    assert caught.value.hint.startswith("the dataset that is asked needs no FROM, or FROM dataset; for another: check")
    with pytest.raises(NotFoundError) as caught:
        lakebed.query("select * from arguments")
    assert caught.value.hint.startswith("check the path")


def test_a_group_written_with_a_dot_is_told_how_to_quote() -> None:
    grouped = lakebed.empty("mem://arguments-groups", overwrite=True)
    grouped.create_tensor("cars/boxes", htype="bbox")
    with pytest.raises(TQLNameError) as caught:
        grouped.query("select cars.boxes")
    assert caught.value.hint == "'cars' is a group; its tensors are written in double quotes: \"cars/boxes\""
