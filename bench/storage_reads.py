"""Reading after 1,000 commits of one row each, beside the same dataset after one: `python bench/storage.py --reads`.

Every figure is CPU time of the first use of a dataset that was opened just now, the least of several rounds in which
all datasets have their turn; in brackets the ratio to the dataset of one commit.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lakebed.storage.repository import Repository
from lakebed.storage.snapshot import Snapshot
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.workspace import Workspace
from storage_data import COMMITTED, NoLinks, make

import lakebed

ROUNDS = 7
CLASSES = ("person", "bicycle", "car", "motorcycle", "bus", "truck", "traffic light")
SEVEN = " UNION ".join(f"(SELECT * WHERE contains(categories, '{name}') LIMIT 1000)" for name in CLASSES)


def print_reads(sizes: Sequence[int], folder: Path | None) -> None:
    """Make the datasets of each size, use them in turn, and print a table."""
    for rows in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            paths = make(Path(place), rows, COMMITTED)
            print(f"\n| {rows:,} rows, CPU ms | " + " | ".join(paths) + " |")
            print("|---" + "|--:" * len(paths) + "|")
            for use, act in USES.items():
                print(f"| {use} | " + " | ".join(in_turn(act, list(paths.values()))) + " |", flush=True)


def in_turn(act: Callable[[Path], float], paths: Sequence[Path]) -> list[str]:
    best = [float("inf")] * len(paths)
    for _ in range(ROUNDS):
        for number, path in enumerate(paths):
            gc.collect()
            best[number] = min(best[number], act(path))
    return [f"{seconds * 1e3:.3g} ({seconds / best[0]:.2f})" for seconds in best]


def cpu(act: Callable[[], Any]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def opened(path: Path) -> Snapshot:
    return Workspace(Repository.open(LocalStore(path), NoLinks())).snapshot()


def first_read(*columns: str) -> Callable[[Path], float]:
    return lambda path: cpu(lambda: opened(path).table(columns))


def second_read(*columns: str) -> Callable[[Path], float]:
    def act(path: Path) -> float:
        snapshot = opened(path)
        snapshot.table(columns)
        return cpu(lambda: snapshot.table(columns))

    return act


def used(column: str) -> Callable[[Path], float]:
    """Opening, reading, and looking at every number once."""

    def act(path: Path) -> float:
        return cpu(lambda: sum(flat(chunk).sum() for chunk in opened(path).table([column]).column(0).chunks))

    return act


def flat(cells: Any) -> Any:
    while hasattr(cells, "flatten") and cells.type.num_fields:
        cells = cells.flatten()
    return cells.to_numpy(zero_copy_only=False)


def every_second(column: str) -> Callable[[Path], float]:
    def act(path: Path) -> float:
        return cpu(lambda: (found := opened(path)).stored(column, np.arange(0, len(found), 2)))

    return act


def query(text: str) -> Callable[[Path], float]:
    return lambda path: cpu(lambda: len(lakebed.load(path, read_only=True).query(text)))


USES: dict[str, Callable[[Path], float]] = {
    "first read of boxes and labels": first_read("boxes", "categories"),
    "second read of boxes and labels": second_read("boxes", "categories"),
    "first read of a number": first_read("number"),
    "first read of text": first_read("caption"),
    "first read and sum of all labels": used("categories"),
    "first read and sum of all boxes": used("boxes"),
    "every second row of boxes": every_second("boxes"),
    "first seven-class query": query(SEVEN),
    "first query of a number": query("SELECT * WHERE number > 5000"),
    "first query of boxes": query("SELECT * WHERE ANY(boxes[:,2] > 300)"),
    "first query of text": query("SELECT * WHERE caption LIKE '%99%'"),
}
