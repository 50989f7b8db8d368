"""A text that is asked again is answered by the plan of before, and only where that plan is still right."""

from __future__ import annotations

from typing import Any

import pytest
from lakebed.tql.functions import register_function

import lakebed
from lakebed import engine, tql
from lakebed.engine import execution, prepared
from memory_source import MemorySource


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are parsed."""
    texts: list[str] = []
    original = tql.parse

    def spy(text: str) -> Any:
        texts.append(text)
        return original(text)

    monkeypatch.setattr(execution, "parse", spy)
    return texts


def test_a_text_is_parsed_once_for_rows_that_do_not_change(street: MemorySource, parsed: list[str]) -> None:
    found = [engine.run(street, "select * where num > 2").rows for _ in range(3)]
    assert [list(rows) for rows in found if rows is not None] == [[0, 4, 5, 6]] * 3
    assert parsed == ["select * where num > 2"]


def test_after_an_append_or_a_new_tensor_the_text_is_bound_again() -> None:
    ds = lakebed.empty("mem://prepared")
    ds.create_tensor("num", dtype="int64")
    ds.extend({"num": [1, 2, 3]})
    assert list(ds.query("select * where num > 1").sample_indices) == [1, 2]
    ds.append({"num": 7})
    assert list(ds.query("select * where num > 1").sample_indices) == [1, 2, 3]
    with pytest.raises(lakebed.errors.LakebedError, match="more"):
        ds.query("select more")
    ds.create_tensor("more", dtype="int64")
    assert list(ds.query("select more").tensors) == ["more"]


def test_parameters_are_never_those_of_the_query_before(street: MemorySource) -> None:
    assert [list(engine.run(street, "select * where num = ?", [n]).rows or []) for n in (1, 2)] == [[1], [3]]


def test_a_function_registered_anew_with_another_signature_is_bound_anew(
    street: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    for registered in ("lakebed.tql.functions.REGISTERED", "lakebed.engine.statements.REGISTERED"):
        monkeypatch.setattr(registered, REGISTRY)
    register_function(lambda x: 1.0, "fresh")
    one = engine.run(street, "select fresh(num) as x limit 1").computed
    register_function(lambda x: "text", "fresh", returns="str")
    other = engine.run(street, "select fresh(num) as x limit 1").computed
    assert one is not None and other is not None
    assert (one["x"].to_pylist(), other["x"].to_pylist()) == ([1.0], ["text"])


REGISTRY: dict[str, Any] = {}


def test_other_datasets_are_opened_each_time(street: MemorySource) -> None:
    asked: list[str] = []

    def resolve(path: str, version: str | None) -> MemorySource:
        asked.append(path)
        return street

    for _ in range(2):
        engine.run(street, 'select * from "elsewhere"', resolve=resolve)
    assert asked == ["elsewhere", "elsewhere"]


def test_few_plans_are_kept_and_no_long_text(street: MemorySource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "KEPT", 2)
    monkeypatch.setattr(prepared, "LONGEST", 40)
    plans = prepared.Plans()
    made = engine.execution.Execution(street, "select *", None, None, 0, lambda *_: None).plan
    for text in ("a", "b", "x" * 41):
        plans.keep(text, made)
    assert plans.find("a") is made
    plans.keep("c", made)
    assert [plans.find(text) is made for text in ("a", "b", "c", "x" * 41)] == [True, False, True, False]
