"""Editing one row and committing: `python bench/storage.py --edits`, with other engines beside if they are at hand.

Sizes and engines have their turn again and again, so that other load on the machine hits all alike. An engine that is
not ours runs in a process of its own, with its own interpreter (`storage_peers.py`), and edits labels alone; ours edits
boxes and labels.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from coco_labels import generate
from lakebed.storage.repository import Repository
from lakebed.storage.workspace import Workspace
from storage_data import CountingStore, NoLinks, make

TURNS = 200
FIRST = 40
"""Engines that keep every edit as a file slow down with the turns: the first ones are shown apart."""
MOST_PEER_ROWS = 200_000
"""Larger tables of the others take longer to make than to measure."""

Edit = Callable[[int], tuple[float, float, int]]
"""Row to CPU seconds, wall seconds, bytes written."""


def print_edits(sizes: Sequence[int], peers: Mapping[str, Path], folder: Path | None) -> None:
    """A table of medians."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        editors = {}
        for rows in sizes:
            editors["lakebed", rows] = ours(Path(place), rows)
            if rows <= MOST_PEER_ROWS:
                editors |= {(name, rows): peer(name, python, Path(place), rows) for name, python in peers.items()}
        spent = in_turn(editors)
    print("| | rows | CPU ms | in the first turns | wall ms | bytes, median | bytes, mean |\n|---" + "|--:" * 6 + "|")
    for (name, rows), measured in spent.items():
        cpu, wall, written = (list(values) for values in zip(*measured, strict=True))
        print(
            f"| {name} | {rows:,} | {statistics.median(cpu) * 1e3:.3g} | {statistics.median(cpu[:FIRST]) * 1e3:.3g} "
            f"| {statistics.median(wall) * 1e3:.3g} "
            f"| {statistics.median(written):,.0f} | {statistics.mean(written):,.0f} |"
        )


def in_turn(editors: Mapping[tuple[str, int], Edit]) -> dict[tuple[str, int], list[tuple[float, float, int]]]:
    chance = np.random.default_rng(3)
    spent: dict[tuple[str, int], list[tuple[float, float, int]]] = {key: [] for key in editors}
    for turn in range(TURNS + 1):
        for key, edit in editors.items():
            measured = edit(int(chance.integers(0, key[1])))
            if turn:  # the first one opens what the others find open
                spent[key].append(measured)
    return spent


def ours(place: Path, rows: int) -> Edit:
    store = CountingStore(make(place / str(rows), rows, committed={})["one commit"])
    ws = Workspace(Repository.open(store, NoLinks()))

    def edit(row: int) -> tuple[float, float, int]:
        boxes = np.random.default_rng(row).uniform(0, 640, (2, 4)).astype(np.float32)  # which no compression shrinks
        change: dict[str, list[Any]] = {"boxes": [boxes], "categories": [["dog", "cat"]]}
        store.written, wall, cpu = 0, time.perf_counter(), time.process_time()
        ws.update([row], change)
        ws.commit("edit")
        return time.process_time() - cpu, time.perf_counter() - wall, store.written

    return edit


def peer(name: str, python: Path, place: Path, rows: int) -> Edit:
    file = place / f"{rows}.arrow"
    if not file.exists():
        write_table(file, rows)
    script = Path(__file__).with_name("storage_peers.py")
    process = subprocess.Popen(
        [str(python), str(script), name, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, answered = process.stdin, process.stdout

    def edit(row: int) -> tuple[float, float, int]:
        print(row, file=asked, flush=True)
        cpu, wall, written = json.loads(answered.readline())
        return float(cpu), float(wall), int(written)

    return edit


def write_table(file: Path, rows: int) -> None:
    labels = generate(rows, seed=0)
    starts = pa.array(labels.starts.astype(np.int32))
    boxes = pa.FixedSizeListArray.from_arrays(pa.array(labels.boxes.reshape(-1)), 4)
    table = pa.table(
        {
            "id": pa.array(np.arange(rows)),
            "boxes": pa.ListArray.from_arrays(starts, boxes),
            "categories": pa.ListArray.from_arrays(starts, pa.array(labels.classes)),
        }
    )
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
