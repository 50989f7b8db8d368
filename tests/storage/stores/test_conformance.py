"""What every store promises (see `lakebed.storage.stores.base`), checked on each of them."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from lakebed.storage.errors import InvalidInputError, ObjectExistsError, ObjectMissingError, StorageError
from lakebed.storage.stores import Store, open_store

from lakebed.errors import LakebedError


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield open_store(f"mem://{tmp_path.name}-{id(request)}")
    else:
        yield open_store(tmp_path / "ds", create=True)


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
    data = {"bytes": b"abc", "memoryview": memoryview(b"xabcx")[1:4], "buffer": pa.py_buffer(b"abc")}[kind]
    store.put("a", data)  # type: ignore[arg-type]  # mypy joins the three kinds to object
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
    for data in (b"other", b"first"):
        with pytest.raises(ObjectExistsError):
            store.create("log/1", data)
    assert store.get("log/1") == b"first"


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
    assert store.stat("rows/a") == next(store.list("rows/"))


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


def test_a_pickled_store_opens_the_same_place(store: Store) -> None:
    store.put("a", b"x")
    copy = pickle.loads(pickle.dumps(store))
    copy.put("b", b"y")
    assert keys(store) == ["a", "b"]
    assert copy.url == store.url


def test_the_store_is_a_store_and_opens_by_its_url(store: Store) -> None:
    assert isinstance(store, Store)
    store.put("a", b"x")
    assert open_store(store.url).get("a") == b"x"


def test_every_error_is_one_of_ours(store: Store) -> None:
    with pytest.raises(LakebedError) as caught:
        store.get("nothing")
    assert pickle.loads(pickle.dumps(caught.value)).kind == "object-missing"
