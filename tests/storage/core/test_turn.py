"""Taking turns is courtesy: it orders writers of one folder, and never stops one."""

from __future__ import annotations

import threading
from pathlib import Path
from unittest import mock

import pytest
from lakebed.storage.stores import turn as turns
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.stores.turn import turn

pytestmark = pytest.mark.skipif(not turns._HERE, reason="no file locks on this system")


def test_writers_of_one_folder_take_turns(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "ds", create=True)
    store.put("rows/first", b"1")  # which makes tmp/
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        with turn(store):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with mock.patch("lakebed.storage.stores.turn.LONGEST", 60.0):
        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1] * 8


def test_a_writer_that_never_gives_its_turn_back_holds_nobody_up_for_long(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "ds", create=True)
    store.put("rows/first", b"1")
    with mock.patch("lakebed.storage.stores.turn.LONGEST", 0.01), turn(store), turn(store):
        store.put("rows/second", b"2")
    assert store.get("rows/second") == b"2"


@pytest.mark.parametrize("folder", ["missing", "ds"])
def test_where_no_turn_can_be_had_work_goes_on(tmp_path: Path, folder: str) -> None:
    with turn(LocalStore(tmp_path / folder, create=folder == "ds")), turn(MemoryStore()):
        assert not (tmp_path / folder / "tmp").exists()
