"""Writes a fixture below tests/fixtures: a small dataset of this format, which every later release must read.

    python scripts/make_format_fixture.py tests/fixtures/format-1-big-cells

Run it once for a new format version or feature, under a new folder name; never again for an old one: the point of a
fixture is that an earlier release wrote it. What it holds is in `expected.json` beside the dataset.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from lakebed.storage.htypes import new_spec
from lakebed.storage.repository import Repository
from lakebed.storage.selection import Selection
from lakebed.storage.source import SampleSource
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.workspace import Workspace

UNSEEN = {"verify": False, "create_shape_tensor": False, "create_sample_info_tensor": False}
"""Options with which links are stored without looking at them."""
TENSORS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("text", "text", {}),
    ("labels", "class_label", {"class_names": ["owl", "gull"]}),
    ("boxes", "bbox", {"coords": {"type": "pixel", "mode": "LTWH"}}),
    ("number", "generic", {"dtype": "int64"}),
    ("vector", "embedding", {}),
    ("facts", "json", {}),
    ("tags", "tag", {}),
    ("masks", "binary_mask", {"sample_compression": "lz4"}),
    ("images", "image", {"sample_compression": "png"}),
    ("links", "link[image]", {"sample_compression": "jpeg", **UNSEEN}),
    ("words", "sequence[class_label]", {"class_names": ["a", "b"]}),
)


class NoLinks:
    """The fixture's links lead nowhere."""

    def head(self, url: str, creds: str | None, length: int) -> Any:
        raise OSError(url)

    def fetch(self, link: Any) -> bytes:
        raise OSError(link.url)

    def fetch_many(self, links: Any) -> list[Any]:
        return [OSError(link.url) for link in links]


def samples(rows: range) -> dict[str, list[Any]]:
    """Cells that follow from the row number."""
    noise = np.random.default_rng(1)
    return {
        # Every tensor that may have one has a cell too big for a row.
        "text": [f"row {n} ä" * (400 if n == 1 else 1) for n in rows],
        "labels": [["owl", "gull", "tern"][: n % 4] for n in rows],
        "boxes": [np.full((80 if n == 5 else n % 3, 4), n, np.float32) for n in rows],
        "number": list(rows),
        "vector": [np.full(400 if n == 3 else 3, n, np.float32) for n in rows],
        "facts": [{"row": n, "list": [n] * (600 if n == 0 else 1)} for n in rows],
        "tags": [["x" * 600, "y" * 600] if n == 7 else ["x", "y"][: n % 3] for n in rows],
        "masks": [np.arange(12).reshape(3, 4, 1) % 2 == n % 2 for n in rows],
        "images": [noise.integers(0, 256, (160 if n == 2 else 4,) * 2 + (3,), np.uint8) for n in rows],
        "links": [f"s3://nowhere/{n}.jpg" for n in rows],
        "words": [[["a"] * 300, ["b"]] if n == 9 else [["a"], ["b", "a"]][: n % 3] for n in rows],
    }


def build(folder: Path) -> None:
    """Write the dataset and what it holds."""
    # Limits so low that its few rows lie in a file, and small cells in chunk files; readers do not know them.
    with mock.patch("lakebed.storage.fragment.INLINE", 1000), mock.patch("lakebed.storage.draft.IN_ROW", 1000):
        _build(folder)


def _build(folder: Path) -> None:
    store = LocalStore(folder / "dataset", create=True)
    ws = Workspace(Repository.create(store, NoLinks()))
    ws.begin()
    for name, htype, options in TENSORS:
        spec, info = new_spec(name, name, htype, **options)
        ws.create_tensor(spec, info)
    ws.extend(samples(range(8)), 8)
    ws.end()
    ws.commit("eight rows")
    ws.tag("v1")
    ws.save_view(Selection(ws.snapshot(), np.array([5, 1, 5])), id="chosen", query="select * limit 3", message="three")
    ws.checkout("side", create=True)
    ws.update([3], {"labels": [["hawk"]]})
    ws.extend(samples(range(8, 10)), 2)
    ws.commit("on the side")
    ws.checkout("main")
    ws.update([0, 4], {"text": ["edited", "edited too"], "number": [None, -1]})
    ws.pop([6])
    ws.rename_tensor("facts", "facts/renamed")
    ws.commit("edits, a deletion, a new name")
    ws.merge("side")
    ws.delete_tensor("tags")
    ws.extend({"text": ["not committed"]}, 1)
    ws.flush()
    (folder / "expected.json").write_text(json.dumps(described(ws), indent=1, sort_keys=True) + "\n")


def described(ws: Workspace) -> dict[str, Any]:
    """Everything that the dataset shows, as JSON."""
    versions = {name: shown(ws.version(name)) for name in [*ws.branches(), *ws.tags()]}
    return {
        "versions": versions,
        "views": {record.id: shown(ws.view_selection(record)) for record in ws.views()},
        "log": [[info.id, info.message, list(info.parents)] for info in ws.log()],
    }


def shown(source: SampleSource) -> dict[str, Any]:
    """Rows, ids, tensors and info of one version; of links the URLs."""
    rows = np.arange(len(source))
    return {
        "ids": source.row_ids.tolist(),
        "tensors": [[spec.name, spec.full_htype] for spec in source.schema],
        "info": {spec.name: dict(source.info(spec.name)) for spec in source.schema},
        "cells": {
            spec.name: source.table([spec.column]).column(0).to_pylist()
            if spec.link
            else [_plain(sample) for sample in source.read(spec.name, rows)]
            for spec in source.schema
        },
    }


def _plain(sample: Any) -> Any:
    if isinstance(sample, np.ndarray):
        # Of a big array its shape and its sum say enough.
        return sample.tolist() if sample.size < 100 else [list(sample.shape), int(sample.astype(np.int64).sum())]
    return [_plain(item) for item in sample] if isinstance(sample, list | tuple) else sample


if __name__ == "__main__":
    build(Path(sys.argv[1]))
