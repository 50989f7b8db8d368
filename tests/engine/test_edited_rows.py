"""Queries of edited datasets: columns are scanned as they were written, and give what the edited rows would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.storage import fold, pieces

import lakebed
from storage_model import by_profile

NAMES = ["car", "bus", "person"]
Row = dict[str, Any]


def row(number: int) -> Row:
    """Labels, boxes, a number that is missing now and then, a text."""
    count = number % 4
    return {
        "labels": [NAMES[(number + place) % 3] for place in range(count)],
        "boxes": np.arange(number, number + 4 * count, dtype=np.float32).reshape(count, 4),
        "number": None if number % 5 == 4 else number,
        "text": f"row {number}",
    }


def dataset(count: int) -> lakebed.Dataset:
    ds = lakebed.empty("mem://edited-rows", overwrite=True)
    with ds:
        ds.create_tensor("labels", htype="class_label", class_names=NAMES)
        ds.create_tensor("boxes", htype="bbox", coords={"type": "pixel", "mode": "LTWH"})
        ds.create_tensor("number", htype="generic", dtype="int64")
        ds.create_tensor("text", htype="text")
        ds.extend({name: [row(number)[name] for number in range(count)] for name in row(0)})
    ds.commit("rows")
    return ds


QUERIES: dict[str, Callable[[Row], bool]] = {
    "SELECT * WHERE contains(labels, 'bus')": lambda r: "bus" in r["labels"],
    "SELECT * WHERE NOT contains(labels, 'car')": lambda r: "car" not in r["labels"],
    "SELECT * WHERE ANY(boxes[:,2] > 20)": lambda r: bool((r["boxes"][:, 2] > 20).any()),
    "SELECT * WHERE SHAPE(boxes)[0] == 2": lambda r: len(r["boxes"]) == 2,
    "SELECT * WHERE number > 12": lambda r: r["number"] is not None and r["number"] > 12,
    "SELECT * WHERE number > 3 AND contains(labels, 'car')": lambda r: (
        r["number"] is not None and r["number"] > 3 and "car" in r["labels"]
    ),
    "SELECT * WHERE text LIKE '%1%'": lambda r: "1" in r["text"],
}


@settings(max_examples=by_profile(10, 100, 1000))
@given(
    changes=st.lists(st.tuples(st.sampled_from(["edit", "pop"]), st.integers(0, 99)), max_size=14),
    sliced=st.booleans(),
    count=st.integers(1, 30),
)
def test_every_kind_of_scan_sees_the_edited_rows(changes: list[tuple[str, int]], sliced: bool, count: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "FOLD_LEAST", 1000)  # edits stay edits
        patch.setattr(pieces, "SLICED", 0 if sliced else 1 << 30)
        ds, rows = dataset(count), [row(number) for number in range(count)]
        for number, (what, place) in enumerate(changes):
            if rows and what == "edit":
                rows[place % len(rows)] = row(100 + number)
                ds[place % len(rows)].update(row(100 + number))
            elif rows:
                ds.pop(place % len(rows))
                del rows[place % len(rows)]
            if number % 3 == 0:
                ds.commit(str(number), allow_empty=True)
        ds.commit("changes", allow_empty=True)
        for text, holds in QUERIES.items():
            wanted = [number for number, one in enumerate(rows) if holds(one)]
            assert list(ds.query(text).sample_indices) == wanted, text
            assert list(ds.query(f"{text} LIMIT 2").sample_indices) == wanted[:2], text
        by_number = [r["number"] for r in rows if r["number"] is not None]
        found = ds.query("SELECT * WHERE number >= 0 ORDER BY number DESC")
        assert [int(one) for one in found.number.numpy(aslist=True)] == sorted(by_number, reverse=True)
