"""The rows that queries are timed on, as a Lakebed dataset and as tables for SQL by hand and for peers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from coco_labels import CLASS_NAMES, Labels, generate

import lakebed

BATCH = 20_000
SIDE = 32
"""Numbers in a vector."""
WORDS = ("street", "beach", "kitchen", "field", "station", "harbour", "forest")


@dataclass(frozen=True)
class Data:
    """The same rows three times."""

    dataset: Any
    labels: Labels
    rows: pa.Table
    """``i`` and the columns as Lakebed holds them in memory: mapped, not copied."""
    elements: pa.Table
    """One line for each label and box: ``i``, ``label``, ``w``."""


def columns(first: int, last: int) -> dict[str, Any]:
    """What rows hold beside labels and boxes; a row depends on its number alone."""
    numbers = np.arange(first, last)
    rng = np.random.default_rng([7, first])
    return {
        "number": list(numbers * 7919 % 1000),
        "taken": list(numbers),
        "score": list(rng.random(len(numbers), dtype=np.float32)),
        "note": [f"photo {n % 5000} of a {WORDS[n % 7]}" for n in numbers],
        "camera": [{"lens": {"mm": int(n % 90)}, "iso": 100} for n in numbers],
        "vector": list(rng.standard_normal((len(numbers), SIDE), dtype=np.float32)),
    }


def build(folder: Path, rows: int) -> None:
    """Write the dataset, unless it is there."""
    path = folder / f"lakebed-{rows}"
    if path.exists():
        return
    ds = lakebed.empty(str(path) + ".part", overwrite=True)
    with ds:
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("categories", htype="class_label", class_names=CLASS_NAMES)
        ds.create_tensor("number", dtype="int64")
        ds.create_tensor("taken", dtype="int64")
        ds.create_tensor("score", dtype="float32")
        ds.create_tensor("note", htype="text")
        ds.create_tensor("camera", htype="json")
        ds.create_tensor("vector", htype="embedding", dtype="float32")
        first = 0
        for batch in generate(rows).rows(BATCH):
            last = first + len(batch["boxes"])
            ds.extend({**batch, **columns(first, last)})
            first = last
    ds.commit(f"{rows} rows")
    Path(str(path) + ".part").rename(path)


def load(folder: Path, rows: int) -> Data:
    dataset = lakebed.load(str(folder / f"lakebed-{rows}"), read_only=True)
    labels = generate(rows)
    table = dataset._pinned().table(["categories", "boxes", "number", "taken", "score", "note", "camera", "vector"])
    owners = np.repeat(np.arange(rows, dtype=np.int32), np.diff(labels.starts))
    width = np.ascontiguousarray(labels.boxes[:, 2])
    elements = pa.table({"i": owners, "label": labels.classes, "w": width})
    return Data(dataset, labels, table.append_column("i", pa.array(np.arange(rows))), elements)


def for_peers(data: Data, file: Path) -> None:
    """The rows as an Arrow file, for processes that have no Lakebed."""
    if not file.exists():
        with pa.ipc.new_file(file, data.rows.schema) as writer:
            writer.write_table(data.rows)


def query_vector() -> list[float]:
    found: list[float] = json.loads(json.dumps(np.random.default_rng(3).standard_normal(SIDE).round(3).tolist()))
    return found
