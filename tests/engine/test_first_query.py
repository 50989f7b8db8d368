"""What a process pays for its first query: nothing is imported that the query does not need."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import lakebed

ASK = """
import sys
import lakebed
ds = lakebed.load(sys.argv[1], read_only=True)
for text in sys.argv[2:]:
    ds.query(text)
print(*sorted({"pandas", "duckdb"} & set(sys.modules)))
"""
PLAIN = (
    "select * where contains(labels, 'b')",
    "select * where num > 1 and flag order by num desc limit 2",
    "select * where any(boxes[:, 2] > 3)",
    "select count(*) where num in (1, 2)",
)
BY_SQL = ("select num * 2 as twice where note like 'n%'", "select num, count(*) as n group by num, note")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Numbers, a missing one, and an edit."""
    found = str(tmp_path_factory.mktemp("first") / "ds")
    ds = lakebed.empty(found)
    with ds:
        ds.create_tensor("labels", htype="class_label", class_names=["a", "b"])
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("num", dtype="int64")
        ds.create_tensor("flag", dtype="bool")
        ds.create_tensor("note", htype="text")
        boxes = np.ones((2, 4), np.float32)
        samples: dict[str, list[Any]] = {"labels": [[0], [0, 1]], "boxes": [boxes] * 2, "num": [1, None]}
        ds.extend({**samples, "flag": [True] * 2, "note": ["n", "m"]})
    ds.commit("rows")
    ds.num[0] = 7
    ds.commit("an edit")
    return found


def imported(path: str, texts: tuple[str, ...]) -> list[str]:
    command = [sys.executable, "-c", ASK, path, *texts]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def test_queries_of_labels_boxes_and_numbers_import_neither_duckdb_nor_pandas(path: str) -> None:
    pytest.importorskip("pandas")
    assert imported(path, PLAIN) == []


def test_queries_in_sql_import_no_pandas(path: str) -> None:
    pytest.importorskip("pandas")
    assert imported(path, BY_SQL) == ["duckdb"]
