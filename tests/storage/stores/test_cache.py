"""Copies of remote objects stay within their limit, and no fault of the cache is a fault of the dataset."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lakebed.storage.errors import InvalidInputError
from lakebed.storage.stores.cache import DiskCache
from lakebed.storage.stores.s3 import S3Store

from fault_proxy import fault_proxy


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_copy_is_found_by_its_name(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 1000)
    assert cache.find("abc") is None
    assert cache.keep("abc", b"data").to_pybytes() == b"data"
    found = DiskCache(tmp_path, 1000).find("abc")
    assert found is not None
    assert found.to_pybytes() == b"data"
    cache.forget("abc")
    cache.forget("abc")
    assert cache.find("abc") is None


def test_the_least_recently_used_copies_go_first(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 1000)
    for age, name in enumerate(["old", "used", "new"]):
        cache.keep(name, bytes(300))
        os.utime(tmp_path / name[:2] / name, (1_000_000 + age, 1_000_000 + age))
    assert cache.find("old") is not None  # and so it is the newest now
    cache.keep("more", bytes(300))
    assert [cache.find(name) is not None for name in ("old", "used", "new", "more")] == [True, False, True, True]


def test_many_copies_stay_within_the_limit(tmp_path: Path) -> None:
    caches = [DiskCache(tmp_path, 10_000) for _ in range(3)]
    for i in range(100):
        caches[i % 3].keep(f"{i:04}", bytes(500))
        assert size_of(tmp_path) <= 10_000 + 3 * 10_000 // 16
    assert size_of(tmp_path) > 5_000


@pytest.mark.parametrize("limit", [0, 100])
def test_what_is_larger_than_the_limit_is_served_from_memory(tmp_path: Path, limit: int) -> None:
    assert DiskCache(tmp_path, limit).keep("abc", bytes(200)).size == 200
    assert size_of(tmp_path) == 0


def test_an_empty_object_is_served(tmp_path: Path) -> None:
    assert DiskCache(tmp_path, 100).keep("abc", b"").size == 0


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file", 1000)
    assert cache.keep("abc", b"data").to_pybytes() == b"data"
    assert cache.find("abc") is None


def test_a_mapping_outlives_the_copy(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10_000)
    data = os.urandom(5_000)
    mapped = cache.keep("abc", data)
    cache.forget("abc")
    cache.keep("def", bytes(9_000))
    assert mapped.to_pybytes() == data


def test_the_limit_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBED_CACHE_BYTES", "12345")
    assert DiskCache().limit == 12345
    monkeypatch.setenv("LAKEBED_CACHE_BYTES", "8 GB")
    with pytest.raises(InvalidInputError, match="LAKEBED_CACHE_BYTES"):
        DiskCache()


def test_an_object_is_fetched_once_and_again_after_it_was_forgotten(
    moto_bucket: dict[str, str], tmp_path: Path
) -> None:
    with fault_proxy(moto_bucket["endpoint_url"]) as proxy:
        store = S3Store(f"s3://test/{os.urandom(8).hex()}", {**moto_bucket, "endpoint_url": proxy.url})
        store.put("rows/a", b"data")
        fetched = []
        for forget in (False, False, True, False):
            if forget:
                store.forget("rows/a")
            before = len(proxy.seen)
            assert store.buffer("rows/a").to_pybytes() == b"data"
            fetched.append(len(proxy.seen) - before)
    assert fetched == [1, 0, 1, 0]


def test_an_object_whose_name_may_be_used_again_is_never_stale(moto_bucket: dict[str, str]) -> None:
    store = S3Store(f"s3://test/{os.urandom(8).hex()}", moto_bucket)
    for data in (b"first", b"again"):
        store.put("views/1/index", data)
        assert store.buffer("views/1/index").to_pybytes() == data
        store.delete("views/1/index")
