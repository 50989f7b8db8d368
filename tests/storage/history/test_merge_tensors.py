"""Merges where tensors were made, deleted or renamed, and branches that were merged into each other at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lakebed.storage.errors import ConflictError, StateError
from lakebed.storage.htypes import new_spec
from lakebed.storage.links.reader import UrlReader
from lakebed.storage.repository import Repository
from lakebed.storage.stores import open_store
from lakebed.storage.workspace import Workspace


@pytest.fixture
def ws() -> Iterator[Workspace]:
    """Four rows on "main", and a branch "dev" that starts there; the handle is on "dev"."""
    made = Workspace(Repository.create(open_store("mem://merge-tensors"), UrlReader(), overwrite=True))
    made.create_tensor(*new_spec("text", "text", "text"))
    made.create_tensor(*new_spec("label", "label", "class_label"))
    made.extend({"text": ["a", "b", "c", "d"], "label": [["car"], ["cat"], [], ["car", "cat"]]}, 4)
    made.commit("base")
    made.checkout("dev", create=True)
    yield made
    made.close()


def to_main(ws: Workspace) -> None:
    ws.commit("dev")
    ws.checkout("main")


def texts(ws: Workspace, tensor: str = "text") -> list[str]:
    return [str(text) for text in ws.read(tensor, range(len(ws)))]


def labels(ws: Workspace) -> list[list[str]]:
    names = ws.info("label")["class_names"]
    return [[names[code] for code in codes] for codes in ws.read("label", range(len(ws)))]


def test_a_tensor_that_only_we_deleted_comes_back_as_they_have_it(ws: Workspace) -> None:
    ws.update([1], {"label": [["dog"]]})
    to_main(ws)
    ws.delete_tensor("label")
    ws.update([0], {"text": ["A"]})
    ws.extend({"text": ["new"]}, 1)
    ws.commit("no labels")
    ws.merge("dev")
    assert labels(ws) == [["car"], ["dog"], [], ["car", "cat"], []]
    assert texts(ws) == ["A", "b", "c", "d", "new"]


def test_samples_of_a_deleted_tensor_do_not_show_in_the_one_that_comes_back(ws: Workspace) -> None:
    ws.update([0], {"text": ["dev"]})
    to_main(ws)
    ws.extend({"text": ["mine"], "label": [["old"]]}, 1)
    ws.flush()
    ws.delete_tensor("label")
    ws.commit("a row with a label that is no more")
    ws.merge("dev")
    assert labels(ws) == [["car"], ["cat"], [], ["car", "cat"], []]


def test_a_tensor_without_a_sample_comes_back_by_a_revert_though_it_had_one_meanwhile(ws: Workspace) -> None:
    ws.create_tensor(*new_spec("score", "score", "generic"))
    ws.commit("scores")
    ws.update([0], {"score": [1.5]})
    ws.extend({"score": [2.5] * 40}, 40)
    ws.flush()
    ws.delete_tensor("score")
    gone = ws.commit("no scores")
    ws.extend({"text": ["new"]}, 1)
    ws.commit("one more")
    ws.revert(gone)
    assert [sample.size for sample in ws.read("score", range(5))] == [0] * 5


def test_rows_of_theirs_bring_no_samples_of_a_tensor_that_they_deleted(ws: Workspace) -> None:
    ws.extend({"text": ["theirs"], "label": [["old"]]}, 1)
    ws.flush()
    ws.delete_tensor("label")
    to_main(ws)
    ws.merge("dev")
    assert labels(ws) == [["car"], ["cat"], [], ["car", "cat"], []]


def test_a_tensor_that_both_sides_made_keeps_the_samples_of_both(ws: Workspace) -> None:
    for row, text in ((0, "theirs"), (1, "ours")):
        ws.create_tensor(*new_spec("note", "note", "text"))
        ws.update([row], {"note": [text]})
        if row == 0:
            to_main(ws)
    ws.commit("ours")
    ws.merge("dev")
    assert texts(ws, "note") == ["theirs", "ours", "", ""]


def test_a_cell_that_both_sides_filled_in_a_tensor_both_made_is_a_conflict(ws: Workspace) -> None:
    for text in ("theirs", "ours"):
        ws.create_tensor(*new_spec("note", "note", "text"))
        ws.update([2], {"note": [text]})
        if text == "theirs":
            to_main(ws)
    ws.commit("ours")
    with pytest.raises(ConflictError) as caught:
        ws.merge("dev")
    assert [(c.tensor, c.base, str(c.ours), str(c.theirs)) for c in caught.value.conflicts] == [
        ("note", None, "ours", "theirs")
    ]
    ws.merge("dev", "theirs")
    assert texts(ws, "note") == ["", "", "theirs", ""]


def test_two_tensors_that_got_one_name_conflict(ws: Workspace) -> None:
    ws.create_tensor(*new_spec("note", "note", "text"))
    to_main(ws)
    ws.rename_tensor("text", "note")
    ws.commit("renamed")
    with pytest.raises(ConflictError, match="note") as caught:
        ws.merge("dev")
    assert caught.value.kind == "schema-conflict"


def test_a_first_sample_and_a_new_name_do_not_conflict(ws: Workspace) -> None:
    ws.checkout("main")
    ws.create_tensor(*new_spec("score", "score", "generic"))
    ws.commit("scores")
    ws.checkout("scored", create=True)
    ws.update([0], {"score": [1.5]})
    to_main(ws)
    ws.rename_tensor("score", "points")
    ws.commit("renamed")
    ws.merge("scored")
    assert float(ws.read("points", [0])[0]) == 1.5


def test_a_conflict_in_a_renamed_tensor_shows_all_three_samples(ws: Workspace) -> None:
    ws.update([3], {"text": ["theirs"]})
    to_main(ws)
    ws.rename_tensor("text", "caption")
    ws.update([3], {"caption": ["ours"]})
    ws.commit("ours")
    with pytest.raises(ConflictError) as caught:
        ws.merge("dev")
    assert [(c.tensor, str(c.base), str(c.ours), str(c.theirs)) for c in caught.value.conflicts] == [
        ("caption", "d", "ours", "theirs")
    ]


def test_after_a_merge_both_ways_edits_and_deletions_are_not_undone(ws: Workspace) -> None:
    ws.extend({"text": ["theirs"]}, 1)
    ws.commit("theirs")
    ws.checkout("main")
    ws.extend({"text": ["ours", "ours too"]}, 2)
    ours = ws.commit("ours")
    ws.merge("dev")
    ws.checkout("dev")
    ws.merge(ours)
    assert texts(ws) == ["a", "b", "c", "d", "theirs", "ours", "ours too"]
    ws.pop([5])
    ws.update([5], {"text": ["edited"]})
    ws.update([4], {"text": ["edited too"]})
    ws.commit("after")
    ws.checkout("main")
    ws.merge("dev")
    assert texts(ws) == ["a", "b", "c", "d", "edited", "edited too"]


def test_a_conflict_settled_in_two_ways_at_once_is_a_conflict_again(ws: Workspace) -> None:
    ws.update([0], {"text": ["theirs"]})
    ws.pop([3])
    ws.commit("theirs")
    ws.checkout("main")
    ws.update([0, 3], {"text": ["ours", "ours too"]})
    ours = ws.commit("ours")
    ws.merge("dev", "ours")
    ws.checkout("dev")
    ws.merge(ours, "ours")
    ws.checkout("main")
    with pytest.raises(ConflictError) as caught:
        ws.merge("dev")
    assert [(c.row_id, c.tensor) for c in caught.value.conflicts] == [(3, ""), (0, "text")]
    assert texts(ws) == ["ours", "b", "c", "ours too"]
    ws.merge("dev", "theirs")
    assert texts(ws) == ["theirs", "b", "c"]


def test_a_branch_without_a_commit_takes_what_is_merged_into_it() -> None:
    ws = Workspace(Repository.create(open_store("mem://merge-first"), UrlReader(), overwrite=True))
    ws.checkout("dev", create=True)
    ws.create_tensor(*new_spec("text", "text", "text"))
    ws.extend({"text": ["a"]}, 1)
    ws.commit("first")
    ws.checkout("main")
    ws.merge("dev")
    assert texts(ws) == ["a"]


def test_what_others_left_uncommitted_meanwhile_is_not_committed_by_a_merge(ws: Workspace) -> None:
    ws.pop([0])
    to_main(ws)
    other = Workspace(ws.repository)
    other.update([3], {"text": ["half done"]})
    other.flush()
    with pytest.raises(StateError, match="uncommitted") as caught:
        ws.merge("dev")
    assert caught.value.kind == "uncommitted-changes"
    assert len(ws.log()) == 1


def test_a_handle_whose_branch_was_deleted_says_so_and_goes_elsewhere(ws: Workspace) -> None:
    other = Workspace(ws.repository, "dev")
    other.update([3], {"text": ["lost"]})
    ws.checkout("main")
    ws.delete_branch("dev")
    for act in (other.flush, other.refresh, other.reset):
        with pytest.raises(StateError, match="dev") as caught:
            act()
        assert caught.value.kind == "branch-gone"
    other.checkout("main")
    assert texts(other) == ["a", "b", "c", "d"]


def test_changes_on_a_deleted_branch_land_once_it_is_there_again(ws: Workspace) -> None:
    other = Workspace(ws.repository, "dev")
    other.update([3], {"text": ["kept"]})
    ws.checkout("main")
    ws.delete_branch("dev")
    with pytest.raises(StateError):
        other.flush()
    ws.checkout("dev", create=True)
    other.flush()
    ws.refresh()
    assert texts(ws) == ["a", "b", "c", "kept"]
