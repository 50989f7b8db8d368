"""The tables of docs/deep-lake.md tell the truth about which names are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

import lakebed
from face_data import street
from sources import ROOT

PAGE = (ROOT / "docs/deep-lake.md").read_text()


def rows(heading: str) -> Iterator[tuple[list[str], bool]]:
    """Names of Deep Lake in each line of a table, and whether the line says that they are here."""
    section = PAGE.split(f"### {heading}\n")[1].split("\n### ")[0]
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith("| Deep Lake"):
            theirs, _, ours = line.strip("| ").partition(" | ")
            yield re.findall(r"`(?:ds\.)?(\w+)(?:\([^`]*\))?`", theirs), not ours.startswith("not there")


@pytest.mark.parametrize("heading", ["The module", "Dataset", "Tensor"])
def test_what_the_table_says_is_there_is_there(heading: str) -> None:
    ds = street(1)
    handle: Any = {"The module": lakebed, "Dataset": ds, "Tensor": ds.images}[heading]
    found = [(name, there) for names, there in rows(heading) for name in names]
    assert len(found) > 15
    assert [name for name, there in found if hasattr(handle, name) is not there] == []
