"""Queries over labels and boxes beside hand-written DuckDB SQL and NumPy over the same Arrow tables.

    python bench/query.py [--rows 118287 1000000] [--repeats 7]

CPU milliseconds (user and system, all threads), the least of the repeats after one warm run: derived arrays are kept
with a snapshot, and a second query finds them. Every answer is compared with the hand-written one's before it is timed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from coco_labels import CLASS_NAMES, generate
from lakebed.storage.schema import Schema, TensorSpec

from lakebed import engine

FRAGMENT = 131_072
Rows = np.ndarray[Any, np.dtype[np.int64]]


class ArrowSource:
    """Labels, boxes and two scalars in memory, in chunks as fragments have them."""

    def __init__(self, rows: int) -> None:
        labels = generate(rows)
        offsets = pa.array(labels.starts.astype(np.int32))
        boxes = pa.FixedSizeListArray.from_arrays(pa.array(labels.boxes.ravel()), 4)
        whole = pa.table(
            {
                "categories": pa.ListArray.from_arrays(offsets, pa.array(labels.classes)),
                "boxes": pa.ListArray.from_arrays(offsets, boxes),
                "number": pa.array(np.arange(rows) % 1000),
                "score": pa.array(np.random.default_rng(1).random(rows, dtype=np.float32)),
            }
        )
        self._table = pa.concat_tables([whole.slice(i, FRAGMENT) for i in range(0, rows, FRAGMENT)])
        self.labels = labels
        self._schema = Schema(
            (
                TensorSpec("categories", "categories", "class_label", dtype="uint32", ndim=1),
                TensorSpec("boxes", "boxes", "bbox", dtype="float32", ndim=2),
                TensorSpec("number", "number", dtype="int64", ndim=0),
                TensorSpec("score", "score", dtype="float32", ndim=0),
            )
        )

    @property
    def schema(self) -> Schema:
        return self._schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        return {"class_names": CLASS_NAMES} if tensor == "categories" else {}

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def row_ids(self) -> Rows:
        return np.arange(len(self), dtype=np.int64)

    def table(self, columns: Sequence[str], rows: Any = None) -> pa.Table:
        found = self._table.select(list(columns))
        return found if rows is None else found.take(pa.array(rows))

    def cells(self, tensor: str, rows: Any) -> dict[str, pa.Array]:
        raise NotImplementedError("the queries here read no cells")

    def read(self, tensor: str, rows: Any) -> list[Any]:
        raise NotImplementedError("the queries here read no samples")


@dataclass(frozen=True)
class Case:
    """One question: in TQL, in SQL over the tables ``rows`` and ``elements``, and of NumPy where that is natural."""

    name: str
    tql: str
    sql: str
    by_numpy: Callable[[ArrowSource], Rows] | None = None


def code(name: str) -> int:
    return CLASS_NAMES.index(name)


SEVEN = ["car", "bus", "truck", "bicycle", "motorcycle", "traffic light", "stop sign"]


def rows_with(source: ArrowSource, hits: Any, limit: int | None = None) -> Rows:
    """The rows of elements, found in the offsets."""
    found = np.unique(np.searchsorted(source.labels.starts, np.flatnonzero(hits), side="right") - 1)
    return found[:limit]


def seven_by_numpy(source: ArrowSource) -> Rows:
    parts = [rows_with(source, source.labels.classes == code(name), 1000) for name in SEVEN]
    return np.unique(np.concatenate(parts))


CASES = (
    Case(
        "seven classes, each limit 1000",
        " union ".join(f"(select * where contains(categories, '{name}') limit 1000)" for name in SEVEN),
        " union ".join(
            f"(select i from rows where list_contains(categories, {code(name)}) limit 1000)" for name in SEVEN
        )
        + " order by i",
        seven_by_numpy,
    ),
    Case(
        "a rare class",
        "select * where contains(categories, 'toaster')",
        f"select i from rows where list_contains(categories, {code('toaster')})",
        lambda source: rows_with(source, source.labels.classes == code("toaster")),
    ),
    Case(
        "the most frequent class",
        "select * where contains(categories, 'person')",
        f"select i from rows where list_contains(categories, {code('person')})",
        lambda source: rows_with(source, source.labels.classes == code("person")),
    ),
    Case(
        "all labels of one class",
        "select * where categories = 'person'",
        "select i from rows where len(categories) > 0 and i not in "
        f"(select i from elements where label <> {code('person')}) order by i",
    ),
    Case(
        "any box wider than 300",
        "select * where any(boxes[:, 2] > 300)",
        "select distinct i from elements where w > 300 order by i",
        lambda source: rows_with(source, source.labels.boxes[:, 2] > 300),
    ),
    Case(
        "any motorcycle wider than 300",
        "select * where any(boxes[:, 2] > 300 and categories = 'motorcycle')",
        f"select distinct i from elements where w > 300 and label = {code('motorcycle')} order by i",
        lambda source: rows_with(
            source, (source.labels.boxes[:, 2] > 300) & (source.labels.classes == code("motorcycle"))
        ),
    ),
    Case(
        "no box narrower than 10",
        "select * where all(boxes[:, 2] >= 10)",
        "select i from rows where i not in (select i from elements where w < 10) order by i",
    ),
    Case(
        "a class and a scalar",
        "select * where contains(categories, 'car') and number > 500",
        f"select i from rows where list_contains(categories, {code('car')}) and number > 500",
    ),
    Case("a scalar", "select * where number = 5", "select i from rows where number = 5"),
    Case(
        "best ten by score",
        "select * order by score desc limit 10",
        "select i from rows order by score desc, i limit 10",
    ),
    Case(
        "best ten of a class",
        "select * where contains(categories, 'car') order by score desc limit 10",
        f"select i from rows where list_contains(categories, {code('car')}) order by score desc, i limit 10",
    ),
    Case("one row by number", "select * where row_number() = 50000", "select i from rows where i = 50000"),
    Case(
        "a range of rows",
        "select * where row_number() between 100 and 199",
        "select i from rows where i between 100 and 199",
    ),
)  # fmt: skip


def cpu_ms(ask: Callable[[], Any], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        ask()
        best = min(best, time.process_time() - start)
    return best * 1000


def by_hand(source: ArrowSource) -> duckdb.DuckDBPyConnection:
    """DuckDB with the rows and, one line for each, the elements."""
    connection = duckdb.connect(config={"threads": 4})
    size = len(source)
    index = np.arange(size)
    rows = source.table(["categories", "number", "score"]).append_column("i", pa.array(index))
    labels = source.labels
    owners = np.repeat(np.arange(size, dtype=np.int32), np.diff(labels.starts))
    width = np.ascontiguousarray(labels.boxes[:, 2])
    connection.register("rows", rows)
    connection.register("elements", pa.table({"i": owners, "label": labels.classes, "w": width}))
    return connection


def compare(rows: int, repeats: int) -> None:
    source = ArrowSource(rows)
    connection = by_hand(source)
    print(f"\n{rows} rows, {len(source.labels.classes)} labels and boxes; CPU ms")
    print(f"{'':34}{'lakebed':>9}{'SQL':>9}{'NumPy':>9}{'ratio':>8}{'hits':>9}")
    for case in CASES:
        ours = engine.run(source, case.tql).rows
        assert ours is not None
        theirs = connection.sql(case.sql).to_arrow_table().column(0).to_numpy()
        assert np.array_equal(ours, theirs), f"{case.name}: the answers differ"
        mine = cpu_ms(lambda case=case: engine.run(source, case.tql), repeats)  # type: ignore[misc]  # bound for the loop
        sql = cpu_ms(lambda case=case: connection.sql(case.sql).to_arrow_table(), repeats)  # type: ignore[misc]
        best, shown = sql, "-"
        if case.by_numpy is not None:
            assert np.array_equal(case.by_numpy(source), ours), f"{case.name}: NumPy's answer differs"
            plain = cpu_ms(lambda case=case: case.by_numpy(source), repeats)  # type: ignore[misc]
            best, shown = min(sql, plain), f"{plain:.2f}"
        print(f"{case.name:34}{mine:9.2f}{sql:9.2f}{shown:>9}{mine / best:8.2f}{len(ours):9}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[118_287, 1_000_000])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    for rows in options.rows:
        compare(rows, options.repeats)


if __name__ == "__main__":
    main()
