"""What every store promises (see `lakebed.storage.stores.base`), checked on each of them."""

from __future__ import annotations

import pickle
import random
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from lakebed.storage.errors import InvalidInputError, ObjectExistsError, ObjectMissingError, StorageError
from lakebed.storage.stores import Store, open_store

from lakebed.errors import LakebedError


def keys(store: Store, prefix: str = "", start_after: str = "") -> list[str]:
    return [found.key for found in store.list(prefix, start_after)]


def test_what_was_put_is_read_back_whole_and_in_parts(store: Store) -> None:
    store.put("rows/a", b"0123456789")
    assert store.get("rows/a") == b"0123456789"
    assert store.get_range("rows/a", 2, 3) == b"234"
    assert store.buffer("rows/a").to_pybytes() == b"0123456789"


def test_a_range_is_short_only_at_the_end(store: Store) -> None:
    store.put("a", b"0123456789")
    assert store.get_range("a", 8, 5) == b"89"
    assert store.get_range("a", 10, 5) == b""
    assert store.get_range("a", 50, 5) == b""
    assert store.get_range("a", 3, 0) == b""


def test_a_negative_range_is_refused(store: Store) -> None:
    store.put("a", b"0123")
    with pytest.raises(InvalidInputError):
        store.get_range("a", -1, 2)


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("a", b"")
    assert store.get("a") == b""
    assert store.get_range("a", 0, 4) == b""
    assert store.buffer("a").size == 0
    found = store.stat("a")
    assert found is not None
    assert found.size == 0


@pytest.mark.parametrize("kind", ["bytes", "memoryview", "buffer"])
def test_put_takes_each_kind_of_buffer(store: Store, kind: str) -> None:
    data: Any = {"bytes": b"abc", "memoryview": memoryview(b"xabcx")[1:4], "buffer": pa.py_buffer(b"abc")}[kind]
    store.put("a", data)
    assert store.get("a") == b"abc"


def test_a_missing_object_is_an_error_that_names_it(store: Store) -> None:
    for read in (store.get, store.buffer, lambda key: store.get_range(key, 0, 1)):
        with pytest.raises(ObjectMissingError, match="log/7"):
            read("log/7")
    assert store.stat("log/7") is None


def test_a_folder_of_objects_is_not_an_object(store: Store) -> None:
    store.put("views/1/a", b"x")
    assert store.stat("views/1") is None
    with pytest.raises(ObjectMissingError):
        store.get("views/1")
    with pytest.raises(ObjectMissingError):
        store.buffer("views/1")


def test_putting_the_same_bytes_again_is_harmless(store: Store) -> None:
    store.put("meta/h", b"same")
    store.put("meta/h", b"same")
    assert store.get("meta/h") == b"same"


def test_an_object_is_never_replaced_by_put(store: Store) -> None:
    store.put("meta/h", b"first")
    with pytest.raises(StorageError) as caught:
        store.put("meta/h", b"other")
    assert caught.value.kind == "object-differs"
    assert store.get("meta/h") == b"first"


def test_create_writes_once_and_then_finds_the_key_taken(store: Store) -> None:
    store.create("log/1", b"first")
    with pytest.raises(ObjectExistsError):
        store.create("log/1", b"other")
    assert store.get("log/1") == b"first"


def test_without_a_network_in_between_the_same_bytes_are_refused_too(tmp_path: Path) -> None:
    for store in (open_store(f"mem://{tmp_path.name}"), open_store(tmp_path, create=True)):
        for data in (b"", b"x", b"longer"):
            store.create(f"log/{len(data)}", data)
            with pytest.raises(ObjectExistsError):
                store.create(f"log/{len(data)}", data)


def test_of_many_threads_exactly_one_creates_a_key(store: Store) -> None:
    for turn in range(5):
        assert len(race_threads(store, f"log/{turn}")) == 1


def race_threads(store: Store, key: str) -> list[bytes]:
    start, won = threading.Barrier(8), []

    def run(name: bytes) -> None:
        start.wait()
        try:
            store.create(key, name)
        except ObjectExistsError:
            return
        won.append(name)

    threads = [threading.Thread(target=run, args=(b"writer %d" % i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [store.get(key)]
    return won


def test_list_gives_keys_in_order_by_prefix_and_start(store: Store) -> None:
    for key in ("rows/b", "log/10", "log/9", "a/b", "a-b", "a.b", "log/1/x", "rows/a"):
        store.put(key, key.encode())
    assert keys(store) == ["a-b", "a.b", "a/b", "log/1/x", "log/10", "log/9", "rows/a", "rows/b"]
    assert keys(store, "log/") == ["log/1/x", "log/10", "log/9"]
    assert keys(store, "log/1") == ["log/1/x", "log/10"]
    assert keys(store, "log/", "log/10") == ["log/9"]
    assert keys(store, "", "log/1") == ["log/1/x", "log/10", "log/9", "rows/a", "rows/b"]
    assert keys(store, "ro") == ["rows/a", "rows/b"]
    assert keys(store, "none/") == []
    assert [found.size for found in store.list("rows/")] == [6, 6]


def test_stat_and_list_agree(store: Store) -> None:
    store.put("rows/a", b"123")
    found, listed = store.stat("rows/a"), next(store.list("rows/"))
    assert found is not None
    assert (found.key, found.size) == (listed.key, listed.size) == ("rows/a", 3)
    assert abs(found.modified - listed.modified) < 1  # HTTP's Last-Modified has whole seconds


def test_objects_of_many_parts_are_whole(store: Store) -> None:
    data = random.Random(1).randbytes(20_000_000)
    store.put("chunks/big", data)
    store.put("chunks/big", data)
    assert store.get("chunks/big") == data
    assert store.buffer("chunks/big").equals(pa.py_buffer(data))
    assert store.get_range("chunks/big", 7, 18_000_000) == data[7:18_000_007]
    with pytest.raises(StorageError):
        store.put("chunks/big", data[:-1] + b"x")


def test_deleting_is_final_and_absent_is_fine(store: Store) -> None:
    store.put("views/1/a", b"x")
    store.put("views/1/b", b"x")
    store.delete("views/1/a")
    store.delete("views/1/a")
    assert keys(store) == ["views/1/b"]
    store.delete("views/1/b")
    store.put("views/1/b", b"y")
    assert store.get("views/1/b") == b"y"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "a/.",
        ".",
        "a\\b",
        "a:b",
        "ä",
        "a\n",
        "con",
        "a/nul.x",
        "a.",
        "x" * 300,
    ],
)
def test_a_key_that_some_store_could_not_hold_is_refused(store: Store, key: str) -> None:
    calls = (
        store.get,
        store.buffer,
        store.delete,
        store.stat,
        lambda k: store.put(k, b""),
        lambda k: store.create(k, b""),
    )
    for call in calls:
        with pytest.raises(InvalidInputError) as caught:
            call(key)
        assert caught.value.kind == "bad-key"


def test_the_store_keeps_its_promises_of_type(store: Store) -> None:
    assert isinstance(store, Store)
    assert open_store(store.url).url == store.url


def test_unfinished_files_are_listed_only_when_asked_for(store: Store) -> None:
    store.put("tmp/x", b"x")
    store.put("rows/a", b"x")
    assert keys(store) == ["rows/a"]
    assert "tmp/x" in keys(store, "tmp/")


def test_every_error_is_one_of_ours(store: Store) -> None:
    with pytest.raises(LakebedError) as caught:
        store.get("nothing")
    assert pickle.loads(pickle.dumps(caught.value)).kind == "object-missing"
