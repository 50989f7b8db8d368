"""The table of functions in docs/tql.md is the catalogue's.

``UPDATE=1 pytest tests/docs/test_tql_page.py`` writes it anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
import re

import pytest
from lakebed.tql.catalogue import FUNCTIONS, Function, Signature

from sources import ROOT

PAGE = ROOT / "docs" / "tql.md"
TABLE = re.compile(r"(?<=<!-- functions: begin)(?P<note>[^\n]*-->\n)(?P<table>.*?)(?=<!-- functions: end)", re.DOTALL)
RESULT = {"same": "as given", "same array": "array as given"}


def table() -> str:
    """The functions by name."""
    rows = [f"| {calls(FUNCTIONS[name])} | {results(FUNCTIONS[name])} | {cell(name)} |" for name in sorted(FUNCTIONS)]
    return "\n".join(["| call | gives | meaning |", "|---|---|---|", *rows, ""])


def calls(function: Function) -> str:
    return "<br>".join(f"`{function.name}({arguments(one)})`" for one in function.signatures)


def arguments(signature: Signature) -> str:
    return ", ".join(signature.args) + (", ..." if signature.rest else "")


def results(function: Function) -> str:
    return "<br>".join(RESULT.get(one.result, one.result) for one in function.signatures)


def cell(name: str) -> str:
    return FUNCTIONS[name].help.replace("|", r"\|").replace("**", r"\*\*")


@pytest.fixture(scope="module")
def page() -> str:
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("UPDATE") == "1":
        text = TABLE.sub(lambda found: found["note"] + table(), text)
        PAGE.write_text(text, encoding="utf-8")
    return text


def test_the_page_lists_every_function_of_the_catalogue_as_it_is(page: str) -> None:
    found = TABLE.search(page)
    assert found is not None
    assert found["table"] == table()


def test_the_page_explains_every_word_that_the_table_uses(page: str) -> None:
    for word in ('"array"', '"number"', '"box"'):
        assert word in page
