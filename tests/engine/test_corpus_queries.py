"""Queries found in the wild over datasets made to fit: each is answered, or refused for a reason; docs say which.

``UPDATE=1 pytest tests/engine/test_corpus_queries.py`` writes docs/tql-corpus.md; read the difference before it is
committed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lakebed.tql import functions, register_function
from lakebed.tql.errors import TQLError

from corpus_data import fitting, named, parameters
from lakebed import engine

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "data" / "tql-corpus.jsonl"
PAGE = ROOT / "docs" / "tql-corpus.md"
ORIGINS = {"docs-v3": "docs 3", "docs-v4": "docs 4", "docs-v4-llms": "docs 4"}

HEAD = """# Queries found in the wild

Every complete query of Deep Lake's documentation (versions 3 and 4), source, tests and issues, run over datasets
generated to fit: the columns that the query names, with the types that its text implies. {answered} are answered and
{refused} refused. This page is written by `tests/engine/test_corpus_queries.py`; numbers of rows stand where the
query's own test asserts them. [tql.md](tql.md) is the language's reference.

| query | from | outcome |
|---|---|---|
"""


class Outcome(NamedTuple):
    """What became of a query: rows, or an error's kind and message."""

    entry: Mapping[str, Any]
    rows: int | None
    refusal: str


def entries() -> list[dict[str, Any]]:
    """The runnable queries; none where the corpus is not beside the checkout."""
    if not CORPUS.exists():
        return []
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    return [entry for entry in map(json.loads, lines) if entry["kind"] == "runnable"]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    found = entries()
    if not found:
        pytest.skip("the corpus of queries found in the wild is not beside this checkout")
    own = dict(functions.REGISTERED)
    register_function(lambda x: x * x, "custom_square")
    register_function(lambda x: x + 1, "next_number")
    yield [outcome(entry) for entry in found]
    functions.REGISTERED.clear()
    functions.REGISTERED.update(own)


def outcome(entry: Mapping[str, Any]) -> Outcome:
    query = entry["query"]
    try:
        source = fitting(query, entry["dataset"])
        result = engine.run(source, query, parameters(query), resolve=named, seed=1)
    except TQLError as error:
        return Outcome(entry, None, f"{error.kind}: {error.message}")
    return Outcome(entry, length(result), "")


def length(result: engine.QueryResult) -> int:
    if result.offsets is not None:
        return len(result.offsets) - 1
    if result.rows is not None:
        return len(result.rows)
    assert result.computed is not None
    return int(result.computed.num_rows)


def page(outcomes: list[Outcome]) -> str:
    answered = sum(one.rows is not None for one in outcomes)
    return HEAD.format(answered=answered, refused=len(outcomes) - answered) + "".join(map(line, outcomes))


def line(one: Outcome) -> str:
    query = " ".join(one.entry["query"].split()).replace("|", r"\|")
    origin = ORIGINS.get(one.entry["origin"][0], "code or issue")
    if one.rows is None:
        return f"| `{query}` | {origin} | **refused**, {one.refusal} |\n"
    rows = "" if one.entry["expect"] is None else f", {one.rows} rows"
    return f"| `{query}` | {origin} | answered{rows} |\n"


def test_every_query_is_answered_or_refused_as_the_page_says(outcomes: list[Outcome]) -> None:
    made = page(outcomes)
    if os.environ.get("UPDATE") == "1":
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made


def test_expected_numbers_of_rows_and_errors_hold(outcomes: list[Outcome]) -> None:
    asserted = [one for one in outcomes if one.entry["expect"] is not None]
    assert len(asserted) >= 15
    wrong = [
        (one.entry["query"], one.entry["expect"], one.rows, one.refusal)
        for one in asserted
        if one.entry["expect"] != ("error" if one.rows is None else one.rows)
    ]
    assert wrong == []


def test_the_page_is_there_and_says_nothing_of_the_machine_it_was_made_on() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(HEAD[:30])
    assert text.count("| answered") > 150
    assert str(ROOT) not in text
