"""Another engine, told to edit rows one by one; run by an interpreter that has it, and needs nothing of ours.

    PYTHON bench/storage_peers.py lance|deeplake ROWS.arrow

Reads a row number a line, edits the labels of that row, commits, and prints CPU seconds, wall seconds and the bytes of
the files that are new or changed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Edit = Callable[[int], None]


def lance_editor(file: Path, folder: Path) -> Edit:
    import lance  # in the peer's environment

    lance.write_dataset(read(file), str(folder))
    held = [lance.dataset(str(folder))]
    held[0].create_scalar_index("id", "BTREE")

    def edit(row: int) -> None:
        held[0].update({"categories": "arrow_cast([16, 15], 'List(UInt32)')"}, where=f"id = {row}")

    return edit


def deeplake_editor(file: Path, folder: Path) -> Edit:
    import deeplake  # in the peer's environment
    import numpy as np

    made = deeplake.create(f"file://{folder}")
    types = deeplake.types
    made.add_column("boxes", types.BoundingBox(dtype="float32", format="ltwh", bbox_type="pixel"))
    made.add_column("categories", types.ClassLabel(types.Array("uint32", 1)))
    table = read(file)
    for start in range(0, table.num_rows, 10_000):
        part = table.slice(start, 10_000)
        boxes = [np.array(cell, np.float32).reshape(-1, 4) for cell in part["boxes"].to_pylist()]
        made.append({"boxes": boxes, "categories": [np.array(c, np.uint32) for c in part["categories"].to_pylist()]})
    made.commit("rows")

    def edit(row: int) -> None:
        made["categories"][row] = np.array([16, 15], np.uint32)
        made.commit("edit")

    return edit


def read(file: Path) -> Any:
    import pyarrow as pa

    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_file(source).read_all()


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in found}


def main() -> None:
    name, file = sys.argv[1], Path(sys.argv[2])
    folder = file.with_suffix(f".{name}")
    edit = {"lance": lance_editor, "deeplake": deeplake_editor}[name](file, folder)
    for line in sys.stdin:
        before, wall, cpu = files(folder), time.perf_counter(), time.process_time()
        edit(int(line))
        spent = time.process_time() - cpu, time.perf_counter() - wall
        written = sum(size for path, (size, at) in files(folder).items() if before.get(path) != (size, at))
        print(json.dumps([*spent, written]), flush=True)


if __name__ == "__main__":
    main()
