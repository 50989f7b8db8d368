"""The small dataset that query tests share: eight rows with every kind of column, empty cells and missing values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lakebed.storage.schema import TensorSpec

from lakebed import engine
from memory_source import MemorySource

CLASSES = ["car", "bus", "truck", "traffic light"]
LABELS: list[list[int] | None] = [[0], [0, 1], [], [1, 1], [2], None, [0, 0], [2, 0]]


@pytest.fixture
def street() -> MemorySource:
    boxes = [[[i, i, 10 * i + j, 5] for j in range(len(cell or []))] for i, cell in enumerate(LABELS)]
    rows = len(LABELS)
    table = pa.table(
        {
            "categories": pa.array(LABELS, pa.list_(pa.uint32())),
            "boxes": pa.array(boxes, pa.list_(pa.list_(pa.float32(), 4))),
            "num": pa.array([3, 1, None, 2, 5, 7, 7, 0], pa.int64()),
            "score": pa.array([0.1, 0.5, np.nan, None, 1, 2, 3, -1], pa.float32()),
            "flag": pa.array([True, False, None, True, True, False, False, True]),
            "text": pa.array(["héllo", "apple pie", None, "", "Apple", "x_y", "(a)", "b"]),
            "meta": pa.array(
                ['{"a":4,"l":[1,2]}', '{"a":"4"}', "{}", None, '{"b":{"c":"x"}}', '{"a":null}', '{"a":5.5}', '"text"']
            ),
            "tags": pa.array([["x"], ["x", "y"], [], None, ["y"], [], ["z"], ["x"]], pa.list_(pa.string())),
            "emb": pa.array([[1.0, 2.0, float(i)] for i in range(rows)], pa.list_(pa.float32())),
            "grid": pa.array(
                [[i, i + 1, i + 2, i + 3, i + 4, i + 5] for i in range(rows - 1)] + [[]], pa.list_(pa.int32())
            ),
            "grid.shape": pa.array([[2, 3]] * (rows - 1) + [[0, 3]], pa.list_(pa.int32())),
            "images": pa.array([f"s3://bucket/{i}.jpg" for i in range(rows)]),
            "images.shape": pa.array([[480, 640, 3]] * (rows - 1) + [None], pa.list_(pa.int32())),
            "images.info": pa.array(['{"format": "jpeg"}'] * rows),
        }
    )
    specs = [
        TensorSpec("images", "images", "image", link=True),
        TensorSpec("boxes", "boxes", "bbox", dtype="float32", ndim=2),
        TensorSpec("categories", "categories", "class_label", dtype="uint32", ndim=1),
        TensorSpec("num", "num", dtype="int64", ndim=0),
        TensorSpec("score", "score", dtype="float32", ndim=0),
        TensorSpec("flag", "flag", dtype="bool", ndim=0),
        TensorSpec("text", "text", "text", dtype="str"),
        TensorSpec("meta", "meta", "json"),
        TensorSpec("tags", "tags", "tag", dtype="str"),
        TensorSpec("emb", "emb", "embedding", dtype="float32", ndim=1),
        TensorSpec("grid", "grid", dtype="int32", ndim=2),
    ]
    return MemorySource(specs, table, {"categories": {"class_names": CLASSES}})


@pytest.fixture
def rows(street: MemorySource) -> Callable[..., list[int]]:
    """The row numbers that a query over `street` yields."""

    def ask(text: str, *args: Any, **options: Any) -> list[int]:
        found = engine.run(street, text, *args, **options).rows
        assert found is not None
        return [int(row) for row in found]

    return ask
