"""Copies that would harm: onto their own source, stopped half-way, of a dataset that is being written, of nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lakebed.storage.stores.memory import MemoryStore

import lakebed
from face_data import fresh_path, label_codes, numbers, street
from lakebed import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError, StateError

Copy = Callable[[Any, str], Any]

COPIES: dict[str, Copy] = {
    "copy by path": lambda ds, dest: lakebed.copy(ds.path, dest, overwrite=True, progressbar=False),
    "copy of a view": lambda ds, dest: lakebed.copy(ds[1:3], dest, overwrite=True, progressbar=False),
    "ds.copy": lambda ds, dest: ds.copy(dest, overwrite=True, progressbar=False),
    "deepcopy by path": lambda ds, dest: lakebed.deepcopy(ds.path, dest, overwrite=True, progressbar=False),
    "deepcopy": lambda ds, dest: lakebed.deepcopy(ds, dest, overwrite=True, progressbar=False),
    "like by path": lambda ds, dest: lakebed.like(dest, ds.path, overwrite=True),
    "like a group": lambda ds, dest: lakebed.like(dest, ds["group"], overwrite=True),
}


@pytest.fixture
def ds(request: pytest.FixtureRequest, tmp_path: Path) -> lakebed.Dataset:
    made = numbers(5, str(tmp_path / "ds") if request.param == "disk" else fresh_path())
    made.create_tensor("group/y")
    made.commit("a group")
    return made


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("ds", ["disk", "memory"], indirect=True)
def test_a_copy_onto_itself_is_refused_and_harms_nothing(ds: lakebed.Dataset, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        COPIES[name](ds, ds.path)
    assert caught.value.kind == "copy-onto-itself"
    assert len(lakebed.load(ds.path)) == 5
    assert len(lakebed.load(ds.path).commits) == 2


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("ds", ["disk"], indirect=True)
def test_the_same_folder_by_another_name_is_known(ds: lakebed.Dataset, name: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "ds", target_is_directory=True)
    for other in (tmp_path / "link", tmp_path / "ds" / ".." / "ds"):
        with pytest.raises(InvalidInputError, match="onto itself"):
            COPIES[name](ds, str(other))
    assert len(lakebed.load(ds.path)) == 5


@pytest.mark.parametrize("copied", [lakebed.copy, lambda src, dest, **options: lakebed.like(dest, src, **options)])
def test_a_tensor_that_is_not_there_is_told_before_anything_is_deleted(copied: Any) -> None:
    old = numbers(3)
    with pytest.raises(NotFoundError, match="'nope'"):
        copied(numbers(2), old.path, tensors=["nope"], overwrite=True)
    assert len(lakebed.load(old.path)) == 3
    nowhere = fresh_path()
    with pytest.raises(NotFoundError):
        copied(numbers(2), nowhere, tensors=["nope"])
    assert not lakebed.exists(nowhere)


def test_tensors_are_named_by_a_list_a_group_or_one_name() -> None:
    ds = street(3)
    ds.create_tensor("more/x")
    ds.create_tensor("more/y")
    for named, expected in (("boxes", ["boxes"]), (["more", "boxes"], ["more/x", "more/y", "boxes"])):
        assert list(lakebed.copy(ds, fresh_path(), tensors=named, progressbar=False).tensors) == expected
        assert list(lakebed.like(fresh_path(), ds, tensors=named).tensors) == expected


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    ds = lakebed.empty(fresh_path())
    options: dict[str, Any] = dict.fromkeys(("verify", "create_shape_tensor", "create_sample_info_tensor"), False)
    ds.create_tensor("images", htype="link[image]", sample_compression="png", **options)
    ds.extend({"images": [lakebed.link(tmp_path / "gone.png")]})
    with pytest.raises(lakebed.StorageError, match="gone"):
        lakebed.copy(ds, tmp_path / "copy", unlink=True, progressbar=False)
    assert not lakebed.exists(tmp_path / "copy")
    assert len(lakebed.copy(ds, tmp_path / "copy", progressbar=False)) == 1


def test_what_lands_while_a_history_is_copied_is_no_part_of_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    ds = street(3)
    writer = lakebed.load(ds.path)
    listed, landed = MemoryStore.list, []

    def list_and_land(store: MemoryStore, prefix: str = "", start_after: str = "") -> Any:
        found = [*listed(store, prefix, start_after)]
        if prefix in ("rows/", "log/", "meta/") and prefix not in landed:
            landed.append(prefix)
            writer.categories[0] = ["bus"]
            writer.commit(f"while {prefix} was listed")
        return iter(found)

    monkeypatch.setattr(MemoryStore, "list", list_and_land)
    twin = lakebed.deepcopy(lakebed.load(ds.path, read_only=True), fresh_path(), progressbar=False)
    monkeypatch.undo()
    assert len(landed) == 3
    assert twin.verify("deep").ok
    assert label_codes(twin)[1:] == label_codes(ds)[1:]
    assert len(twin.commits) <= len(lakebed.load(ds.path).commits)


def test_a_stopped_deepcopy_does_not_open_and_the_next_one_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ds = street(3)
    ds.pop(0)
    ds.commit("less")
    stopped = 0
    for calls in range(1000):
        dest = fresh_path()
        left = [calls]
        with monkeypatch.context() as patch:
            for name in ("put", "create"):
                patch.setattr(MemoryStore, name, _stopping(getattr(MemoryStore, name), left))
            try:
                lakebed.deepcopy(ds, dest, progressbar=False)
                break
            except KeyboardInterrupt:
                stopped += 1
        assert not lakebed.exists(dest)
        _expect_no_half_log(dest)
        twin = lakebed.deepcopy(ds, dest, progressbar=False)
        assert [c["commit"] for c in twin.commits] == [c["commit"] for c in ds.commits]
    assert stopped > 5


def _stopping(call: Any, left: list[int]) -> Any:
    def stop_or_call(*args: Any) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        call(*args)

    return stop_or_call


def _expect_no_half_log(dest: str) -> None:
    """Where entries of a log lie whose beginning is missing, a new dataset would run into them."""
    if any(MemoryStore(dest.removeprefix("mem://")).list("log/")):
        with pytest.raises(StateError) as caught:
            lakebed.empty(dest)
        assert caught.value.kind == "unfinished-copy"


def test_deepcopy_leaves_foreign_files_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear diary")
    with pytest.raises(StateError, match="no dataset"):
        lakebed.deepcopy(numbers(2), tmp_path / "mine", overwrite=True, progressbar=False)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    with pytest.raises(AlreadyExistsError, match="overwrite=True"):
        lakebed.deepcopy(numbers(2), numbers(3, str(tmp_path / "there")).path, progressbar=False)


def test_rename_into_itself_is_refused(tmp_path: Path) -> None:
    ds = numbers(2, str(tmp_path / "ds"))
    with pytest.raises(InvalidInputError, match="into itself"):
        lakebed.rename(ds.path, tmp_path / "ds" / "inner")
    assert len(lakebed.load(ds.path)) == 2


def test_rename_keeps_what_somebody_writes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    ds = numbers(2)
    deepcopy = lakebed.deepcopy

    def copy_then_write(*args: Any, **options: Any) -> lakebed.Dataset:
        made: lakebed.Dataset = deepcopy(*args, **options)
        ds.append({"x": 9})
        ds.commit("meanwhile")
        return made

    monkeypatch.setattr("lakebed.managing.deepcopy", copy_then_write)
    with pytest.raises(ConflictError) as caught:
        lakebed.rename(ds.path, fresh_path())
    assert caught.value.kind == "written-meanwhile"
    assert len(lakebed.load(ds.path)) == 3
