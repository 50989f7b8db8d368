"""Views on a distant store: chunk files come in time, once, and do not pile up."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lakebed.loader import MaterialisedView, MaterialiseOptions, make_loader, materialise, numpy_batches
from lakebed.storage.errors import StorageError
from lakebed.storage.stores import open_store
from lakebed.storage.stores.local import LocalStore

from loader_source import MemorySource, spec

ROWS, CHUNKS = 480, 12


class DistantStore(LocalStore):
    """A local folder that says it is S3, counts what is fetched and may be slow or down."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fetched: list[str] = []
        self.at_once = self.most_at_once = 0
        self.delay = 0.0
        self.down = False
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return "s3://bucket/data"

    def buffer(self, key: str) -> pa.Buffer:
        if "index" in key:
            return super().buffer(key)
        with self.guard:
            self.fetched.append(key)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.delay)
        with self.guard:
            self.at_once -= 1
        if self.down:
            raise StorageError("the server does not answer", kind="unreachable", place=self.url)
        return super().buffer(key)


@pytest.fixture
def distant(tmp_path: Path) -> MaterialisedView:
    local = open_store(tmp_path / "data", create=True)
    data = [np.random.default_rng(i).integers(0, 255, (100, 100, 3), np.uint8) for i in range(ROWS)]
    source = MemorySource([spec("images", "image", sample_compression="bmp")], {"images": data})
    index = materialise(source, local, "views/a", MaterialiseOptions(chunk_bytes=1 << 20))
    assert len(index.chunks) >= CHUNKS
    return MaterialisedView(DistantStore(tmp_path / "data"), "views/a", index.key)


def store_of(view: MaterialisedView) -> DistantStore:
    assert isinstance(view.store, DistantStore)
    return view.store


def test_each_chunk_file_is_fetched_once_an_epoch_and_few_are_held(distant: MaterialisedView) -> None:
    held, seen = [], []
    for batch in numpy_batches(distant, batch_size=16, shuffle=True, window=3, seed=1, num_threads=2):
        held.append(distant.open_files)
        seen += batch["index"].reshape(-1).tolist()
    assert sorted(seen) == list(range(ROWS))
    assert sorted(store_of(distant).fetched) == sorted(set(store_of(distant).fetched))
    assert len(store_of(distant).fetched) == len(distant.index.chunks)
    assert max(held) <= 3 * 3
    assert distant.open_files == 0


def test_files_are_fetched_side_by_side_before_they_are_needed(distant: MaterialisedView) -> None:
    store_of(distant).delay = 0.05
    batches = iter(numpy_batches(distant, batch_size=16, shuffle=True, window=3, num_threads=1, prefetch_factor=1))
    next(batches)
    for _ in range(100):
        if len(store_of(distant).fetched) > 3:
            break
        time.sleep(0.02)
    assert len(store_of(distant).fetched) > 3
    assert 2 <= store_of(distant).most_at_once <= 6


def test_a_view_stored_in_its_own_order_streams_without_shuffling(tmp_path: Path) -> None:
    local = open_store(tmp_path / "data", create=True)
    source = MemorySource([spec("labels", "class_label")], {"labels": [np.array([i], np.uint32) for i in range(900)]})
    options = MaterialiseOptions(order="view", chunk_bytes=1 << 10)
    index = materialise(source, local, "views/b", options)
    view = MaterialisedView(DistantStore(tmp_path / "data"), "views/b", index.key)
    rows = [row for batch in numpy_batches(view, batch_size=50) for row in batch["labels"].reshape(-1).tolist()]
    assert rows == list(range(900))


def test_the_default_window_of_a_streamed_view_is_bounded(distant: MaterialisedView) -> None:
    assert make_loader(distant, shuffle=True).state_dict()["window"] == 16


@pytest.mark.parametrize("num_threads", [0, 2])
def test_a_store_that_is_down_is_an_error_that_says_so(distant: MaterialisedView, num_threads: int) -> None:
    store_of(distant).down = True
    with pytest.raises(StorageError, match="does not answer"):
        list(numpy_batches(distant, batch_size=16, shuffle=True, num_threads=num_threads))


def test_waiting_has_a_deadline_that_names_what_is_waited_for(distant: MaterialisedView) -> None:
    store_of(distant).delay = 0.6
    options: dict[str, Any] = {"batch_size": 16, "num_threads": 2, "timeout": 0.1}
    with pytest.raises(TimeoutError, match=r"batch 0 did not come within 0\.1 s") as caught:
        list(numpy_batches(distant, **options))
    assert "row 0" in getattr(caught.value, "place", "")


def test_an_iteration_that_is_dropped_ends_its_threads(distant: MaterialisedView) -> None:
    batches = iter(numpy_batches(distant, batch_size=16, shuffle=True, window=2, num_threads=2))
    next(batches)
    del batches
    for thread in threading.enumerate():
        if thread.name.startswith("lakebed"):
            thread.join(10)
    assert not [t for t in threading.enumerate() if t.name.startswith("lakebed")]
    assert distant.open_files == 0
