from __future__ import annotations

import numpy as np
import pytest

import lakebed
from face_data import boxes_of, numbers, street
from lakebed import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError, StateError


def values(ds: lakebed.Dataset) -> list[int]:
    return [int(value) for value in ds.x.numpy(aslist=True)]


def test_a_commit_is_opened_again_by_its_id_or_the_start_of_it() -> None:
    ds = numbers(3)
    first = ds.commit_id
    assert first is not None
    ds.pop(0)
    second = ds.commit("less")
    assert values(lakebed.load(f"{ds.path}@{first}")) == [0, 1, 2]
    assert values(lakebed.load(f"{ds.path}@{second[:10]}")) == [1, 2]
    assert ds.commit_id == second


def test_commits_are_listed_newest_first_with_who_when_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    ds = numbers(1)
    ds.append({"x": 1})
    ds.commit("second")
    newest, oldest = ds.commits
    assert (newest["message"], oldest["message"]) == ("second", "numbers")
    assert newest["parents"] == [oldest["commit"]]
    assert ds.get_commit_details(oldest["commit"]) == oldest
    assert newest["time"] >= oldest["time"]
    ds.append({"x": 2})
    ds.log()
    out = capsys.readouterr().out
    assert out.index("second") < out.index("numbers")
    assert "uncommitted changes" in out


def test_a_commit_without_changes_is_refused_unless_allowed() -> None:
    ds = numbers(1)
    with pytest.raises(StateError) as error:
        ds.commit("nothing")
    assert error.value.kind == "nothing-to-commit"
    assert ds.commit("nothing", allow_empty=True) == ds.commit_id


def test_old_commits_are_read_only_and_name_the_way_out() -> None:
    ds = numbers(2)
    old = lakebed.load(f"{ds.path}@{ds.commit_id}")
    for write in (
        lambda: old.append({"x": 1}),
        lambda: old.pop(0),
        lambda: old.create_tensor("y"),
        lambda: old[0].update({"x": 1}),
        lambda: old.commit("no"),
        lambda: old.info.update(a=1),
    ):
        with pytest.raises(StateError, match="create=True"):
            write()
    old.checkout("fix", create=True)
    old.append({"x": 7})
    assert (values(old), values(ds)) == ([0, 1, 7], [0, 1])


def test_a_branch_has_its_own_rows_and_keeps_uncommitted_ones() -> None:
    ds = numbers(2)
    ds.checkout("side", create=True)
    ds.append({"x": 2})
    ds.checkout("main")
    assert values(ds) == [0, 1]
    ds.checkout("side")
    assert values(ds) == [0, 1, 2]
    assert ds.has_head_changes
    assert set(ds.branches) == {"main", "side"}
    with pytest.raises(AlreadyExistsError):
        ds.checkout("main", create=True)
    with pytest.raises(NotFoundError, match="main"):
        ds.checkout("nowhere")


def test_reset_goes_back_to_the_last_commit() -> None:
    ds = numbers(2)
    ds.pop(0)
    ds.create_tensor("y")
    ds.x.append(3)
    ds.reset()
    assert values(ds) == [0, 1]
    assert list(ds.tensors) == ["x"]
    assert not ds.has_head_changes


def test_diff_names_rows_and_shows_before_and_after(capsys: pytest.CaptureFixture[str]) -> None:
    ds = street(10)
    first = ds.commit_id
    ds.pop(6)
    ds.categories[2] = ds.categories[2].numpy()[:1]
    ds.boxes[2] = ds.boxes[2].numpy()[:1]
    ds.append({"images": None, "boxes": None, "categories": ["tram"]})
    assert ds.diff() is None
    out = capsys.readouterr().out
    assert "the working copy" in out
    assert "rows deleted    6" in out
    assert "rows added      9" in out
    assert "row 2: [2 3 0] -> [2]" in out
    ds.commit("edited")
    found = ds.diff(first, ds.commit_id, as_dict=True)
    assert found is not None
    assert found["rows"] == {"added": [9], "deleted": [6]}
    assert set(found["updated"]) == {"categories", "boxes"}
    (change,) = found["updated"]["boxes"]
    assert change["row"] == 2
    assert np.array_equal(change["before"], boxes_of(2))
    assert np.array_equal(change["after"], boxes_of(2)[:1])
    assert found["info"] == ["categories"]


def test_diff_says_when_nothing_changed_and_what_the_schema_did(capsys: pytest.CaptureFixture[str]) -> None:
    ds = numbers(1)
    ds.diff()
    assert "no changes" in capsys.readouterr().out
    ds.create_tensor("y")
    ds.rename_tensor("x", "z")
    found = ds.diff(as_dict=True)
    assert found is not None
    assert found["tensors"] == {"created": ["y"], "deleted": [], "renamed": [["x", "z"]]}
    with pytest.raises(InvalidInputError):
        ds.diff(None, "main")


def test_merge_takes_both_sides_and_refuses_two_edits_of_one_cell() -> None:
    ds = numbers(3)
    ds.checkout("side", create=True)
    ds.x[0] = 10
    ds.append({"x": 11})
    ds.commit("side")
    ds.checkout("main")
    ds.x[1] = 20
    ds.commit("main")
    ds.merge("side")
    assert values(ds) == [10, 20, 2, 11]
    head = ds.commit_id
    assert ds.merge("side") == head
    ds.checkout("side")
    ds.x[2] = 1
    ds.commit("theirs")
    ds.checkout("main")
    ds.x[2] = 2222
    ds.commit("ours")
    with pytest.raises(ConflictError) as error:
        ds.merge("side")
    assert [(c.tensor, int(c.ours), int(c.theirs)) for c in error.value.conflicts] == [("x", 2222, 1)]
    ds.merge("side", conflict_resolution="theirs")
    assert values(ds)[2] == 1


def test_revert_undoes_one_commit() -> None:
    ds = numbers(3)
    ds.pop(0)
    bad = ds.commit("bad")
    ds.append({"x": 9})
    ds.commit("good")
    ds.revert(bad)
    assert sorted(values(ds)) == [0, 1, 2, 9]


def test_tags_and_branches_are_made_and_deleted() -> None:
    ds = numbers(2)
    ds.tag("v1")
    ds.append({"x": 2})
    ds.commit("more")
    assert ds.tags == ["v1"]
    tagged = lakebed.load(f"{ds.path}@v1")
    assert (values(tagged), tagged.read_only, tagged.branch) == ([0, 1], True, None)
    ds.delete_tag("v1")
    with pytest.raises(NotFoundError):
        lakebed.load(f"{ds.path}@v1")
    ds.checkout("side", create=True)
    ds.checkout("main")
    ds.rename_branch("side", "other")
    ds.delete_branch("other")
    assert ds.branches == ["main"]
    with pytest.raises(StateError):
        ds.delete_branch("main")


def test_uncommitted_work_is_there_after_reopening() -> None:
    ds = numbers(1)
    ds.append({"x": 5})
    ds.flush()
    again = lakebed.load(ds.path)
    assert values(again) == [0, 5]
    assert again.has_head_changes
    assert "uncommitted" in repr(again)


def test_refresh_sees_what_another_handle_landed() -> None:
    ds = numbers(1)
    other = lakebed.load(ds.path)
    other.append({"x": 5})
    other.commit("other")
    assert values(ds) == [0]
    ds.refresh()
    assert values(ds) == [0, 5]


def test_read_only_can_be_asked_for_and_taken_back() -> None:
    ds = numbers(1)
    reader = lakebed.load(ds.path, read_only=True)
    with pytest.raises(StateError, match="reading only"):
        reader.append({"x": 1})
    with pytest.raises(StateError):
        reader.x[0] = 3
    reader.read_only = False
    reader.append({"x": 1})
    assert len(reader) == 2
    old = lakebed.load(f"{ds.path}@{ds.commit_id}")
    with pytest.raises(StateError):
        old.read_only = False
