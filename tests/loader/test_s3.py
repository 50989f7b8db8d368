"""A view on an S3 server: materialised there from links to it, streamed from it, mended from it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.loader import LoaderTimeoutError, MaterialisedView, MaterialiseOptions, make_loader, materialise
from lakebed.storage.stores import Store, open_store

from fault_proxy import Fault, Request, fault_proxy
from loader_source import MemorySource, coco_like, spec

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")

ROWS = 150


@pytest.fixture
def store(moto_bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("LAKEBED_CACHE", str(tmp_path / "cache"))
    return open_store(f"s3://test/{os.urandom(6).hex()}", moto_bucket)


def bitmaps() -> MemorySource:
    data = [np.random.default_rng(i).integers(0, 255, (120, 120, 3), np.uint8) for i in range(ROWS)]
    return MemorySource([spec("images", "image", sample_compression="bmp")], {"images": data})


@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_row_of_a_streamed_view_comes_once_with_its_own_pixels(store: Store, num_workers: int) -> None:
    source = bitmaps()
    index = materialise(source, store, "views/a", MaterialiseOptions(chunk_bytes=1 << 20, num_workers=2))
    assert len(index.chunks) > 4
    view = MaterialisedView(store, "views/a", index.key)
    loader = make_loader(view, batch_size=16, shuffle=True, window=2, num_workers=num_workers, seed=3)
    seen: list[int] = []
    for batch in loader:
        for image, row in zip(batch["images"], batch["index"].reshape(-1).tolist(), strict=True):
            assert np.array_equal(image.numpy(), source.read("images", [row])[0])
            seen.append(row)
    assert sorted(seen) == list(range(ROWS))
    assert view.open_files == 0
    assert loader.state_dict()["window"] == 2
    first = loader.stats()
    assert first["files_fetched"] >= len(index.chunks)
    assert first["megabytes_fetched"] > 6
    list(loader)
    later = loader.stats()
    assert later["files_fetched"] == first["files_fetched"]
    assert later["cache_hits"] > first["cache_hits"]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_server_that_stalls_is_a_clear_error(
    store: Store, moto_bucket: dict[str, str], num_workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEBED_S3_TIMEOUT", "3")
    index = materialise(coco_like(12), store, "views/a")
    with fault_proxy(moto_bucket["endpoint_url"]) as proxy:
        far = open_store(store.url, {**moto_bucket, "endpoint_url": proxy.url})
        view = MaterialisedView(far, "views/a", index.key)
        assert len(view) == 12

        def decide(request: Request) -> Fault:
            return Fault.ANSWER_LATE if request.method == "GET" else Fault.PASS

        proxy.decide = decide
        with pytest.raises(LoaderTimeoutError, match=r"within 1 s") as caught:
            list(make_loader(view, batch_size=4, shuffle=True, num_workers=num_workers, timeout=1))
        assert "raise timeout=" in caught.value.hint


def test_a_full_cache_disk_makes_an_epoch_slower_and_nothing_else(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str, data: Any) -> None:
        Path(path).write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    monkeypatch.setattr("lakebed.storage.stores.cache.durable.write_new_file", full)
    index = materialise(bitmaps(), store, "views/a", MaterialiseOptions(chunk_bytes=1 << 20))
    view = MaterialisedView(store, "views/a", index.key)
    loader = make_loader(view, batch_size=16, shuffle=True, window=2, seed=3)
    for epoch in (1, 2):
        rows = [row for batch in loader for row in batch["index"].reshape(-1).tolist()]
        assert sorted(rows) == list(range(ROWS))
        stats = loader.stats()
        assert stats["files_fetched"] == stats["files_opened"] >= epoch * len(index.chunks)
        assert stats["cache_hits"] == stats["bad_samples"] == 0
    assert view.open_files == 0


def test_a_damaged_copy_in_the_local_cache_is_fetched_again(store: Store, tmp_path: Path) -> None:
    source = coco_like(12)
    view = MaterialisedView(store, "views/a", materialise(source, store, "views/a").key)
    list(make_loader(view, batch_size=4))
    needle = source.files["mem://photos/0003.jpg"]
    copies = [p for p in (tmp_path / "cache").rglob("*") if p.is_file() and needle in p.read_bytes()]
    assert copies
    for copy in copies:
        content = bytearray(copy.read_bytes())
        content[content.index(needle) + 100] ^= 4
        os.chmod(copy, 0o644)
        copy.write_bytes(content)
    again = MaterialisedView(store, "views/a", view.key)
    batches: list[Any] = list(make_loader(again, batch_size=4, num_threads=0))
    assert np.array_equal(batches[0]["images"][3].numpy(), source.read("images", [3])[0])
