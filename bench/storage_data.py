"""Datasets for the storage benchmarks: COCO-like labels, a text and a number a row, and copies with many commits."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from coco_labels import CLASS_NAMES, generate
from lakebed.storage.htypes import new_spec
from lakebed.storage.repository import Repository
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.workspace import Workspace

COMMITS = 1_000
BATCH = 50_000
TENSORS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("boxes", "bbox", {"coords": {"type": "pixel", "mode": "LTWH"}}),
    ("categories", "class_label", {"class_names": CLASS_NAMES}),
    ("caption", "text", {}),
    ("number", "generic", {"dtype": "int64"}),
)
EDIT: dict[str, list[Any]] = {
    "boxes": [np.ones((2, 4), np.float32)],
    "categories": [["dog", "cat"]],
    "caption": ["edited"],
    "number": [5],
}


class NoLinks:
    """Nothing here follows a link."""

    def head(self, url: str, creds: str | None, length: int) -> Any:
        raise OSError(url)

    def fetch(self, link: Any) -> bytes:
        raise OSError(link.url)

    def fetch_many(self, links: Any) -> list[Any]:
        return [OSError(link.url) for link in links]


class CountingStore(LocalStore):
    """Counts the bytes it is given to write."""

    written = 0

    def put(self, key: str, data: bytes | memoryview | pa.Buffer) -> None:
        self.written += memoryview(data).nbytes
        super().put(key, data)

    def create(self, key: str, data: bytes) -> None:
        self.written += len(data)
        super().create(key, data)


Commit = Callable[[Workspace, int], None]
"""What is done to a row before a commit."""


def make(place: Path, rows: int, committed: Mapping[str, Commit]) -> dict[str, Path]:
    """One dataset of one commit, and copies of it with 1,000 commits more."""
    first = place / "one commit"
    ws = Workspace(Repository.create(LocalStore(first, create=True), NoLinks()))
    ws.begin()
    for name, htype, options in TENSORS:
        spec, info = new_spec(name, name, htype, **options)
        ws.create_tensor(spec, info)
    for batch in batches(rows):
        ws.extend(batch, len(batch["boxes"]))
    ws.end()
    ws.commit("rows")
    made = {"one commit": first}
    for name, act in committed.items():
        made[name] = place / name
        shutil.copytree(first, made[name])
        commit_often(made[name], act)
    return made


def batches(rows: int) -> Iterator[dict[str, Any]]:
    for start in range(0, rows, BATCH):
        for batch in generate(min(BATCH, rows - start), seed=start).rows(BATCH):
            numbers = np.arange(start, start + len(batch["boxes"]))
            captions = [f"a photo of {number} things" for number in numbers.tolist()]
            yield {**batch, "caption": captions, "number": list(numbers)}


def commit_often(path: Path, act: Commit) -> None:
    ws = Workspace(Repository.open(LocalStore(path), NoLinks()))
    chance = np.random.default_rng(2)
    for _ in range(min(COMMITS, len(ws) // 2)):
        act(ws, int(chance.integers(0, len(ws))))
        ws.commit("one row")


COMMITTED: dict[str, Commit] = {
    "1,000 edits": lambda ws, row: ws.update([row], EDIT),
    "1,000 appends": lambda ws, _: ws.extend(EDIT, 1),
    "1,000 deletions": lambda ws, row: ws.pop([row]),
}
