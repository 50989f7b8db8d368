"""An edit and its commit in wide datasets: `python bench/storage.py --width`: many tensors, then many branches.

CPU times are medians; the sizes have their turn again and again, so that other load on the machine hits all alike.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from lakebed.storage.htypes import new_spec
from lakebed.storage.repository import Repository
from lakebed.storage.workspace import Workspace
from storage_data import CountingStore, NoLinks

ROWS = 5_000
TURNS = 40
WIDTHS = (5, 50, 500)


def print_widths(folder: Path | None) -> None:
    """Two tables: by tensors, by branches."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        _print("tensors", [numbers(Path(place) / f"{width} tensors", width) for width in WIDTHS])
        branched = [numbers(Path(place) / f"{width} branches", 5) for width in WIDTHS]
        for (ws, _), width in zip(branched, WIDTHS, strict=True):
            branch_off(ws, width)
        _print("branches", branched)


def _print(what: str, datasets: Sequence[tuple[Workspace, CountingStore]]) -> None:
    spent: list[list[tuple[float, int]]] = [[] for _ in datasets]
    for turn in range(TURNS + 1):
        for number, (ws, store) in enumerate(datasets):
            measured = edited(ws, store, turn * 37 % ROWS)
            if turn:  # the first one reads what later ones have at hand
                spent[number].append(measured)
    print(
        f"| an edit of one number of {ROWS:,} rows and its commit | " + " | ".join(f"{w} {what}" for w in WIDTHS) + " |"
    )
    print("|---" + "|--:" * len(datasets) + "|")
    for name, pick in SHOWN.items():
        print(f"| {name} | " + " | ".join(pick(measured) for measured in spent) + " |")


SHOWN: dict[str, Callable[[list[tuple[float, int]]], str]] = {
    "CPU ms, median": lambda spent: f"{statistics.median(cpu for cpu, _ in spent) * 1e3:.3g}",
    "bytes written, median": lambda spent: f"{statistics.median(written for _, written in spent):,.0f}",
}


def numbers(path: Path, tensors: int) -> tuple[Workspace, CountingStore]:
    """A dataset of numbers."""
    store = CountingStore(path, create=True)
    ws = Workspace(Repository.create(store, NoLinks()))
    ws.begin()
    for number in range(tensors):
        spec, info = new_spec(f"n{number}", f"n{number}", "generic", dtype="int64")
        ws.create_tensor(spec, info)
    ws.extend({f"n{number}": list(range(ROWS)) for number in range(tensors)}, ROWS)
    ws.end()
    ws.commit("rows")
    return ws, store


def branch_off(ws: Workspace, branches: int) -> None:
    """Branches of a commit each."""
    for number in range(branches):
        ws.checkout(f"branch-{number}", create=True)
        ws.update([number], {"n0": [7]})
        ws.commit("one row")
        ws.checkout("main")


def edited(ws: Workspace, store: CountingStore, row: int) -> tuple[float, int]:
    """CPU seconds and bytes written."""
    store.written, start = 0, time.process_time()
    ws.update([row], {"n3": [np.int64(row)]})
    ws.commit("edit")
    return time.process_time() - start, store.written
