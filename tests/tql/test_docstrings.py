"""The examples in the docstrings of the query language give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import lakebed.tql
import pytest

MODULES = [found.name for found in pkgutil.walk_packages(lakebed.tql.__path__, "lakebed.tql.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [one for name in MODULES for one in finder.find(importlib.import_module(name)) if one.examples]
    assert len(found) > 6
