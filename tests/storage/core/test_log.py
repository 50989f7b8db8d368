"""The log: entries, their order, hints, races and damage; and creating, opening and deleting a dataset."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.errors import (
    AlreadyExistsError,
    CommitUnknownError,
    DamageError,
    FormatError,
    NotFoundError,
    ObjectExistsError,
    StateError,
)
from lakebed.storage.log import append_entry, entry_key, newest_entry, read_entry
from lakebed.storage.objects import Objects, Pointer, Staging, decode_ids, encode_ids, open_lines, seal_lines
from lakebed.storage.repository import Repository
from lakebed.storage.stores.base import Store
from lakebed.storage.stores.memory import MemoryStore

from faulty_store import Crash, WatchedStore, copy_of, crash_before_write, failing_once, lost_answer, refused
from storage_model import NoLinks, created, make_tensor, opened

REFS = Pointer("b" * 32, 0, 1, "c" * 32)


def grown(store: Store, entries: int) -> None:
    last = newest_entry(store)
    for number in range(entries):
        last = append_entry(store, last, f"t{number}", "test", REFS)


@given(count=st.integers(1, 60), known=st.integers(0, 59))
def test_the_newest_entry_is_found_from_any_known_one(count: int, known: int) -> None:
    store = MemoryStore()
    grown(store, count)
    found = newest_entry(store, read_entry(store, min(known, count - 1)))
    assert found is not None
    assert found.number == count - 1


def test_finding_the_newest_of_many_entries_takes_few_calls() -> None:
    store = MemoryStore()
    grown(store, 1000)
    watched = WatchedStore(store)
    assert newest_entry(watched) == read_entry(store, 999)
    assert watched.calls < 25


@pytest.mark.parametrize("hint", ["hints/junk", f"hints/{10**15:020d}", f"hints/{3:020d}"])
def test_hints_are_never_trusted(hint: str) -> None:
    store = MemoryStore()
    grown(store, 9)
    store.put(hint, b"")
    found = newest_entry(store)
    assert found is not None
    assert found.number == 8


def test_a_hint_that_cannot_be_written_does_not_turn_success_into_failure() -> None:
    store = MemoryStore()
    with mock.patch("lakebed.storage.log.HINT_EVERY", 1):
        grown(store, 3)
        last = newest_entry(store)
        watched = failing_once(store, 2, False, refused)  # the entry is call 1, the hint call 2
        assert append_entry(watched, last, "mine", "test", REFS).number == 3


def test_of_two_writers_of_one_number_the_second_is_told() -> None:
    store = MemoryStore()
    grown(store, 1)
    last = newest_entry(store)
    append_entry(store, last, "first", "test", REFS)
    with pytest.raises(ObjectExistsError):
        append_entry(store, last, "second", "test", REFS)


def test_a_writer_that_meets_its_own_entry_has_won() -> None:
    store = MemoryStore()
    grown(store, 1)
    last = newest_entry(store)
    append_entry(store, last, "mine", "test", REFS)
    with mock.patch("lakebed.storage.log.time.time", return_value=1.0):
        assert append_entry(store, last, "mine", "test", REFS).number == 1


def test_a_lost_answer_is_looked_up() -> None:
    store = MemoryStore()
    grown(store, 1)
    watched = failing_once(store, 1, True, lost_answer)
    assert append_entry(watched, newest_entry(store), "mine", "test", REFS).number == 1


def test_an_outcome_that_cannot_be_learned_is_said_to_be_unknown() -> None:
    store = MemoryStore()
    grown(store, 1)
    watched = failing_once(store, 1, False, lost_answer)
    with pytest.raises(CommitUnknownError):
        append_entry(watched, newest_entry(store), "mine", "test", REFS)


def test_damage_in_an_older_entry_does_not_hide_the_newest() -> None:
    store = MemoryStore()
    grown(store, 9)
    for number in (1, 3, 7):
        _spoil(store, entry_key(number))
    found = newest_entry(store)
    assert found is not None
    assert found.number == 8


def test_a_damaged_newest_entry_is_an_error() -> None:
    store = MemoryStore()
    grown(store, 9)
    _spoil(store, entry_key(8))
    with pytest.raises(DamageError):
        newest_entry(store)


def _spoil(store: MemoryStore, key: str) -> None:
    data = bytearray(store.get(key))
    data[10] ^= 1
    store.delete(key)
    store.put(key, bytes(data))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_sealed_lines_come_back_and_no_changed_byte_passes(value: object) -> None:
    data = seal_lines(value)
    assert open_lines(data) == value
    for place in (0, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 2
        with pytest.raises(ValueError, match="hash"):
            open_lines(bytes(changed))


@given(st.lists(st.integers(-(2**62), 2**62)))
def test_row_id_lists_come_back(ids: list[int]) -> None:
    assert decode_ids(encode_ids(np.array(ids, np.int64))).tolist() == ids


def test_equal_changes_make_different_bundles_so_that_none_is_as_old_as_another() -> None:
    objects = Objects(MemoryStore())
    names = set()
    for _ in range(3):
        staging = Staging()
        staging.add(b"the same")
        names.add(objects.publish(staging))
    assert len(names) == 3


def test_equal_objects_of_one_bundle_are_stored_once() -> None:
    staging = Staging()
    assert staging.add(b"x" * 1000) == staging.add(b"x" * 1000)
    assert len(staging.sealed()) < 1100


# --- datasets ---


def test_a_dataset_is_made_once() -> None:
    store = MemoryStore()
    created(store)
    with pytest.raises(AlreadyExistsError):
        created(store)


def test_a_place_without_a_dataset_says_so() -> None:
    with pytest.raises(NotFoundError) as caught:
        opened(MemoryStore())
    assert caught.value.kind == "no-dataset"


def test_foreign_files_are_left_alone() -> None:
    store = MemoryStore()
    store.put("holiday.jpg", b"1")
    with pytest.raises(StateError) as caught:
        created(store)
    assert caught.value.kind == "foreign-files"
    assert [stat.key for stat in store.list()] == ["holiday.jpg"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"magic": "lakebed", "uuid": "u", "version": 2, "features": []}, "future-format"),
        ({"magic": "lakebed", "uuid": "u", "version": 1, "features": ["warp"]}, "future-format"),
        ({"magic": "other"}, "not-a-dataset"),
        ([], "not-a-dataset"),
    ],
)
def test_what_a_later_release_or_another_program_wrote_is_refused(content: object, kind: str) -> None:
    store = MemoryStore()
    store.put("FORMAT", seal_lines(content))
    with pytest.raises(FormatError) as caught:
        Repository.open(store, NoLinks())
    assert caught.value.kind == kind


def test_a_deletion_that_is_killed_leaves_a_whole_older_state_or_room_for_a_new_dataset() -> None:
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    for turn in range(3):
        ws.extend({"text_a": [str(turn)]}, 1)
        ws.commit(str(turn))
    at, killed = 0, True
    while killed:
        at += 1
        twin = copy_of(store)
        watched = WatchedStore(twin, before=crash_before_write(at))
        try:
            Repository.delete(watched)
            killed = False
        except Crash:
            pass
        if Repository.exists(twin):
            ws = opened(twin)
            for name in ws.schema.names:
                assert [str(text) for text in ws.read(name, range(len(ws)))] == ["0", "1", "2"][: len(ws)]
        else:
            assert len(created(twin)) == 0
            assert opened(twin).log() == []
    assert at >= 10


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_creation_that_is_killed_can_be_done_again(at: int) -> None:
    store = MemoryStore()
    with pytest.raises(Crash):
        created(WatchedStore(store, before=crash_before_write(at)))
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    ws.commit("works")
    assert opened(store).schema.names == ("text_a",)
