"""Branches, tags, merge of rows and class names, revert, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from lakebed.storage.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    StateError,
)
from lakebed.storage.htypes import new_spec
from lakebed.storage.links.reader import UrlReader
from lakebed.storage.repository import Repository
from lakebed.storage.stores import open_store
from lakebed.storage.workspace import Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    made = Workspace(Repository.create(open_store("mem://history"), UrlReader(), overwrite=True))
    made.create_tensor(*new_spec("boxes", "boxes", "bbox"))
    made.create_tensor(*new_spec("labels", "labels", "class_label", class_names=["car"]))
    made.extend({"boxes": [np.full((1, 4), row) for row in range(5)], "labels": [["car"]] * 5}, 5)
    made.commit("base")
    yield made
    made.close()


def names(workspace: Workspace) -> list[list[str]]:
    known = workspace.info("labels")["class_names"]
    return [[known[code] for code in row] for row in workspace.read("labels", range(len(workspace)))]


def firsts(workspace: Workspace) -> list[float]:
    return [float(box[0, 0]) if len(box) else -1.0 for box in workspace.read("boxes", range(len(workspace)))]


def test_rows_of_both_sides_stay_and_labels_keep_their_names(workspace: Workspace) -> None:
    workspace.checkout("dev", create=True)
    workspace.extend({"labels": [["yak"], ["car", "yak"]]}, 2)
    workspace.update([0], {"labels": [["yak"]]})
    workspace.commit("yaks")
    workspace.checkout("main")
    workspace.extend({"labels": [["cat"]]}, 1)
    workspace.commit("cat")
    workspace.merge("dev")
    assert names(workspace) == [["yak"], *[["car"]] * 4, ["cat"], ["yak"], ["car", "yak"]]
    assert len(set(workspace.snapshot().row_ids.tolist())) == 8


def test_a_merge_commit_has_both_parents(workspace: Workspace) -> None:
    workspace.checkout("dev", create=True)
    workspace.pop([0])
    theirs = workspace.commit("pop")
    workspace.checkout("main")
    workspace.update([4], {"boxes": [np.full((1, 4), 44)]})
    ours = workspace.commit("edit")
    merged = workspace.merge("dev", message="both")
    info = workspace.commit_info(merged)
    assert info.parents == (ours, theirs)
    assert info.message == "both"
    assert firsts(workspace) == [1, 2, 3, 44]


def test_a_tensor_made_on_the_other_side_comes_with_its_cells(workspace: Workspace) -> None:
    workspace.checkout("dev", create=True)
    spec, info = new_spec("note", "note", "text")
    workspace.create_tensor(spec, info)
    workspace.update([2], {"note": ["blurred"]})
    workspace.commit("notes")
    workspace.checkout("main")
    workspace.pop([0])
    workspace.commit("pop")
    workspace.merge("dev")
    assert workspace.read("note", range(4)) == ["", "blurred", "", ""]


def test_a_tensor_deleted_on_the_other_side_goes_only_on_demand(workspace: Workspace) -> None:
    workspace.checkout("dev", create=True)
    workspace.delete_tensor("boxes")
    workspace.commit("no boxes")
    workspace.checkout("main")
    workspace.merge("dev")
    assert "boxes" in workspace.schema
    workspace.checkout("again", create=True)
    workspace.delete_tensor("boxes")
    workspace.commit("no boxes again")
    workspace.checkout("main")
    workspace.merge("again", delete_removed_tensors=True)
    assert "boxes" not in workspace.schema


def test_two_tensors_of_one_name_made_differently_conflict(workspace: Workspace) -> None:
    workspace.checkout("dev", create=True)
    workspace.create_tensor(*new_spec("note", "note", "text"))
    workspace.commit("text")
    workspace.checkout("main")
    workspace.create_tensor(*new_spec("note", "note", "json"))
    workspace.commit("json")
    with pytest.raises(ConflictError, match="note") as caught:
        workspace.merge("dev")
    assert caught.value.kind == "schema-conflict"


def test_revert_undoes_one_commit_and_keeps_what_came_after(workspace: Workspace) -> None:
    workspace.pop([1])
    bad = workspace.commit("pop row 1")
    workspace.update([0], {"boxes": [np.full((1, 4), 70)]})
    workspace.commit("edit row 0")
    workspace.revert(bad)
    assert sorted(firsts(workspace)) == [1, 2, 3, 4, 70]
    assert workspace.log()[0].message.startswith("Revert")


def test_revert_of_what_was_changed_again_is_a_conflict(workspace: Workspace) -> None:
    workspace.update([0], {"boxes": [np.full((1, 4), 10)]})
    first = workspace.commit("ten")
    workspace.update([0], {"boxes": [np.full((1, 4), 20)]})
    workspace.commit("twenty")
    with pytest.raises(ConflictError):
        workspace.revert(first)
    assert firsts(workspace)[0] == 20


def test_merging_needs_a_clean_branch(workspace: Workspace) -> None:
    workspace.checkout("dev", create=True)
    workspace.pop([0])
    workspace.commit("pop")
    workspace.checkout("main")
    workspace.pop([1])
    with pytest.raises(StateError, match="uncommitted") as caught:
        workspace.merge("dev")
    assert caught.value.kind == "uncommitted-changes"


def test_tags_name_commits_and_stay(workspace: Workspace) -> None:
    workspace.tag("v1")
    workspace.pop([0])
    workspace.commit("pop")
    workspace.checkout("v1")
    assert len(workspace) == 5
    assert workspace.read_only
    workspace.checkout("main")
    assert len(workspace) == 4
    with pytest.raises(AlreadyExistsError):
        workspace.tag("v1")
    workspace.delete_tag("v1")
    with pytest.raises(NotFoundError):
        workspace.checkout("v1")


def test_branches_are_renamed_and_deleted(workspace: Workspace) -> None:
    workspace.checkout("dev", create=True)
    workspace.rename_branch("dev", "trial")
    assert workspace.branch == "trial"
    workspace.pop([0])
    workspace.flush()
    with pytest.raises(StateError):
        workspace.delete_branch("trial")
    workspace.checkout("main")
    workspace.delete_branch("trial")
    assert workspace.branches() == ["main"]
    with pytest.raises(NotFoundError):
        workspace.delete_branch("trial")


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b", "é", "x" * 129, "a\n"])
def test_names_that_are_not_allowed_are_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        workspace.checkout(name, create=True)
    assert caught.value.kind == "bad-name"
    assert workspace.branches() == ["main"]


def test_an_old_commit_is_read_only_and_says_how_to_go_on(workspace: Workspace) -> None:
    first = workspace.commit_id
    assert first is not None
    workspace.pop([0])
    workspace.commit("pop")
    workspace.checkout(first)
    with pytest.raises(StateError, match="old version") as caught:
        workspace.pop([0])
    assert "create=True" in caught.value.hint
    workspace.checkout("from-old", create=True)
    workspace.pop([4])
    assert len(workspace) == 4


def test_a_draft_that_conflicts_with_another_writer_never_lands(workspace: Workspace) -> None:
    other = Workspace(workspace.repository)
    workspace.update([0], {"boxes": [np.full((1, 4), 50)]})
    other.update([0], {"boxes": [np.full((1, 4), 60)]})
    other.flush()
    with pytest.raises(ConflictError):
        workspace.flush()
    workspace.extend({"labels": [["car"]]}, 1)
    workspace.flush()
    assert firsts(workspace) == [60, 1, 2, 3, 4, -1]


def test_edits_of_other_rows_land_on_top_of_each_other(workspace: Workspace) -> None:
    other = Workspace(workspace.repository)
    workspace.update([0], {"boxes": [np.full((1, 4), 50)]})
    workspace.pop([3])
    workspace.extend({"labels": [["dog"]]}, 1)
    other.update([1], {"labels": [["ox"]]})
    other.extend({"labels": [["cat"]]}, 1)
    other.commit("other")
    workspace.commit("mine")
    assert firsts(workspace) == [50, 1, 2, 4, -1, -1]
    assert names(workspace) == [["car"], ["ox"], ["car"], ["car"], ["cat"], ["dog"]]
