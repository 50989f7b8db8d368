"""The corpus of queries in `grammar/corpus`, and the queries found in the wild: each as expected.

A case is a line ``### title``, the query, a line ``=>``, and the canonical print or the error. ``UPDATE=1 pytest`` on
this file writes what is found now; read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lakebed.tql import parse, to_text
from lakebed.tql.errors import TQLError

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "grammar" / "corpus"
FOUND = ROOT.parent / "shared" / "data" / "tql-corpus.jsonl"

NOT_OURS = {
    "$1": "numbered parameters are another dialect's: ours are ? and :name",
    "{'abcdefg': 28}": "there are no object literals",
}
"""What runnable queries from elsewhere may hold that TQL has not, and why."""


class Case(NamedTuple):
    file: Path
    title: str
    query: str
    expected: str

    def found(self) -> str:
        """What parsing gives now: the canonical print, or the error."""
        try:
            return to_text(parse(self.query))
        except TQLError as error:
            return f"{type(error).__name__}: {error}"


def cases(folder: str) -> list[Case]:
    return [case for path in sorted((CORPUS / folder).glob("*.tql")) for case in cases_of(path)]


def cases_of(path: Path) -> list[Case]:
    blocks = re.split(r"^### ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = []
    for block in blocks:
        title, rest = block.split("\n", 1)
        query, expected = re.split(r"^=>\n", rest, maxsplit=1, flags=re.MULTILINE)
        found.append(Case(path, title, query[:-1], expected.rstrip("\n")))
    return found


def name_of(case: Case) -> str:
    return f"{case.file.stem}: {case.title}"


@pytest.fixture(scope="module", autouse=True)
def updated() -> None:
    """With UPDATE=1, write the expectations anew before they are compared."""
    if os.environ.get("UPDATE") == "1":
        for path in sorted(CORPUS.glob("*/*.tql")):
            blocks = [f"### {case.title}\n{case.query}\n=>\n{case.found()}\n" for case in cases_of(path)]
            path.write_text("\n".join(blocks), encoding="utf-8")


def expected_now(case: Case) -> str:
    """The expectation on disk, which an update may have changed since the tests were collected."""
    return next(each.expected for each in cases_of(case.file) if each.title == case.title)


@pytest.mark.parametrize("case", cases("ok"), ids=name_of)
def test_a_query_of_the_corpus_prints_as_expected_and_prints_back(case: Case) -> None:
    assert case.found() == expected_now(case)
    assert to_text(parse(case.found())) == case.found()
    assert parse(case.found()) == parse(case.query)


@pytest.mark.parametrize("case", cases("err"), ids=name_of)
def test_a_text_of_the_corpus_is_refused_with_the_expected_error(case: Case) -> None:
    assert case.found().startswith("TQL")
    assert case.found() == expected_now(case)


def test_no_two_cases_of_a_file_have_the_same_title() -> None:
    titles = [(case.file, case.title) for folder in ("ok", "err") for case in cases(folder)]
    assert len(titles) == len(set(titles))
    assert len(titles) > 150


def queries_found_elsewhere() -> list[dict[str, Any]]:
    if not FOUND.exists():
        pytest.skip("the corpus of queries found elsewhere is not beside this checkout")
    return [json.loads(line) for line in FOUND.read_text(encoding="utf-8").splitlines()]


def test_queries_found_elsewhere_parse_or_hold_what_is_not_ours() -> None:
    runnable = [entry["query"] for entry in queries_found_elsewhere() if entry["kind"] == "runnable"]
    assert len(runnable) > 200
    for query in runnable:
        if any(mark in query for mark in NOT_OURS):
            with pytest.raises(TQLError):
                parse(query)
        else:
            tree = parse(query)
            assert parse(to_text(tree)) == tree


def test_malformed_queries_found_elsewhere_are_refused() -> None:
    malformed = [entry["query"] for entry in queries_found_elsewhere() if entry["kind"] == "malformed"]
    assert malformed
    for query in malformed:
        with pytest.raises(TQLError):
            parse(query)
