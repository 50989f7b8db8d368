"""Handles: transactions, landing, two writers on one dataset, and what is refused."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from lakebed.storage.errors import ConflictError, InvalidInputError, NotFoundError, StateError, StorageError
from lakebed.storage.htypes import new_spec
from lakebed.storage.selection import Selection
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.workspace import Workspace

from faulty_store import WatchedStore, failing_once, refused
from storage_model import created, make_tensor, opened, png, small_limits


@pytest.fixture
def store() -> MemoryStore:
    """Five rows of text, label and number, committed."""
    store = MemoryStore()
    ws = created(store)
    for kind in ("text", "label", "number"):
        make_tensor(ws, kind, f"{kind}_a")
    ws.extend(
        {
            "text_a": [f"row {n}" for n in range(5)],
            "label_a": [["cat"], ["dog"], [], ["cat", "dog"], ["dog"]],
            "number_a": list(range(5)),
        },
        5,
    )
    ws.commit("five rows")
    return store


def texts(ws: Workspace) -> list[str]:
    return [str(text) for text in ws.read("text_a", range(len(ws)))]


def labels(ws: Workspace) -> list[list[str]]:
    names = ws.info("label_a")["class_names"]
    return [[names[code] for code in codes] for codes in ws.read("label_a", range(len(ws)))]


def test_what_a_writer_remembers_of_its_own_landing_is_what_a_stranger_reads(store: MemoryStore) -> None:
    ws, key = opened(store), {"managed": True}
    ws.set_creds_keys({"MINE": key})
    key["managed"] = False  # the caller's own from now on
    ws.save_view(Selection(ws.snapshot(), np.array([3, 1])), id="two")
    ws.tag("first")
    ws.checkout("other", create=True)
    ws.update([2], {"text_a": ["edited"]})
    ws.commit("edited")
    ws.pop([0])
    ws.flush()
    remembered = ws.repository._state
    assert remembered is not None
    assert remembered == opened(store).repository.state()
    assert ws.creds_keys() == {"MINE": {"managed": True}}


# --- transactions ---


def test_what_waits_is_seen_by_its_handle_alone_until_it_lands(store: MemoryStore) -> None:
    ws, other = opened(store), opened(store)
    ws.update([1], {"text_a": ["changed"]})
    ws.extend({"text_a": ["more"]}, 1)
    assert texts(ws)[1::4] == ["changed", "more"]
    other.refresh()
    assert len(other) == 5
    ws.flush()
    other.refresh()
    assert texts(other) == texts(ws)


def test_a_transaction_lands_whole_at_its_end(store: MemoryStore) -> None:
    ws = opened(store)
    ws.begin()
    ws.extend({"text_a": ["a"]}, 1)
    ws.flush()
    assert len(opened(store)) == 5
    ws.pop([0])
    ws.end()
    assert texts(opened(store)) == ["row 1", "row 2", "row 3", "row 4", "a"]


def test_a_rollback_forgets_only_the_innermost_transaction(store: MemoryStore) -> None:
    ws = opened(store)
    ws.begin()
    ws.update([0], {"text_a": ["outer"]})
    ws.begin()
    ws.update([0, 1], {"text_a": ["inner", "inner"]})
    ws.pop([4])
    ws.extend({"text_a": ["inner"]}, 1)
    make_tensor(ws, "text", "text_b")
    ws.rollback()
    assert ws.schema.names == ("text_a", "label_a", "number_a")
    ws.end()
    assert texts(opened(store)) == ["outer", "row 1", "row 2", "row 3", "row 4"]


def test_a_checkout_inside_a_transaction_and_a_commit_inside_a_nested_one_are_refused(store: MemoryStore) -> None:
    ws = opened(store)
    ws.begin()
    ws.begin()
    for act in (partial(ws.commit, "no"), partial(ws.checkout, "main")):
        with pytest.raises(StateError) as caught:
            act()
        assert caught.value.kind == "in-transaction"
    ws.rollback()
    ws.rollback()


def test_a_commit_inside_a_transaction_keeps_what_came_before_it(store: MemoryStore) -> None:
    ws = opened(store)
    ws.begin()
    ws.extend({"text_a": ["kept"]}, 1)
    ws.commit("half way")
    ws.extend({"text_a": ["undone"]}, 1)
    ws.rollback()
    assert texts(ws)[-1] == "kept"
    assert texts(opened(store))[-1] == "kept"
    ws.begin()
    ws.commit("nothing yet", allow_empty=True)
    ws.extend({"text_a": ["after"]}, 1)
    ws.end()
    assert texts(opened(store))[-2:] == ["kept", "after"]


def test_a_reset_inside_a_transaction_undoes_it_and_the_transaction_goes_on(store: MemoryStore) -> None:
    ws = opened(store)
    ws.begin()
    ws.extend({"text_a": ["undone"]}, 1)
    ws.reset()
    ws.extend({"text_a": ["after"]}, 1)
    ws.end()
    assert texts(opened(store)) == ["row 0", "row 1", "row 2", "row 3", "row 4", "after"]


def test_an_append_that_does_not_fit_adds_nothing(store: MemoryStore) -> None:
    ws = opened(store)
    with pytest.raises(InvalidInputError):
        ws.extend({"text_a": ["fits"], "number_a": ["does not"]}, 1)
    assert len(ws) == 5
    assert not ws.has_changes()


def test_unknown_tensors_and_wrong_numbers_of_samples_are_refused(store: MemoryStore) -> None:
    ws = opened(store)
    with pytest.raises(NotFoundError, match="text_b"):
        ws.extend({"text_b": ["x"]}, 1)
    for act in (partial(ws.extend, {"text_a": ["x", "y"]}, 1), partial(ws.update, [0, 1], {"text_a": ["x"]})):
        with pytest.raises(InvalidInputError) as caught:
            act()
        assert caught.value.kind == "length-mismatch"
    with pytest.raises(InvalidInputError, match="twice"):
        ws.pop([1, -4])
    assert texts(ws) == [f"row {n}" for n in range(5)]


def test_rows_need_a_tensor_but_outlive_it() -> None:
    store = MemoryStore()
    ws = created(store)
    with pytest.raises(InvalidInputError, match="tensor"):
        ws.extend({}, 1)
    make_tensor(ws, "text", "text_a")
    with small_limits():
        for turn in range(9):
            ws.extend({"text_a": [str(turn)]}, 1)
            ws.flush()
        ws.delete_tensor("text_a")
        ws.pop([3])
        ws.commit("no tensors")
    assert len(opened(store)) == 8
    make_tensor(ws, "text", "text_a")
    ws.update([7], {"text_a": ["again"]})
    assert texts(ws) == [""] * 7 + ["again"]


def test_waiting_rows_land_by_themselves_when_they_are_many_or_old(store: MemoryStore) -> None:
    ws = opened(store)
    with mock.patch("lakebed.storage.handle.LAND_ROWS", 3):
        ws.extend({"text_a": ["a", "b"]}, 2)
        assert len(opened(store)) == 5
        ws.extend({"text_a": ["c"]}, 1)
    assert len(opened(store)) == 8
    with mock.patch("lakebed.storage.handle.LAND_SECONDS", -1.0):
        ws.extend({"text_a": ["d"]}, 1)
    assert len(opened(store)) == 9


def test_a_landing_that_fails_in_the_middle_of_appending_says_that_the_rows_wait(store: MemoryStore) -> None:
    watched = WatchedStore(store)
    ws = opened(watched)
    len(ws.snapshot().manifest.entries)
    watched.before = failing_once(store, watched.calls + 3, False, refused).before
    with mock.patch("lakebed.storage.handle.LAND_SECONDS", -1.0), pytest.raises(StorageError) as caught:
        ws.extend({"text_a": ["waits"]}, 1)
    assert "do not repeat" in caught.value.hint
    ws.flush()
    assert texts(opened(store))[5:] == ["waits"]


def test_a_snapshot_that_has_landed_travels_to_another_process_and_a_draft_does_not(store: MemoryStore) -> None:
    ws = opened(store)
    copy = pickle.loads(pickle.dumps(ws.snapshot()))
    assert copy.read("number_a", [4]) == ws.read("number_a", [4])
    ws.extend({}, 1)
    with pytest.raises(StateError, match="landed"):
        pickle.dumps(ws.snapshot())


def test_what_waits_at_exit_is_saved_and_a_forked_child_does_not_save_it_too(tmp_path: Path) -> None:
    ws = created(LocalStore(tmp_path / "ds", create=True))
    make_tensor(ws, "text", "text_a")
    ws.commit("tensor")
    program = """
import os, sys
from lakebed.storage.stores.local import LocalStore
from storage_model import opened
ws = opened(LocalStore(sys.argv[1]))
ws.extend({"text_a": ["waits"]}, 1)
if hasattr(os, "fork"):
    child = os.fork()
    if child == 0:
        sys.exit()
    os.waitpid(child, 0)
"""
    path = os.pathsep.join([str(Path(__file__).parents[2] / "support"), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "ds")],
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert texts(opened(LocalStore(tmp_path / "ds"))) == ["waits"]


# --- two writers ---


def test_appends_of_two_writers_both_stay(store: MemoryStore) -> None:
    one, two = opened(store), opened(store)
    one.extend({"text_a": ["one"]}, 1)
    two.extend({"text_a": ["two"]}, 1)
    two.flush()
    one.flush()
    assert texts(opened(store))[5:] == ["two", "one"]
    assert opened(store).snapshot().row_ids.tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_edits_of_different_rows_both_stay(store: MemoryStore) -> None:
    one, two = opened(store), opened(store)
    one.update([0], {"text_a": ["one"]})
    one.pop([4])
    two.update([3], {"label_a": [["emu"]]})
    two.commit("two")
    one.commit("one")
    ws = opened(store)
    assert texts(ws) == ["one", "row 1", "row 2", "row 3"]
    assert labels(ws)[3] == ["emu"]


Act = Callable[[Workspace], object]
CONFLICTS: dict[str, tuple[Act, Act]] = {
    "edit-edit": (
        lambda ws: ws.update([1], {"text_a": ["mine"]}),
        lambda ws: ws.update([1], {"text_a": ["theirs"]}),
    ),
    "edit-delete": (lambda ws: ws.update([1], {"text_a": ["mine"]}), lambda ws: ws.pop([1])),
    "delete-edit": (lambda ws: ws.pop([1]), lambda ws: ws.update([1], {"text_a": ["theirs"]})),
    "info-info": (lambda ws: ws.set_info("", {"k": 1}), lambda ws: ws.set_info("", {"k": 2})),
    "edit-drop": (lambda ws: ws.update([1], {"text_a": ["mine"]}), lambda ws: ws.delete_tensor("text_a")),
    "rename-rename": (lambda ws: ws.rename_tensor("text_a", "a"), lambda ws: ws.rename_tensor("text_a", "b")),
    "rename-create": (lambda ws: ws.rename_tensor("text_a", "c"), lambda ws: make_tensor(ws, "text", "c")),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_what_both_changed_is_a_conflict_and_the_first_stays(store: MemoryStore, name: str) -> None:
    mine, theirs = CONFLICTS[name]
    one, two = opened(store), opened(store)
    theirs(two)
    two.commit("theirs")
    shown = _everything(opened(store))
    mine(one)
    one.extend({}, 1)
    with pytest.raises(ConflictError):
        one.commit("mine")
    one.refresh()  # the failed changes do not land later over the others'
    one.close()
    assert _everything(opened(store)) == shown == _everything(one)


def _everything(ws: Workspace) -> tuple[list[str], list[str], object]:
    snapshot = ws.snapshot()
    return [info.message for info in ws.log()], list(snapshot.schema.names), snapshot.table(list(snapshot.fields))


def test_looking_at_others_changes_inside_a_transaction_does_not_lose_them(store: MemoryStore) -> None:
    one, two = opened(store), opened(store)
    one.begin()
    one.update([0], {"text_a": ["one"]})
    two.update([1], {"text_a": ["two"]})
    two.commit("two")
    one.refresh()
    one.end()
    assert texts(opened(store))[:2] == ["one", "two"]


def test_class_names_that_both_added_are_united(store: MemoryStore) -> None:
    one, two = opened(store), opened(store)
    one.update([2], {"label_a": [["fox"]]})
    one.extend({"label_a": [["fox", "cat"]]}, 1)
    two.update([0], {"label_a": [["gnu"]]})
    two.extend({"label_a": [["gnu"]]}, 1)
    two.commit("two")
    one.commit("one")
    assert labels(opened(store)) == [["gnu"], ["dog"], ["fox"], ["cat", "dog"], ["dog"], ["gnu"], ["fox", "cat"]]


def test_class_names_survive_a_rename_on_the_other_side(store: MemoryStore) -> None:
    one, two = opened(store), opened(store)
    one.rename_tensor("label_a", "label_b")
    one.extend({"label_b": [["fox"]]}, 1)
    two.extend({"label_a": [["gnu"]]}, 1)
    two.commit("two")
    one.commit("one")
    ws = opened(store)
    names = ws.info("label_b")["class_names"]
    assert [[names[code] for code in codes] for codes in ws.read("label_b", [5, 6])] == [["gnu"], ["fox"]]


def test_a_tensor_filled_for_all_rows_keeps_its_samples_when_others_were_faster(store: MemoryStore) -> None:
    one, two = opened(store), opened(store)
    make_tensor(one, "text", "score")
    one.update(range(5), {"score": [f"s{n}" for n in range(5)]})
    two.pop([2])
    two.update([0], {"text_a": ["edited"]})
    two.commit("two")
    one.commit("one")
    ws = opened(store)
    assert [str(text) for text in ws.read("score", range(4))] == ["s0", "s1", "s3", "s4"]
    assert texts(ws)[0] == "edited"


def test_the_first_number_of_one_writer_is_no_conflict_with_a_new_tensor_of_another() -> None:
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "number", "number_a")
    ws.commit("tensor")
    one, two = opened(store), opened(store)
    one.extend({"number_a": [1]}, 1)
    make_tensor(two, "text", "text_a")
    two.extend({"number_a": [2]}, 1)
    two.commit("two")
    one.commit("one")
    assert [int(number) for number in opened(store).read("number_a", [0, 1])] == [2, 1]


def test_two_writers_that_make_one_tensor_with_different_options_disagree(store: MemoryStore) -> None:
    ws, other = opened(store), opened(store)
    for handle, codec in ((ws, None), (other, "lz4")):
        handle.begin()
        handle.create_tensor(*new_spec("made", "made", "generic", dtype="int64", chunk_compression=codec))
    ws.end()
    with pytest.raises(ConflictError) as refused:
        other.end()
    assert refused.value.kind == "schema-conflict"
    assert opened(store).schema["made"].chunk_compression is None


def test_branches_that_give_one_code_to_different_names_conflict_by_name(store: MemoryStore) -> None:
    ws = opened(store)
    ws.checkout("other", create=True)
    ws.update([0], {"label_a": [["ours"]]})
    ws.commit("other")
    main = opened(store)
    main.update([0], {"label_a": [["theirs"]]})
    main.commit("main")
    assert main.diff("other", "main").updated["label_a"].tolist() == [0]
    with pytest.raises(ConflictError):
        main.merge("other")
    main.merge("other", resolution="theirs")
    assert labels(main)[0] == ["ours"]


# --- views ---


def test_a_view_of_rows_that_were_never_committed_cannot_be_saved(store: MemoryStore) -> None:
    ws = opened(store)
    ws.extend({"text_a": ["waits"]}, 1)
    ws.pop([0])
    selection = Selection(ws.snapshot(), np.array([0, 4]))
    with pytest.raises(StateError):
        ws.save_view(selection, id="v")
    ws.reset()
    with pytest.raises(StateError) as caught:
        ws.save_view(selection, id="v")
    assert caught.value.kind == "uncommitted-changes"


def test_a_view_shows_its_rows_whatever_happens_to_them_later(store: MemoryStore) -> None:
    ws = opened(store)
    record = ws.save_view(Selection(ws.snapshot(), np.array([3, 0, 3])), query="q")
    ws.update([0, 3], {"text_a": ["x", "y"]})
    ws.pop([3])
    ws.delete_tensor("label_a")
    ws.commit("later")
    found = opened(store).view_selection(opened(store).view(record.id))
    assert [str(text) for text in found.read("text_a", [0, 1, 2])] == ["row 3", "row 0", "row 3"]
    assert found.schema.names == ("text_a", "label_a", "number_a")


# --- big samples ---


@pytest.mark.parametrize("size", [4, 150, 260])
def test_pictures_come_back_byte_for_byte_wherever_they_are_kept(size: int) -> None:
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "image", "image_a")
    data = png(size, 1)
    with mock.patch("lakebed.storage.payloads.CHUNK", 100_000):  # the biggest spans files
        ws.extend({"image_a": [data, None, data]}, 3)
        ws.commit("pictures")
    cells = opened(store).snapshot().cells("image_a", [0, 1, 2])
    assert cells[""].to_pylist() == [data, None, data]
    inline = opened(store).snapshot().stored("image_a", [0])[""].to_pylist()[0]
    assert (inline is None) == (len(data) > 64 << 10)
