"""A thousand small commits leave a dataset that reads like one that was written at once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from lakebed.storage import fragment_cache, pieces
from lakebed.storage.arrow import unpack_table
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.workspace import Workspace

from faulty_store import WatchedStore
from storage_model import by_profile, created, make_tensor, opened

COMMITS = by_profile(200, 1000, 1000)


def texts(ws: Workspace) -> list[str]:
    return [str(text) for text in ws.read("text_a", range(len(ws)))]


def reading_costs(store: MemoryStore) -> int:
    """Store calls to open the dataset and read all of it."""
    watched = WatchedStore(store)
    texts(opened(watched))
    return watched.calls


def test_appends_of_one_row_leave_few_fragments_and_few_calls() -> None:
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    for turn in range(COMMITS):
        ws.extend({"text_a": [f"row {turn}"]}, 1)
        ws.commit(str(turn))
    assert len(ws.snapshot().manifest.entries) <= 12
    assert texts(opened(store)) == [f"row {turn}" for turn in range(COMMITS)]
    assert ws.snapshot().row_ids.tolist() == list(range(COMMITS))
    assert reading_costs(store) <= 40


def test_edits_all_over_a_fragment_leave_few_overlays_and_few_calls() -> None:
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    rows = 5000
    ws.extend({"text_a": [f"row {row}" for row in range(rows)]}, rows)
    ws.commit("rows")
    wanted = texts(ws)
    for turn in range(COMMITS):
        row = turn * 37 % rows
        ws.update([row], {"text_a": [f"edit {turn}"]})
        wanted[row] = f"edit {turn}"
        ws.commit(str(turn))
    entries = ws.snapshot().manifest.entries
    assert len(entries) == 1
    assert len(entries[0].overlays) <= 12
    assert texts(opened(store)) == wanted
    assert reading_costs(store) <= 40


def test_one_row_edited_again_and_again_costs_the_last_edit() -> None:
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    ws.extend({"text_a": ["row"] * 1000}, 1000)
    for turn in range(COMMITS):
        ws.update([500], {"text_a": [f"edit {turn}"]})
        ws.commit(str(turn))
    assert sum(overlay.rows for overlay in ws.snapshot().manifest.entries[0].overlays) <= 12
    assert texts(opened(store))[500] == f"edit {COMMITS - 1}"


def test_rows_popped_one_by_one_leave_no_deletions_behind() -> None:
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    ws.extend({"text_a": [str(row) for row in range(2000)]}, 2000)
    for turn in range(COMMITS):
        ws.pop([turn])
        ws.commit(str(turn))
    gone = set(range(0, 2 * COMMITS, 2))
    assert texts(opened(store)) == [str(row) for row in range(2000) if row not in gone]
    assert all(entry.deleted <= 0.06 * entry.rows for entry in ws.snapshot().manifest.entries)


def test_a_small_commit_writes_a_few_kilobytes_however_many_rows_there_are() -> None:
    written = []
    for rows in (1000, 100_000):
        store = MemoryStore()
        ws = created(store)
        make_tensor(ws, "label", "label_a")
        ws.extend({"label_a": [["a", "b"]] * rows}, rows)
        ws.commit("rows")
        before = {stat.key for stat in store.list()}
        ws.update([rows // 2], {"label_a": [["b"]]})
        ws.commit("one row")
        written.append(sum(stat.size for stat in store.list() if stat.key not in before))
    assert max(written) < 4096
    assert abs(written[0] - written[1]) < 200


def test_a_small_commit_makes_the_same_few_calls_after_many_commits() -> None:
    store = MemoryStore()
    watched = WatchedStore(store)
    ws = created(watched)
    make_tensor(ws, "text", "text_a")
    calls = []
    for turn in range(COMMITS):
        ws.extend({"text_a": [f"row {turn}"]}, 1)
        before = watched.calls
        ws.commit(str(turn))
        calls.append(watched.calls - before)
    assert max(calls[len(calls) // 2 :]) <= 12
    assert watched.counts["create"] <= COMMITS + 5


def test_an_edit_opens_each_overlay_once_and_not_once_for_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    opened_overlays: list[int] = []

    def noted(data: bytes) -> pa.Table:
        opened_overlays.append(len(data))
        return unpack_table(data)

    monkeypatch.setattr(fragment_cache, "unpack_table", noted)
    ws = created(MemoryStore())
    for letter in "abcdef":
        make_tensor(ws, "text", f"text_{letter}")
    ws.extend({"text_a": ["row"] * 5000}, 5000)
    ws.commit("rows")
    for turn in range(COMMITS // 4):
        ws.update([turn * 37 % 5000], {"text_a": [f"edit {turn}"]})
        ws.commit(str(turn))
    assert len(opened_overlays) <= COMMITS // 4 + 1


def much_edited(store: LocalStore) -> list[str]:
    """5,000 rows of text, of which every 25th was edited; returns the texts."""
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    wanted = [f"row {row}" for row in range(5000)]
    ws.extend({"text_a": wanted}, 5000)
    ws.commit("rows")
    for row in range(200):
        ws.update([row * 25], {"text_a": [f"edit {row}"]})
        wanted[row * 25] = f"edit {row}"
    ws.commit("edits")
    return wanted


def test_a_much_edited_column_is_read_from_its_file_once_and_from_a_copy_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "SLICED", 0)  # as if the texts were long
    store = LocalStore(tmp_path / "ds", create=True)
    wanted = much_edited(store)
    snapshot = opened(store).snapshot()
    first = snapshot.column("text_a")
    assert first.to_pylist() == wanted
    assert first.num_chunks == 400
    second = snapshot.column("text_a")
    assert second.to_pylist() == wanted
    assert second.num_chunks == 1


def test_a_much_edited_column_of_small_cells_is_copied_at_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "ds", create=True)
    wanted = much_edited(store)
    column = opened(store).snapshot().column("text_a")
    assert column.to_pylist() == wanted
    assert column.num_chunks == 1


def test_neighbouring_edits_are_one_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SLICED", 0)
    store = LocalStore(tmp_path / "ds", create=True)
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    ws.extend({"text_a": ["row"] * 5000}, 5000)
    for row in range(100):
        ws.update([1000 + row], {"text_a": [f"edit {row}"]})
        ws.commit(str(row))
    assert opened(store).snapshot().column("text_a").num_chunks == 3


def test_a_few_rows_of_a_much_edited_fragment_are_read_without_its_whole_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "ds", create=True)
    wanted = much_edited(store)
    put_together: list[str] = []
    monkeypatch.setattr(fragment_cache, "put_together", lambda *_: put_together.append("a column"))
    rows = [4999, 25, 0, 26, 25]
    assert opened(store).read("text_a", rows) == [wanted[row] for row in rows]
    assert put_together == []


def test_a_thousand_edits_leave_few_overlays_and_a_thousand_appends_few_fragments() -> None:
    """Each is an object that a reader must open; edits and appends are of one row, the most expensive case."""
    edited, appended = MemoryStore(), MemoryStore()
    for store in (edited, appended):
        ws = created(store)
        make_tensor(ws, "text", "text_a")
        ws.extend({"text_a": ["row"] * 20_000}, 20_000)
        ws.commit("rows")
        for turn in range(COMMITS):
            if store is edited:
                ws.update([turn * 13 % 20_000], {"text_a": [f"edit {turn}"]})
            else:
                ws.extend({"text_a": [f"row {turn}"]}, 1)
            ws.commit(str(turn))
        entries = ws.snapshot().manifest.entries
        assert len(entries) + sum(len(entry.overlays) for entry in entries) <= 6
