"""Real processes on a real disk: killed with `kill -9` at random moments, and eight at once on one branch."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed.loader import MaterialisedView
from lakebed.storage.log import newest_entry, read_entry
from lakebed.storage.reach import refs_node, walk
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.workspace import Workspace

import crash_worker
from storage_model import by_profile, created, make_tensor, opened

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked from one warm process")


class Server:
    """A warm process that forks and kills workers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, crash_worker.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *words: object) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def new_dataset(folder: Path) -> LocalStore:
    store = LocalStore(folder, create=True)
    ws = created(store)
    for kind in ("text", "label", "image"):
        make_tensor(ws, kind, f"{kind}_a")
    ws.commit("tensors")
    return store


def said(path: Path) -> list[list[str]]:
    """What a worker acknowledged; a last line without its end was not said."""
    text = path.read_text() if path.exists() else ""
    return [line.split() for line in text.split("\n")[:-1]]


def texts(ws: Workspace) -> list[str]:
    return [str(text) for text in ws.read("text_a", range(len(ws)))]


def assert_whole(store: LocalStore) -> None:
    ws = opened(store)
    last = newest_entry(store)
    assert last is not None
    for node in walk(ws.context, [refs_node(last.refs)], blobs=True):
        stat = store.stat(node.key) if node.key else None
        assert not node.key or (stat is not None and node.size in {-1, stat.size}), node


def test_nothing_acknowledged_is_lost_when_processes_are_killed_at_random_moments(
    server: Server, tmp_path: Path
) -> None:
    kills, rng = by_profile(12, 40, 200), random.Random(7)
    words: list[list[str]] = []
    kinds: Counter[str] = Counter()
    store = new_dataset(tmp_path / "ds")
    for number in range(kills):
        if number % 20 == 0:
            store, words = new_dataset(tmp_path / f"ds{number}"), []
        note = tmp_path / f"said{number}"
        child = server.ask("start", "churn", store.url, f"p{number}", note, 0)
        # So many words and then a moment: how far a child comes does not depend on how busy the machine is.
        wanted = rng.randint(1, 12)
        while len(said(note)) < wanted:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        assert server.ask("kill", child) == 9, "the child died of its own"
        words += said(note)
        kinds.update(row[0] for row in said(note))
        assert_whole(store)
        _nothing_lost_or_doubled(opened(store), words)
    print(dict(kinds))
    assert kinds["row"] > kills, "children were killed before they did anything"


def _nothing_lost_or_doubled(ws: Workspace, words: list[list[str]]) -> None:
    found = Counter(texts(ws))
    assert max(found.values(), default=1) == 1
    assert not [text for text in found if text.endswith("-gone")]  # a transaction lands whole or not at all
    assert {row[1] for row in words if row[0] == "row"} <= set(found)
    assert {row[2] for row in words if row[0] == "commit"} <= {info.id for info in ws.log()}
    assert {row[1] for row in words if row[0] == "view"} <= {record.id for record in ws.views()}
    copied = {record.id: record.index for record in ws.views() if record.index}
    assert {row[1] for row in words if row[0] == "copy"} <= set(copied)
    for name, index in list(copied.items())[-3:]:
        copy = MaterialisedView(ws.repository.store, f"views/{name}", index)
        assert copy.read("text_a", range(len(copy))) == ws.view_selection(ws.view(name)).read(
            "text_a", range(len(copy))
        )
    rows = len(ws)
    ws.extend({"text_a": [f"after-{rows}"]}, 1)
    ws.commit("after the kill")
    assert len(ws) == rows + 1


def test_eight_processes_commit_to_one_branch_and_every_commit_is_there_once(server: Server, tmp_path: Path) -> None:
    turns = by_profile(5, 25, 50)
    store = new_dataset(tmp_path / "ds")
    notes = [tmp_path / f"said{n}" for n in range(8)]
    children = [server.ask("start", "commits", store.url, f"p{n}", note, turns) for n, note in enumerate(notes)]
    assert [server.ask("wait", child) for child in children] == [0] * 8
    ws = opened(store)
    wanted = {f"p{n}-{turn}" for n in range(8) for turn in range(turns)}
    assert sorted(texts(ws)) == sorted(wanted)
    assert len(set(ws.snapshot().row_ids.tolist())) == 8 * turns
    acknowledged = [row[2] for note in notes for row in said(note) if row[0] == "commit"]
    log = ws.log()
    assert sorted(acknowledged) == sorted(info.id for info in log[:-1])
    assert [info.parents for info in log[:-1]] == [(older.id,) for older in log[1:]]  # one line, no commit beside it
    assert_whole(store)
    _entries_are_a_chain(store)


def _entries_are_a_chain(store: LocalStore) -> None:
    previous, number = "", 0
    while (entry := read_entry(store, number)) is not None:
        assert entry.previous == previous
        previous, number = entry.hash, number + 1
