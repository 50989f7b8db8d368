"""Saving and loading views of 100,000 rows with links and labels: CPU and wall seconds.

python bench/views.py --rows 100000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import lakebed

QUERIES = {
    "all rows": "select *",
    "chosen rows": "select * where not contains(categories, 'c1')",
    "rows in random order": "select * order by random()",
}


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def make(folder: Path, rows: int) -> lakebed.Dataset:
    rng = np.random.default_rng(0)
    ds = lakebed.empty(str(folder))
    unread: dict[str, Any] = {"verify": False, "create_shape_tensor": False, "create_sample_info_tensor": False}
    with ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="jpg", **unread)
        ds.create_tensor("categories", htype="class_label", class_names=[f"c{i}" for i in range(80)])
        samples: dict[str, list[Any]] = {
            "images": [lakebed.link(f"/photos/{i:07d}.jpg") for i in range(rows)],
            "categories": [rng.integers(0, 80, rng.integers(1, 8)).astype(np.uint32) for _ in range(rows)],
        }
        ds.extend(samples)
    ds.commit("rows")
    return ds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ds = make(Path(folder) / "data", chosen.rows)
        print("| view | rows | save CPU s (wall) | load CPU s (wall) |\n|---|--:|--:|--:|")
        for number, (name, query) in enumerate(QUERIES.items()):
            view = ds.query(query)
            _, cpu, wall = timed(partial(view.save_view, id=f"v{number}"))
            again = lakebed.load(str(Path(folder) / "data"), read_only=True)
            loaded, load_cpu, load_wall = timed(partial(again.load_view, f"v{number}"))
            print(f"| {name} | {len(loaded)} | {cpu:.3f} ({wall:.3f}) | {load_cpu:.3f} ({load_wall:.3f}) |")


if __name__ == "__main__":
    main()
