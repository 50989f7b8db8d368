"""The local store when the file system fails: nothing half written, nothing saved touched, and what to do is said."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from lakebed.storage.errors import CommitUnknownError, ObjectExistsError, ObjectMissingError, StorageError
from lakebed.storage.stores import open_store
from lakebed.storage.stores.local import LocalStore

CALLS = ("open", "write", "fsync", "close", "link", "mkdir")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "ds", create=True)


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, name: str, code: int, turn: int = 1) -> Iterator[list[str]]:
    """Let the `turn`-th call of os.<name> fail; gives the list of calls made."""
    real, calls = getattr(os, name), []

    def fail(*args: Any, **options: Any) -> Any:
        calls.append(name)
        if len(calls) == turn:
            if name == "close":
                real(*args)  # the descriptor is gone even when close reports an error
            raise OSError(code, os.strerror(code))
        return real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        yield calls


def leftovers(store: LocalStore) -> list[str]:
    return [found.key for found in store.list("tmp/")]


# Errors


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("write", errno.ENOSPC, "disk-full"),
        ("fsync", errno.ENOSPC, "disk-full"),
        ("write", errno.EDQUOT, "disk-full"),
        ("link", errno.ENOSPC, "disk-full"),
        ("open", errno.EACCES, "no-permission"),
        ("open", errno.EROFS, "no-permission"),
        ("link", errno.EACCES, "no-permission"),
        ("open", errno.EMFILE, "too-many-files"),
        ("write", errno.EIO, "disk-error"),
        ("link", errno.EPERM, "unsafe-store"),
        ("link", errno.ENOTSUP, "unsafe-store"),
        ("link", errno.EMLINK, "unsafe-store"),
    ],
)
@pytest.mark.parametrize("write", [LocalStore.put, LocalStore.create], ids=["put", "create"])
def test_a_failed_write_leaves_nothing_and_says_what_to_do(
    write: Callable[[LocalStore, str, bytes], None],
    name: str,
    code: int,
    kind: str,
    store: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(store, "log/0", b"saved")
    with failing(monkeypatch, name, code), pytest.raises(StorageError) as caught:
        write(store, "log/1", b"lost")
    assert caught.value.kind == kind
    assert caught.value.hint
    assert store.url in caught.value.place
    assert store.get("log/0") == b"saved"
    assert store.stat("log/1") is None
    assert leftovers(store) == []
    write(store, "log/1", b"again")
    assert store.get("log/1") == b"again"


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("write", [LocalStore.put, LocalStore.create], ids=["put", "create"])
def test_whichever_system_call_fails_the_object_is_whole_or_absent_and_can_be_written_again(
    write: Callable[[LocalStore, str, bytes], None], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, met = 1, 0
    while True:
        store = LocalStore(tmp_path / f"{name}-{turn}", create=True)
        with failing(monkeypatch, name, errno.EIO, turn) as calls:
            outcome = attempt(lambda: write(store, "views/1/x", b"whole"))  # noqa: B023 - called at once
        if len(calls) < turn:
            break
        met += 1
        stands = store.stat("views/1/x") is not None
        assert not stands or store.get("views/1/x") == b"whole"
        if outcome is None:
            assert stands
        elif not isinstance(outcome, CommitUnknownError) and outcome.kind != "not-durable":
            assert not stands
        again = attempt(lambda: write(store, "views/1/x", b"whole"))  # noqa: B023
        assert again is None or (stands and isinstance(again, ObjectExistsError))
        assert store.get("views/1/x") == b"whole"
        turn += 1
    assert met > 0


def attempt(call: Callable[[], None]) -> StorageError | None:
    try:
        call()
    except StorageError as error:
        return error
    return None


def test_a_name_that_may_not_be_durable_makes_the_outcome_of_create_unknown(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("log/0", b"")
    with failing(monkeypatch, "fsync", errno.EIO, turn=2), pytest.raises(CommitUnknownError) as caught:
        store.create("log/1", b"x")
    assert caught.value.kind == "commit-unknown"
    assert store.get("log/1") == b"x"


def test_a_link_whose_answer_was_lost_on_the_network_is_our_own(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def link_twice(source: str, target: str) -> None:
        real(source, target)
        real(source, target)

    monkeypatch.setattr(os, "link", link_twice)
    store.create("log/1", b"x")
    assert store.get("log/1") == b"x"
    with pytest.raises(ObjectExistsError):
        store.create("log/1", b"x")


def test_a_file_system_without_fsync_for_folders_is_no_error(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", b"")
    with failing(monkeypatch, "fsync", errno.EINVAL, turn=2):
        store.put("b", b"x")
    assert store.get("b") == b"x"


def test_a_dataset_whose_folder_went_away_is_not_begun_anew(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "unmounted")
    for write in (store.put, store.create):
        with pytest.raises(StorageError) as caught:
            write("log/1", b"x")
        assert caught.value.kind == "missing-folder"
    assert not (tmp_path / "unmounted").exists()
    assert list(store.list()) == []
    assert store.stat("log/1") is None


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError) as caught:
        open_store(tmp_path / "file" / "ds", create=True)
    assert caught.value.kind == "not-a-folder"
    with pytest.raises(StorageError):
        open_store(tmp_path / "file", create=True)
    with pytest.raises(StorageError):
        open_store(tmp_path / "file").put("a", b"")
    with pytest.raises(ObjectMissingError):
        open_store(tmp_path / "file").get("a")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_object_in_the_way_of_a_folder_is_named(store: LocalStore) -> None:
    store.put("rows", b"x")
    with pytest.raises(StorageError) as caught:
        store.put("rows/a", b"y")
    assert caught.value.kind == "not-a-folder"
    store.put("log/1", b"x")
    with pytest.raises(StorageError):
        store.put("log", b"y")


def test_a_folder_removed_by_a_deletion_is_made_again(store: LocalStore, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "ds")
    store.put("views/1/a", b"x")
    other.delete("views/1/a")
    assert not (tmp_path / "ds" / "views" / "1").exists()
    store.put("views/1/b", b"y")
    assert other.get("views/1/b") == b"y"


def test_a_temporary_file_removed_by_another_process_is_an_error_and_not_a_loop(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def link_without_source(source: str, target: str) -> None:
        Path(source).unlink(missing_ok=True)
        real(source, target)

    monkeypatch.setattr(os, "link", link_without_source)
    with pytest.raises(StorageError):
        store.put("a", b"x")
    assert store.stat("a") is None


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs POSIX modes and a user other than root")
def test_a_folder_without_permission_is_told(store: LocalStore, tmp_path: Path) -> None:
    store.put("a", b"x")
    os.chmod(tmp_path / "ds" / "tmp", 0o500)
    with pytest.raises(StorageError) as caught:
        store.put("b", b"x")
    assert caught.value.kind == "no-permission"
    os.chmod(tmp_path / "ds" / "tmp", 0o700)


# A real file system that is full, then read-only

SMALL_DISK = """
    import os, subprocess, sys
    from lakebed.storage.errors import StorageError
    from lakebed.storage.stores import open_store
    folder = sys.argv[1]
    store = open_store(folder, create=True)
    store.put("rows/first", b"x" * 1000)
    def kind(call):
        try:
            call()
        except StorageError as error:
            return error.kind
        return "written"
    print(kind(lambda: store.put("rows/big", bytes(3_000_000))), store.stat("rows/big"), list(store.list("tmp/")))
    print(kind(lambda: store.put("rows/small", bytes(1000))), len(store.get("rows/first")))
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    print(kind(lambda: store.create("log/1", b"x")), store.stat("log/1"), len(store.get("rows/first")))
"""


def test_a_disk_that_is_really_full_and_one_that_is_really_read_only(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs Linux's unshare to mount a small disk")
    inside = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, "sh"]
    probe = subprocess.run([*command, str(tmp_path), "true", ""], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("this system does not let a user mount a small disk")
    done = subprocess.run(
        [*command, str(tmp_path), sys.executable, textwrap.dedent(SMALL_DISK)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "disk-full None []",
        "written 1000",
        "no-permission None 1000",
    ], done.stderr


# Reading


def test_a_buffer_is_the_mapped_file_and_outlives_its_name(store: LocalStore) -> None:
    data = b"x" * mmap.PAGESIZE * 4
    store.put("rows/a", data)
    found = store.buffer("rows/a")
    assert found.address % mmap.PAGESIZE == 0
    if os.name != "nt":
        store.delete("rows/a")
    assert found.to_pybytes() == data


def test_a_listing_survives_deletions_meanwhile(store: LocalStore) -> None:
    for name in "abcd":
        store.put(f"rows/{name}", b"x")
        store.put(f"views/{name}/x", b"x")
    listing = store.list()
    first = next(listing)
    for key in ("rows/b", "rows/c", "views/b/x", "views/d/x"):
        store.delete(key)
    assert [first.key, *(found.key for found in listing)] == ["rows/a", "rows/d", "views/a/x", "views/c/x"]


def test_a_small_commit_is_two_writes_with_four_syncs(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("meta/first", b"")
    store.create("log/0", b"")
    done: list[str] = []
    for name in ("open", "fsync", "link", "mkdir", "stat", "rename", "replace"):
        monkeypatch.setattr(os, name, recording(getattr(os, name), name, done))
    store.put("meta/next", b"bundle")
    store.create("log/1", b"entry")
    assert done == ["open", "fsync", "link", "open", "fsync"] * 2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux which folder a descriptor means")
def test_every_folder_on_the_way_to_a_new_object_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, synced = os.fsync, []

    def fsync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    root = tmp_path / "new" / "ds"
    LocalStore(root, create=True)
    assert {str(tmp_path), str(tmp_path / "new")} <= set(synced)
    for _ in range(2):  # a second writer cannot know whether the first one came to sync them
        synced.clear()
        LocalStore(root).put(f"views/1/{len(list(root.rglob('*')))}", b"x")
        assert synced[-1] == str(root / "views" / "1")
        assert {str(root), str(root / "views")} <= set(synced)


def recording(call: Callable[..., Any], name: str, done: list[str]) -> Callable[..., Any]:
    def run(*args: Any, **options: Any) -> Any:
        done.append(name)
        return call(*args, **options)

    return run


def test_an_arrow_buffer_that_stands_there_already_is_the_same_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, create=True)
    for _ in range(2):
        store.put("rows/a", pa.py_buffer(bytes(range(256))))
    assert store.get("rows/a") == bytes(range(256))
