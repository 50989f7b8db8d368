"""Label-only rows of the size of COCO: how fast they go in, what a query costs over plain DuckDB, what an edit costs.

    python bench/labels.py [--rows N] [--repeats N]

Times are of this process: CPU (user and system, all its threads) and wall. CPU is the figure to compare, because wall
time changes with whatever else the machine does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from coco_labels import CLASS_NAMES, ROWS, generate

import lakebed

CLASSES = ["car", "bus", "truck", "bicycle", "motorcycle", "traffic light", "stop sign"]
TQL = " union ".join(f"(select * where contains(categories, '{name}') limit 1000)" for name in CLASSES)
SQL = (
    " union ".join(
        f"(select i from labels where list_contains(categories, {CLASS_NAMES.index(name)}) limit 1000)"
        for name in CLASSES
    )
    + " order by i"
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Median seconds of some repeats."""

    cpu: float
    wall: float


def timed(call: Callable[[], object], repeats: int) -> Timing:
    """Median cost of a call, after one that is not counted."""
    call()
    cpu, wall = [], []
    for _ in range(repeats):
        start_cpu, start_wall = time.process_time(), time.perf_counter()
        call()
        cpu.append(time.process_time() - start_cpu)
        wall.append(time.perf_counter() - start_wall)
    return Timing(statistics.median(cpu), statistics.median(wall))


def create(path: str, rows: int, batch: int, *, names: bool = False) -> tuple[lakebed.Dataset, Timing]:
    """A committed dataset of generated rows, and what `extend` took for it, landing on disk included."""
    batches = list(generate(rows).rows(batch, names=names))
    ds = lakebed.empty(path, overwrite=True)
    start_cpu, start_wall = time.process_time(), time.perf_counter()
    with ds:
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("categories", htype="class_label", class_names=CLASS_NAMES)
        for samples in batches:
            ds.extend(samples)
    took = Timing(time.process_time() - start_cpu, time.perf_counter() - start_wall)
    ds.commit(f"{rows} rows")
    return ds, took


def bench_extend(folder: str, rows: int, batch: int) -> lakebed.Dataset:
    """Rows in with class numbers and with class names; the first small dataset pays for imports."""
    create(f"{folder}/warm", 1_000, batch)
    for names in (True, False):
        ds, took = create(f"{folder}/large", rows, batch, names=names)
        print(
            f"extend, {rows:,} rows by {batch:,}, labels as {'names' if names else 'numbers'}: "
            f"{rows / took.wall:,.0f} rows/s wall, {rows / took.cpu:,.0f} rows/s CPU"
        )
    return ds


def bench_query(ds: lakebed.Dataset, repeats: int) -> tuple[Timing, Timing]:
    """The seven-class query through Lakebed, and as DuckDB SQL written by hand over the same Arrow table."""
    table = ds.to_arrow(["categories"])
    numbered = table.append_column("i", pa.array(np.arange(table.num_rows)))
    connection = duckdb.connect()
    connection.register("labels", numbered)
    by_hand = connection.sql(SQL).to_arrow_table()["i"].to_numpy()
    found = np.asarray(ds.query(TQL).sample_indices)
    if not np.array_equal(by_hand, found):
        raise SystemExit(f"the two queries disagree: {len(by_hand)} rows by hand, {len(found)} rows by TQL")
    ours = timed(lambda: ds.query(TQL).sample_indices, repeats)
    return ours, timed(lambda: connection.sql(SQL).to_arrow_table()["i"].to_numpy(), repeats)


def bench_first_query(path: str, repeats: int) -> tuple[Timing, Timing]:
    """The same query as the first one on a dataset that was just opened; by hand, over a table that was just read."""

    def by_hand() -> None:
        table = lakebed.load(path).to_arrow(["categories"])
        connection = duckdb.connect()
        connection.register("labels", table.append_column("i", pa.array(np.arange(table.num_rows))))
        connection.sql(SQL).to_arrow_table()

    return timed(lambda: lakebed.load(path).query(TQL).sample_indices, repeats), timed(by_hand, repeats)


def bench_edit(ds: lakebed.Dataset, folder: Path, repeats: int) -> tuple[Timing, float]:
    """One label edited and committed; also the bytes written for one."""
    rng = np.random.default_rng(0)

    def edit() -> None:
        row = int(rng.integers(len(ds)))
        ds.categories[row] = ds.categories[row].numpy()[:0]
        ds.commit("one label")

    before = stored_bytes(folder)
    took = timed(edit, repeats)
    return took, (stored_bytes(folder) - before) / (repeats + 1)


def stored_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()

    print(f"{os.cpu_count()} cores, DuckDB {duckdb.__version__}, Lakebed {lakebed.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        ds = bench_extend(folder, options.rows, options.batch)
        ours, by_hand = bench_query(ds, options.repeats)
        print(
            f"seven-class query: {ours.wall * 1e3:.1f} ms wall, {ours.cpu * 1e3:.1f} ms CPU; by hand "
            f"{by_hand.wall * 1e3:.1f} and {by_hand.cpu * 1e3:.1f} ms: {ours.wall / by_hand.wall:.2f} times"
        )
        ours, by_hand = bench_first_query(f"{folder}/large", options.repeats)
        print(
            f"opened and asked once: {ours.wall * 1e3:.1f} ms wall, {ours.cpu * 1e3:.1f} ms CPU; by hand "
            f"{by_hand.wall * 1e3:.1f} and {by_hand.cpu * 1e3:.1f} ms"
        )
        small, _ = create(f"{folder}/small", 1_000, options.batch)
        for name, dataset in (("small", small), ("large", ds)):
            took, written = bench_edit(dataset, Path(folder) / name, options.repeats)
            print(
                f"edit and commit one of {len(dataset):,} rows: {took.cpu * 1e3:.2f} ms CPU, "
                f"{took.wall * 1e3:.2f} ms wall, {written:,.0f} bytes"
            )


if __name__ == "__main__":
    main()
