"""What the storage engine costs: small commits at three sizes, appends, opening, reading, memory.

    python bench/storage.py                 # 1,000, 118,287 and 1,000,000 label rows, each in a process of its own
    python bench/storage.py --rows 1000     # one size, as JSON
    python bench/storage.py --edits         # small commits alone, the three sizes in turn, so that load hits all alike
    python bench/storage.py --edits --lance PYTHON --deeplake PYTHON    # beside these, each with its own interpreter
    python bench/storage.py --reads         # reading after 1,000 commits, in turn with reading after one
    python bench/storage.py --width         # a small commit among many tensors, and among many branches

Times are CPU time of the process (user and system), which other load on the machine disturbs little; disk waits are in
the wall times beside them. Rows are COCO-like labels: a link, boxes and classes (see `coco_labels`).
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from coco_labels import CLASS_NAMES, ROWS, generate
from lakebed.storage.htypes import new_spec
from lakebed.storage.repository import Repository
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.workspace import Workspace
from storage_data import COMMITS, CountingStore, NoLinks
from storage_edits import print_edits
from storage_reads import print_reads
from storage_width import print_widths

SIZES = (1_000, ROWS, 1_000_000)
BATCH = 50_000
EDITS = 200
UNSEEN = {"verify": False, "create_shape_tensor": False, "create_sample_info_tensor": False}
"""Options with which links are stored without looking at them."""
TENSORS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("images", "link[image]", {"sample_compression": "jpeg", **UNSEEN}),
    ("boxes", "bbox", {"coords": {"type": "pixel", "mode": "LTWH"}}),
    ("categories", "class_label", {"class_names": CLASS_NAMES}),
)


def main() -> None:
    """Run all sizes and print a table, or one size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--edits", action="store_true")
    parser.add_argument("--reads", action="store_true")
    parser.add_argument("--width", action="store_true")
    parser.add_argument("--lance", type=Path, metavar="PYTHON", help="with --edits: an interpreter that has pylance")
    parser.add_argument("--deeplake", type=Path, metavar="PYTHON", help="with --edits: one that has deeplake 4")
    parser.add_argument("--use", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where to put the datasets (default: the temporary folder)")
    arguments = parser.parse_args()
    if arguments.reads:
        print_reads([arguments.rows] if arguments.rows else SIZES, arguments.folder)
        return
    if arguments.width:
        print_widths(arguments.folder)
        return
    if arguments.edits:
        peers = {"lance": arguments.lance, "deeplake": arguments.deeplake}
        sizes = [arguments.rows] if arguments.rows else SIZES
        print_edits(sizes, {name: path for name, path in peers.items() if path}, arguments.folder)
        return
    if arguments.rows:
        done = use(arguments.rows, arguments.use) if arguments.use else measure(arguments.rows, arguments.folder)
        print(json.dumps(done))
        return
    results = [_in_a_process(rows, arguments.folder) for rows in SIZES]
    print("| | " + " | ".join(f"{result['rows']:,} rows" for result in results) + " |")
    print("|---" * (len(results) + 1) + "|")
    for name in results[0]:
        if name != "rows":
            print(f"| {name} | " + " | ".join(_shown(result[name]) for result in results) + " |")


def _in_a_process(rows: int, folder: Path | None) -> dict[str, float]:
    return _answer("--rows", str(rows), *(["--folder", str(folder)] if folder else []))


def _answer(*arguments: str) -> dict[str, float]:
    """What this program prints in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def measure(rows: int, folder: Path | None = None) -> dict[str, float]:
    """All figures for one size. Ingest and use are processes of their own, which do nothing else before, for the sake
    of the memory figures."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        result: dict[str, float] = {"rows": rows}
        ws = Workspace(Repository.create(CountingStore(Path(place) / "ds", create=True), NoLinks()))
        result["append, rows per CPU second"] = rows / _fill(ws, rows)
        result["memory of appending, at most, MB"] = _peak_mb()
        return result | _answer("--rows", str(rows), "--use", place)


def use(rows: int, place: Path) -> dict[str, float]:
    """Open a dataset that another process made, edit it, read it."""
    store = CountingStore(place / "ds")
    result = _opening(store)
    ws = Workspace(Repository.open(store, NoLinks()))
    result |= _edits(ws, store, rows)
    for row in np.random.default_rng(2).integers(0, rows, COMMITS).tolist():
        _edit(ws, row)
    ws.snapshot().table(["boxes", "categories"])
    result["memory of opening, editing and reading, at most, MB"] = _peak_mb()
    result["of that not pages of mapped files, now, MB"] = _own_mb()
    return result


def _fill(ws: Workspace, rows: int) -> float:
    """Make the tensors and append the rows in one transaction; returns the CPU seconds of appending and committing."""
    ws.begin()
    for name, htype, options in TENSORS:
        spec, info = new_spec(name, name, htype, **options)
        ws.create_tensor(spec, info)
    spent = 0.0
    for start in range(0, rows, BATCH):
        for batch in generate(min(BATCH, rows - start), seed=start).rows(BATCH):
            spent += _cpu(lambda given=batch: ws.extend(given, len(given["boxes"])))  # type: ignore[misc]

    def land() -> None:
        ws.end()
        ws.commit("labels")

    return spent + _cpu(land)


def _edit(ws: Workspace, row: int) -> None:
    ws.update([row], {"boxes": [np.ones((2, 4), np.float32)], "categories": [["dog", "cat"]]})
    ws.commit("edit")


def _edits(ws: Workspace, store: CountingStore, rows: int) -> dict[str, float]:
    """One edited row a commit, all over the dataset, as a reviewer works."""
    places = np.random.default_rng(1).integers(0, rows, EDITS + 1).tolist()
    _edit(ws, places.pop())
    cpu, wall, written = [], [], []
    for place in places:
        store.written, start = 0, time.perf_counter()
        cpu.append(_cpu(lambda at=place: _edit(ws, at)))  # type: ignore[misc]
        wall.append(time.perf_counter() - start)
        written.append(store.written)
    return {
        "edit a row and commit, CPU ms (median)": statistics.median(cpu) * 1e3,
        "edit a row and commit, wall ms (median)": statistics.median(wall) * 1e3,
        "edit a row and commit, bytes written (median)": statistics.median(written),
        "edit a row and commit, bytes written (mean, with folding)": statistics.mean(written),
    }


def _opening(store: LocalStore) -> dict[str, float]:
    def open_it() -> None:
        ws = Workspace(Repository.open(store, NoLinks()))
        assert len(ws.snapshot())

    def read_labels() -> None:
        Workspace(Repository.open(store, NoLinks())).snapshot().table(["categories"])

    open_it()
    return {
        "open, CPU ms": min(_cpu(open_it) for _ in range(5)) * 1e3,
        "open and map all labels, CPU ms": min(_cpu(read_labels) for _ in range(5)) * 1e3,
    }


def _cpu(act: Callable[[], None]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def _own_mb() -> float:
    """Memory that is not pages of mapped files, which the system takes back when it needs them; Linux only."""
    return _status_mb("RssAnon")


def _peak_mb() -> float:
    """The most memory this process had at once, pages of mapped files included."""
    peak = _status_mb("VmHWM")  # getrusage counts on Linux what the parent had before this program was started
    if not math.isnan(peak):
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _status_mb(name: str) -> float:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), float("nan"))


if __name__ == "__main__":
    main()
