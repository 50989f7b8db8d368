"""`docs/format.md` says of every htype what its columns are: compared with the table of htypes."""

from __future__ import annotations

import re

import pytest
from lakebed.storage.htypes import htype_of
from lakebed.storage.htypes.table import HTYPES
from lakebed.storage.payloads import REF_SUFFIX
from lakebed.storage.schema import TensorSpec
from lakebed.storage.snapshot import tensor_fields

from sources import ROOT

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "format.md").read_text().split('| htype | `""`, the value |')[1].splitlines()
    if line.startswith("|")
]


def row_of(name: str) -> list[str]:
    """The cells of the one row that names an htype."""
    found = [row for row in ROWS if name in re.split(r",? ", row[0].replace("`", ""))]
    assert len(found) == 1, name
    return found[0]


def spelled(kind: object) -> str:
    """An Arrow type as the page spells it."""
    return re.sub(r"\bitem: ", "", str(kind)).replace(" not null", "")


def types_of(row: list[str], spec: TensorSpec) -> dict[str, str]:
    """What a row says of the columns of a tensor, by suffix."""
    value = re.match("`(.+?)`", row[1])
    said = {"": value[1].replace("width", str(spec.width)) if value else ""}
    return said | dict(re.findall(r"`(\.\w+)`: `([^`]+)`", row[2]))


@pytest.mark.parametrize("name", [name for name in HTYPES if name != "generic"])
def test_the_page_says_what_columns_a_tensor_has(name: str) -> None:
    spec = TensorSpec("t", "t", name, dtype="int32", ndim=2, width=9 if name == "bbox.3d" else 3)
    found = {suffix: spelled(kind) for suffix, kind in htype_of(spec).fields(spec).items()}
    assert types_of(row_of(name), spec) == found


def test_the_page_says_what_columns_arrays_and_links_have() -> None:
    array, link = TensorSpec("t", "t", ndim=2, dtype="int64"), TensorSpec("t", "t", "image", link=True)
    assert types_of(row_of("generic"), array)[".shape"] == spelled(htype_of(array).fields(array)[".shape"])
    found = {suffix: spelled(kind) for suffix, kind in htype_of(link).fields(link).items()}
    assert types_of(row_of("link[...]"), link) == {k: v for k, v in found.items() if k not in {".shape", ".info"}}
    assert "`.shape` and `.info`" in row_of("link[...]")[2]


@pytest.mark.parametrize("name", HTYPES)
@pytest.mark.parametrize("sequence", [False, True])
def test_all_but_single_numbers_and_labels_outside_sequences_may_lie_in_chunk_files(name: str, sequence: bool) -> None:
    spec = TensorSpec("t", "t", name, sequence=sequence, width=3, dtype="int64", ndim=2)
    assert (REF_SUFFIX in tensor_fields(spec)) == (sequence or name != "class_label")
    assert REF_SUFFIX not in tensor_fields(TensorSpec("t", "t", dtype="int64", ndim=0))
