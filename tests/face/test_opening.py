from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.storage.handle import _unlanded

import lakebed
from face_data import fresh_path, label_codes, numbers, picture, street
from lakebed import AlreadyExistsError, InvalidInputError, NotFoundError, StateError


def test_empty_makes_a_dataset_once_unless_overwritten(tmp_path: Path) -> None:
    numbers(3, path=str(tmp_path / "ds"))
    with pytest.raises(AlreadyExistsError, match="overwrite=True") as error:
        lakebed.empty(tmp_path / "ds")
    assert error.value.kind == "dataset-exists"
    assert len(lakebed.load(tmp_path / "ds")) == 3
    assert len(lakebed.empty(tmp_path / "ds", overwrite=True)) == 0


@pytest.mark.parametrize("commits", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("place", ["memory", "disk"])
def test_a_handle_of_a_dataset_that_was_replaced_changes_nothing_in_the_new_one(
    tmp_path: Path, place: str, commits: int
) -> None:
    path = fresh_path() if place == "memory" else str(tmp_path / "ds")
    old = numbers(1, path=path)
    for number in range(commits):
        old.append({"x": number})
        old.commit("of the old dataset")
    lakebed.delete(path)
    new = numbers(2, path=path)
    old.append({"x": 7})
    for call in (lambda: old.commit("late"), old.refresh, lambda: old.checkout("late", create=True), old.get_views):
        with pytest.raises(StateError) as error:
            call()
        assert error.value.kind == "dataset-replaced"
    with pytest.raises(StateError):
        old.close()
    _unlanded.discard(old._ws)  # so that this process says nothing of it at its end
    new.append({"x": 3})
    new.commit("and one more")
    assert lakebed.load(path).x.numpy().ravel().tolist() == [0, 1, 3]
    assert lakebed.verify(path).ok


def test_a_folder_of_other_files_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(StateError):
            lakebed.empty(tmp_path, overwrite=overwrite)
    with pytest.raises(NotFoundError):
        lakebed.delete(tmp_path, large_ok=True)
    lakebed.delete(tmp_path, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_hub_path_is_a_folder_below_the_one_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBED_HUB", str(tmp_path))
    ds = numbers(2, path="hub://org/name")
    assert (tmp_path / "org" / "name" / "FORMAT").exists()
    assert ds.path == "hub://org/name"
    assert len(lakebed.load("hub://org/name", token="x")) == 2
    assert len(lakebed.load(f"hub://org/name@{ds.commit_id}")) == 2
    assert lakebed.exists("hub://org/name", token="x", org_id="y")


def test_arguments_of_deep_lake_are_accepted_and_typing_errors_are_not(tmp_path: Path) -> None:
    ds = lakebed.empty(
        tmp_path / "a",
        runtime={"tensor_db": True},
        public=True,
        memory_cache_size=1,
        local_cache_size=1,
        token="t",
        org_id="o",
        lock_enabled=False,
        lock_timeout=1,
        verbose=False,
        index_params={},
    )
    ds.create_tensor("x", dtype="int64")
    ds.commit("x")
    again = lakebed.load(tmp_path / "a", token="t", access_method="stream", check_integrity=False, unlink=True)
    assert list(again.tensors) == ["x"]
    calls: list[Any] = [lakebed.empty, lakebed.load, lakebed.dataset]
    for call in calls:
        with pytest.raises(TypeError, match="overwritte"):
            call(tmp_path / "a", overwritte=True)


def test_dataset_opens_what_is_there_and_makes_what_is_not(tmp_path: Path) -> None:
    ds = lakebed.dataset(tmp_path / "ds", token="t")
    ds.create_tensor("x", dtype="int64")
    ds.append({"x": 1})
    ds.flush()
    assert len(lakebed.dataset(tmp_path / "ds", verbose=False)) == 1
    assert len(lakebed.dataset(tmp_path / "ds", overwrite=True)) == 0


def test_exists_tells_datasets_and_versions_apart(tmp_path: Path) -> None:
    ds = numbers(1, path=str(tmp_path / "ds"))
    assert lakebed.exists(tmp_path / "ds")
    assert lakebed.exists(f"{tmp_path / 'ds'}@main")
    assert lakebed.exists(f"{tmp_path / 'ds'}@{ds.commit_id}")
    assert not lakebed.exists(f"{tmp_path / 'ds'}@other")
    assert not lakebed.exists(tmp_path / "nothing")
    assert not lakebed.exists(tmp_path)


def test_a_folder_with_an_at_sign_in_its_name_can_be_opened(tmp_path: Path) -> None:
    numbers(2, path=str(tmp_path / "ds"))
    os.rename(tmp_path / "ds", tmp_path / "me@home")
    assert len(lakebed.load(tmp_path / "me@home")) == 2
    assert len(lakebed.load(f"{tmp_path}/me@home@main")) == 2
    with pytest.raises(InvalidInputError, match="version"):
        lakebed.empty(tmp_path / "a@b")


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", "mem://never-made", f"{tmp_path}@main"):
        with pytest.raises(NotFoundError) as error:
            lakebed.load(path)
        assert error.value.kind == "no-dataset"
    assert not (tmp_path / "nothing").exists()


def test_copy_takes_rows_info_and_creds_keys_without_history() -> None:
    ds = street(5)
    ds.info.source = "camera"
    ds.add_creds_key("key", managed=True)
    ds.commit("info")
    twin = lakebed.copy(ds, fresh_path(), progressbar=False)
    assert label_codes(twin) == label_codes(ds)
    assert np.array_equal(twin.images[3].numpy(), picture(3))
    assert twin.images[3].tobytes() == ds.images[3].tobytes()
    assert (twin.info.source, twin.get_managed_creds_keys(), twin.commits) == ("camera", {"key"}, [])
    part = lakebed.copy(ds[1:3], fresh_path(), tensors=["categories"], progressbar=False)
    assert (label_codes(part), list(part.tensors)) == (label_codes(ds)[1:3], ["categories"])
    assert len(ds.copy(fresh_path(), progressbar=False)) == 5


def test_copy_keeps_links_or_takes_the_files(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("images", htype="link[image]", sample_compression="png")
    ds.extend({"images": [lakebed.link(tmp_path / "a.png"), None]})
    linked = lakebed.copy(ds, fresh_path(), progressbar=False)
    held = lakebed.copy(ds, fresh_path(), unlink=True, progressbar=False)
    assert linked.images.path() == [str(tmp_path / "a.png"), None]
    (tmp_path / "a.png").unlink()
    assert np.array_equal(held.images[0].numpy(), picture(0))
    assert held.images.htype == "image"


def test_deepcopy_takes_the_history_and_the_views(tmp_path: Path) -> None:
    ds = street(5)
    first = ds.commit_id
    ds[1:3].save_view(id="v")
    ds.pop(0)
    ds.commit("less")
    twin = lakebed.deepcopy(ds, tmp_path / "twin", progressbar=False)
    assert [c["commit"] for c in twin.commits] == [c["commit"] for c in ds.commits]
    assert len(lakebed.load(f"{tmp_path / 'twin'}@{first}")) == 5
    assert twin.load_view("v").sample_indices == [1, 2]
    twin.pop(0)
    twin.commit("alone")
    assert len(ds) == 4
    with pytest.raises(AlreadyExistsError):
        lakebed.deepcopy(ds, tmp_path / "twin", progressbar=False)


def test_like_takes_the_tensors_without_rows() -> None:
    ds = street(5)
    ds.info.source = "camera"
    ds.flush()
    for source in (ds, ds.path):
        twin = lakebed.like(fresh_path(), source)
        assert (len(twin), list(twin.tensors), twin.info.source) == (0, list(ds.tensors), "camera")
        assert twin.categories.info.class_names == ds.categories.info.class_names


def test_rename_moves_a_folder_and_refuses_a_taken_place(tmp_path: Path) -> None:
    numbers(2, path=str(tmp_path / "old"))
    moved = lakebed.rename(tmp_path / "old", "new")
    assert len(moved) == 2
    assert not (tmp_path / "old").exists()
    assert len(lakebed.load(tmp_path / "new")) == 2
    (tmp_path / "taken").mkdir()
    with pytest.raises(AlreadyExistsError):
        lakebed.rename(tmp_path / "new", "taken")
    with pytest.raises(NotFoundError):
        lakebed.rename(tmp_path / "old", "newer")
    memory = numbers(2)
    assert len(lakebed.rename(memory.path, fresh_path())) == 2
    assert not lakebed.exists(memory.path)


def test_delete_removes_the_dataset_and_only_that(tmp_path: Path) -> None:
    ds = numbers(2, path=str(tmp_path / "ds"))
    (tmp_path / "ds" / "notes.txt").write_text("mine")
    lakebed.delete(tmp_path / "ds")
    assert [p.name for p in (tmp_path / "ds").iterdir()] == ["notes.txt"]
    other = numbers(2, path=str(tmp_path / "other"))
    other.delete()
    assert not (tmp_path / "other").exists()
    with pytest.raises(NotFoundError):
        lakebed.delete(tmp_path / "other")
    assert ds.path == str(tmp_path / "ds")


def test_work_that_was_not_committed_is_there_after_the_process_ended(tmp_path: Path) -> None:
    code = f"""
import lakebed
ds = lakebed.empty({str(tmp_path / "ds")!r})
ds.create_tensor("x", dtype="int64")
ds.append({{"x": 7}})
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert lakebed.load(tmp_path / "ds").x.numpy().tolist() == [7]


def test_size_counts_the_stored_bytes(tmp_path: Path) -> None:
    ds = street(3, path=str(tmp_path / "ds"))
    files = [path for path in (tmp_path / "ds").rglob("*") if path.is_file()]
    assert ds.size_approx() == sum(path.stat().st_size for path in files)


def test_creds_keys_are_names_and_never_secrets(tmp_path: Path) -> None:
    ds = numbers(1, path=str(tmp_path / "ds"))
    ds.add_creds_key("a", managed=True)
    ds.add_creds_key("b")
    with pytest.raises(AlreadyExistsError):
        ds.add_creds_key("a")
    ds.populate_creds("b", {"aws_access_key_id": "AKIA", "aws_secret_access_key": "hush-hush"})
    ds.update_creds_key("b", "c", managed=True)
    again = lakebed.load(tmp_path / "ds")
    assert again.get_creds_keys() == {"a", "c"}
    assert again.get_managed_creds_keys() == {"a", "c"}
    wrongs: list[Callable[[], None]] = [
        lambda: ds.populate_creds("x", {}),
        lambda: ds.update_creds_key("x", "y"),
    ]
    for wrong in wrongs:
        with pytest.raises(NotFoundError, match="'x'"):
            wrong()
    with pytest.raises(InvalidInputError):
        ds.add_creds_key("ENV")
    with pytest.raises(InvalidInputError):
        ds.populate_creds("a")
    ds.commit("keys", allow_empty=True)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "ds").rglob("*") if path.is_file())
    assert b"hush-hush" not in stored
    assert b"AKIA" not in stored
    assert "hush-hush" not in repr(ds)


def test_a_script_for_deep_lake_runs_under_its_name() -> None:
    code = """
import lakebed as deeplake
ds = deeplake.empty("mem://x", token="t")
with ds:
    ds.create_tensor("labels", htype="class_label")
    ds.labels.extend(["cat", "dog"])
ds.commit("two")
print(len(deeplake.load("mem://x")), ds.labels.info.class_names)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "2 ['cat', 'dog']"


def test_a_folder_that_may_not_be_written_is_opened_for_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(2, path=str(tmp_path / "ds"))
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    ds = lakebed.load(tmp_path / "ds")
    assert ds.read_only
    with pytest.raises(StateError, match="read_only=False"):
        ds.append({"x": 1})
    assert not lakebed.load(tmp_path / "ds", read_only=False).read_only


def test_verify_finds_nothing_wrong_and_then_what_is(tmp_path: Path) -> None:
    ds = street(5, path=str(tmp_path / "ds"))
    for level in ("quick", "full", "deep"):
        report = ds.verify(level)
        assert report.ok
        assert "nothing wrong" in str(report)
    assert lakebed.verify(tmp_path / "ds", progressbar=True).ok
    (bundle, *_) = sorted((tmp_path / "ds" / "meta").rglob("*"), key=lambda path: -path.stat().st_size)
    damaged = bytearray(bundle.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    bundle.unlink()
    bundle.write_bytes(damaged)
    assert not lakebed.verify(tmp_path / "ds", "full").ok


def test_repair_saves_what_is_whole(tmp_path: Path) -> None:
    ds = street(5, path=str(tmp_path / "ds"))
    first = ds.commit_id
    ds.info.note = "second"
    ds.commit("second")
    assert not lakebed.repair(tmp_path / "ds").problems
    newest = max((tmp_path / "ds" / "log").iterdir())
    newest.unlink()
    newest.write_bytes(b"nonsense")
    (tmp_path / "ds" / "FORMAT").unlink()
    (tmp_path / "ds" / "FORMAT").write_bytes(b"nonsense")
    assert not lakebed.verify(tmp_path / "ds").ok
    with pytest.raises(lakebed.LakebedError):
        lakebed.load(tmp_path / "ds")
    assert lakebed.repair(tmp_path / "ds", dry_run=True).actions
    assert lakebed.repair(tmp_path / "ds", progressbar=True).actions
    again = lakebed.load(tmp_path / "ds")
    assert (again.commit_id, label_codes(again)) == (first, label_codes(ds))
    # The damaged log entry stays where it is: repair overwrites nothing.
    assert {problem.kind for problem in again.verify("deep").problems} <= {"log"}
    with pytest.raises(NotFoundError):
        lakebed.repair(tmp_path / "nothing")


def test_clean_up_reports_first_and_keeps_every_version(tmp_path: Path) -> None:
    ds = street(5, path=str(tmp_path / "ds"))
    first = ds.commit_id
    ds[1:3].save_view(id="v", optimize=True)
    ds.delete_view("v")
    ds.pop(0)
    ds.commit("less")
    ds.append({}, append_empty=True)
    ds.reset()
    report = ds.gc(grace_hours=0, exclusive=True)
    assert report.dry_run
    assert report.removed
    assert lakebed.gc(tmp_path / "ds", dry_run=False, grace_hours=0, exclusive=True).removed == report.removed
    assert len(lakebed.load(f"{ds.path}@{first}")) == 5
    assert lakebed.verify(ds, "deep").ok
    with pytest.raises(InvalidInputError, match="short"):
        ds.gc(grace_hours=0)
