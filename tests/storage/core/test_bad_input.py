"""What goes wrong around a dataset is told with its kind, its place and a way out, and nothing saved is touched.

Settings of S3 (credentials, buckets, expired tokens) are in `stores/test_s3_errors`, flipped bits in `test_damage`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lakebed.storage.errors import ConflictError, DamageError, FormatError, NotFoundError
from lakebed.storage.gc import gc
from lakebed.storage.objects import seal_lines
from lakebed.storage.selection import Selection
from lakebed.storage.stores import durable
from lakebed.storage.stores.base import Store
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.verify import verify
from lakebed.storage.workspace import Workspace

from faulty_store import copy_of
from lakebed.errors import LakebedError
from storage_model import created, make_tensor, opened, png, small_limits


def dataset(store: Store) -> Workspace:
    """Two branches that differ, each with a commit of its own; rows in files, in bundles and in chunk files."""
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    make_tensor(ws, "image", "image_a")
    ws.extend({"text_a": [f"row {n}" for n in range(20)], "image_a": [png(20, n) for n in range(20)]}, 20)
    ws.commit("rows")
    ws.checkout("dev", create=True)
    ws.update([3], {"text_a": ["dev"]})
    ws.commit("dev")
    ws.checkout("main")
    ws.pop([0])
    ws.commit("main")
    return ws


def contents(store: Store) -> dict[str, bytes]:
    return {stat.key: store.get(stat.key) for stat in store.list() if not stat.key.startswith("hints/")}


def told(error: LakebedError, kind: str, place: str) -> None:
    assert error.kind == kind
    assert place in error.place
    assert error.hint


def append(ws: Workspace) -> None:
    ws.extend({"image_a": [png(24, 1)] * 3}, 3)
    ws.flush()


def commit(ws: Workspace) -> None:
    ws.update([1], {"text_a": ["new"]})
    ws.commit("new")


OPERATIONS: dict[str, Callable[[Workspace], object]] = {
    "append": append,
    "commit": commit,
    "merge": lambda ws: ws.merge("dev"),
    "revert": lambda ws: ws.revert("main"),
    "branch": lambda ws: ws.checkout("new", create=True),
    "tag": lambda ws: ws.tag("new"),
    "delete-branch": lambda ws: ws.delete_branch("dev"),
    "view": lambda ws: ws.save_view(Selection(ws.snapshot(), np.array([2, 1])), id="new"),
    "clean-up": lambda ws: gc(ws.repository, grace=0.0, dry_run=False, exclusive=True),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, "disk-full"), (errno.EROFS, "no-permission"), (errno.EACCES, "no-permission")],
    ids=["full", "read-only", "forbidden"],
)
def test_a_disk_that_takes_nothing_is_told_and_all_that_was_saved_stays(
    name: str, code: int, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "ds", create=True)
    with small_limits():
        ws = dataset(store)
        before = contents(store)

        def refuse(path: str, *_: object) -> None:
            raise OSError(code, os.strerror(code), path)

        with monkeypatch.context() as patched:
            patched.setattr(durable, "write_new_file", refuse)
            with pytest.raises(LakebedError) as caught:
                OPERATIONS[name](ws)
        told(caught.value, kind, str(tmp_path / "ds"))
        assert contents(store) == before
        assert verify(opened(store).repository, "deep").ok
        ws.close()
        OPERATIONS[name](ws)  # there is room again: the handle goes on
        assert verify(opened(store).repository, "deep").ok


def read_all(store: Store) -> None:
    ws = opened(store)
    ws.log()
    for tensor in ws.schema.names:
        ws.read(tensor, range(len(ws)))


def test_a_file_that_was_cut_short_is_named_and_nothing_is_written() -> None:
    with small_limits():
        store = MemoryStore()
        dataset(store).close()
        noticed = 0
        for stat in store.list():
            if stat.key.startswith("hints/"):
                continue
            twin = copy_of(store)
            data = twin.get(stat.key)
            twin.delete(stat.key)
            twin.put(stat.key, data[: len(data) // 2])
            before = contents(twin)
            error = refusal(twin)
            if error is not None:
                noticed += 1
                assert error.kind
                assert twin.url in error.place
            assert contents(twin) == before
        assert noticed > 5


def refusal(store: Store) -> LakebedError | None:
    """What reading everything says to damage, None where it reads through."""
    try:
        read_all(store)
    except (DamageError, FormatError) as error:
        return error
    return None


FOREIGN = (
    "holiday.jpg", "FORMAT.bak", "log/notes.txt", "log/.DS_Store", "log/0000", "log/99999999999999999999", "log/old/a",
    "hints/x", "meta/notes.txt", "meta/Thumbs.db", "rows/photo.jpg", "chunks/.DS_Store", "chunks/sub/a.arrow",
    "views/readme",
)  # fmt: skip


@pytest.mark.parametrize("key", FOREIGN)
def test_files_of_others_under_the_prefix_disturb_nothing_and_are_left_alone(key: str, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "ds", create=True)
    ws = dataset(store)
    store.put(key, b"not ours")
    other = opened(store)
    other.update([1], {"text_a": ["edited"]})
    other.commit("edited")
    ws.refresh()
    assert str(ws.read("text_a", [1])[0]) == "edited"
    gc(ws.repository, grace=0.0, dry_run=False, exclusive=True)
    assert verify(ws.repository, "deep").ok
    assert store.get(key) == b"not ours"


def test_a_dataset_of_a_later_release_is_refused_and_left_as_it_is() -> None:
    store = MemoryStore()
    dataset(store).close()
    store.delete("FORMAT")
    store.put("FORMAT", seal_lines({"magic": "lakebed", "uuid": "u", "version": 99, "features": ["warp"]}))
    before = contents(store)
    with pytest.raises(FormatError, match="99") as caught:
        opened(store)
    told(caught.value, "future-format", store.url)
    assert "upgrade" in caught.value.hint
    assert contents(store) == before


@pytest.mark.parametrize("ref", ["/data/other", "s3://bucket/other", "mem://other", "./other"])
def test_a_merge_of_another_dataset_says_what_can_be_merged(ref: str) -> None:
    store = MemoryStore()
    ws = dataset(store)
    before = contents(store)
    with pytest.raises(NotFoundError) as caught:
        ws.merge(ref)
    told(caught.value, "unrelated", store.url)
    assert "ds.extend" in caught.value.hint
    assert contents(store) == before


def test_two_edits_to_one_cell_by_two_writers_are_told_and_the_first_stays() -> None:
    store = MemoryStore()
    ws, other = dataset(store), opened(store)
    ws.update([5], {"text_a": ["mine"]})
    other.update([5], {"text_a": ["theirs"]})
    other.commit("theirs")
    before = contents(store)
    with pytest.raises(ConflictError, match="1 of the rows") as caught:
        ws.commit("mine")
    told(caught.value, "row-conflict", store.url)
    assert contents(store) == before
    assert str(ws.read("text_a", [5])[0]) == "theirs"


def test_two_edits_to_one_cell_in_one_call_leave_the_last_one() -> None:
    ws = dataset(MemoryStore())
    ws.update([5, 5], {"text_a": ["first", "last"]})
    ws.commit("twice")
    assert str(ws.read("text_a", [5])[0]) == "last"
