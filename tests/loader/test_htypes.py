"""Tensors of every kind go through a view and a loader unchanged; linked sequences and real datasets too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lakebed.loader import MaterialisedView, MaterialiseOptions, make_loader, materialise
from lakebed.storage.errors import StorageError
from lakebed.storage.htypes import htype_of
from lakebed.storage.stores import Store, open_store
from lakebed.storage.stores.local import LocalStore

from lakebed.errors import LakebedError
from loader_source import MemorySource, coco_like, jpeg_bytes, photo, spec

CASES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "generic": ({}, [np.arange(6.0).reshape(2, 3), np.zeros((0, 3)), np.ones((4, 3))]),
    "text": ({}, ["a", "", "ünï"]),
    "json": ({}, [{"a": [1, None]}, None, 3]),
    "list": ({}, [[1, "x"], [], None]),
    "embedding": ({}, [np.ones(5, np.float32)] * 3),
    "keypoints_coco": ({}, [np.arange(9, dtype=np.int32).reshape(9, 1), np.zeros((9, 0), np.int32), None]),
    "segment_mask": ({"sample_compression": "png"}, [np.eye(6, dtype=np.uint8)] * 3),
    "binary_mask": ({"sample_compression": "lz4"}, [np.ones((4, 5, 2), bool)] * 3),
    "polygon": ({}, [[np.ones((3, 2), np.float32), np.ones((4, 2), np.float32)], [], None]),
    "image.rgb": ({"sample_compression": "jpeg"}, [jpeg_bytes(1), jpeg_bytes(2, gray=True), jpeg_bytes(3)]),
    "image": ({"sample_compression": "lz4"}, [photo(1), photo(2, channels=1), photo(3, 20, 30, 4)]),
    "image.gray": ({"sample_compression": "png"}, [photo(1, channels=1)] * 3),
    "class_label": ({}, ["car", ["bus", "car"], None]),
    "tag": ({}, ["a", ["b", "c"], None]),
    "point": ({}, [np.array([[1, 2]], np.int32), None, np.array([[3, 4], [5, 6]], np.int32)]),
}


def same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, torch.Tensor):
        mine = mine.numpy()
    if isinstance(theirs, np.ndarray):
        return bool(np.array_equal(mine, theirs)) and np.shape(mine) == theirs.shape
    if isinstance(theirs, list) and isinstance(mine, Sequence):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    return bool(mine == theirs)


@pytest.mark.parametrize("htype", CASES)
@pytest.mark.parametrize("sequence", [False, True])
def test_samples_of_every_kind_come_through_unchanged(tmp_path: Path, htype: str, sequence: bool) -> None:
    options, values = CASES[htype]
    tensor = spec("it", htype, sequence=sequence, **options)
    samples = [[values[0], values[2]], [], [values[1]]] if sequence else values
    try:
        htype_of(tensor).check_spec(tensor, {})
        source = MemorySource([tensor], {"it": samples})
    except LakebedError as error:
        pytest.skip(f"sequences of {htype} cannot be stored: {error.message}")
    store = open_store(tmp_path, create=True)
    view = MaterialisedView(store, "views/a", materialise(source, store, "views/a").key)
    expected = source.read("it", [0, 1, 2])
    assert all(map(same, view.read("it", [0, 1, 2]), expected))
    for batch in make_loader(view, batch_size=1):
        assert same(batch["it"][0], expected[int(batch["index"])])


class FullDisk(LocalStore):
    """A folder whose disk is full after some writes."""

    left = 0

    def put(self, key: str, data: Any) -> None:
        if self.left <= 0:
            raise StorageError("no space left on device", kind="disk-full", place=key)
        self.left -= 1
        super().put(key, data)


def test_a_full_disk_stops_the_materialiser_and_what_is_finished_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakebed.loader.materialiser.PAGE_ROWS", 8)  # one chunk file is a task, and has its note
    data = [np.random.default_rng(i).integers(0, 255, (120, 120, 3), np.uint8) for i in range(80)]
    source = MemorySource([spec("images", "image", sample_compression="bmp")], {"images": data})
    options = MaterialiseOptions(chunk_bytes=1 << 20, num_workers=2)
    store: Store = open_store(tmp_path, create=True)
    full = FullDisk(tmp_path)
    full.left = 2
    with pytest.raises(StorageError, match="no space left"):
        materialise(source, full, "views/a", options)
    assert len(list(store.list("views/a/notes/"))) == 2
    assert not list(store.list("views/a/index"))
    index = materialise(source, store, "views/a", options)
    assert MaterialisedView(store, "views/a", index.key).verify() == []


def test_rows_of_a_view_can_be_read_while_a_new_one_is_written(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    first = MaterialisedView(store, "views/a", materialise(coco_like(20), store, "views/a").key)
    loader = iter(make_loader(first, batch_size=4))
    next(loader)
    materialise(coco_like(20), store, "views/b", MaterialiseOptions(seed=3))
    assert len(list(loader)) == 4
