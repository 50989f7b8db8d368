"""docs/api.md lists every public call with the first sentence of its docstring.

``UPDATE=1 pytest tests/docs/test_api_page.py`` writes the tables anew; read the difference before it is committed.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable
from typing import Any

import pytest

import lakebed
from lakebed.computed import ComputedColumn
from lakebed.dataloader import DataLoaderBuilder
from lakebed.info import Info
from lakebed.reading import Group
from lakebed.results import Groups, ResultTable
from lakebed.row import Row
from lakebed.saved_views import ViewEntry
from lakebed.transforms.functions import Pipeline
from sources import ROOT

PAGE = ROOT / "docs" / "api.md"
TABLES = re.compile(r"(?<=<!-- calls: begin)(?P<note>[^\n]*-->\n)(?P<tables>.*?)(?=<!-- calls: end)", re.DOTALL)


def members(of: type) -> dict[str, Any]:
    """Public attributes that this project defines, by name."""
    found = {name: inspect.getattr_static(of, name) for name in dir(of) if not name.startswith("_")}
    return {
        name: member
        for name, member in found.items()
        if callable(member) or isinstance(member, property)
        if "lakebed" in str(getattr(getattr(member, "fget", member), "__module__", ""))
    }


def functions() -> dict[str, Any]:
    plain = {name: getattr(lakebed, name) for name in lakebed.__all__ if name.islower() and name.isidentifier()}
    return {name: value for name, value in plain.items() if callable(value)}


def errors() -> dict[str, Any]:
    kinds = {name: getattr(lakebed, name) for name in lakebed.__all__ if name.endswith("Error")}
    return dict(sorted(kinds.items(), key=lambda kind: (len(kind[1].__mro__), kind[0])))


def sections() -> dict[str, tuple[str, dict[str, Any]]]:
    """Heading to what stands in front of a name, and the names."""
    ds, view = members(lakebed.Dataset), members(lakebed.View)
    both = [name for name in ds if name in view]
    return {
        "`lakebed`": ("lakebed.", functions()),
        "Datasets and views": ("ds.", {name: ds[name] for name in both}),
        "Datasets": ("ds.", {name: ds[name] for name in ds if name not in both}),
        "Views": ("view.", {name: view[name] for name in view if name not in both}),
        "Saved views, as `ds.get_views()` lists them": ("entry.", members(ViewEntry)),
        "Tensors": ("tensor.", members(lakebed.Tensor)),
        "Rows": ("row.", members(Row)),
        "Groups of tensors": ("group.", only(members(Group), ds)),
        "Info": ("info.", only(members(Info), members(dict))),
        "Results of queries that are no rows": ("table.", members(ResultTable)),
        "Results of `GROUP BY`": ("groups.", members(Groups)),
        "Columns that a query computed": ("column.", members(ComputedColumn)),
        "Loaders step by step, `ds.dataloader()`": ("loader.", members(DataLoaderBuilder)),
        "Transforms, `lakebed.compute`": ("transform.", members(Pipeline)),
        "Errors": ("lakebed.", errors()),
    }


def only(names: dict[str, Any], known: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in names.items() if name not in known}


def call(name: str, value: Any) -> str:
    """The name, and for a function its required arguments, `...` for those that have a default."""
    if isinstance(value, property | type):
        return name
    given = [p for p in inspect.signature(value).parameters.values() if p.name not in ("self", "_", "__")]
    required = [p.name for p in given if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return f"{name}({', '.join(required + ['...'] * (len(given) > len(required)))})"


def sentence(value: Any) -> str:
    """The first sentence of a docstring."""
    text = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())
    first = re.match(r".*?[^.]\.(?=\s|$)", text)
    return (first[0] if first else text).replace("``", "`").replace("|", r"\|")


def tables() -> str:
    parts = []
    for heading, (prefix, names) in sections().items():
        rows = [f"| `{prefix}{call(name, value)}` | {sentence(value)} |" for name, value in names.items()]
        parts.append("\n".join([f"\n## {heading}\n", "| | |", "|---|---|", *rows, ""]))
    return "".join(parts)


def test_the_page_lists_every_public_call_as_it_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("UPDATE") == "1":
        text = TABLES.sub(lambda found: found["note"] + tables(), text)
        PAGE.write_text(text, encoding="utf-8")
    found = TABLES.search(text)
    assert found is not None
    assert found["tables"] == tables()


@pytest.mark.parametrize("heading", sections())
def test_every_public_call_says_what_it_does(heading: str) -> None:
    assert [name for name, value in sections()[heading][1].items() if len(sentence(value)) < 10] == []
