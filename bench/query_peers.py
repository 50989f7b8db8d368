"""One peer over the rows of `bench/query.py`; run by an interpreter that has it, and needs nothing of ours.

    PYTHON bench/query_peers.py lance|deeplake ROWS.arrow REPEATS '{"case": "question", ...}'

Prints one line of JSON: for each case CPU milliseconds and the number of rows found (or, of a count, the count);
null where the peer cannot answer it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def lance_asker(file: Path) -> Callable[[Any], Callable[[], Any]]:
    import lance  # in the peer's environment
    import pyarrow as pa

    path = file.with_suffix(".lance")
    if not path.exists():
        with pa.memory_map(str(file)) as source:
            lance.write_dataset(pa.ipc.open_file(source).read_all(), str(path))
    dataset = lance.dataset(str(path))

    def rows(condition: str, limit: int | None) -> list[int]:
        found = dataset.scanner(columns=[], filter=condition, limit=limit, with_row_id=True).to_table()
        ids: list[int] = found.column("_rowid").to_pylist() if limit else found.column("_rowid").to_numpy()
        return ids

    def asker(question: Any) -> Callable[[], Any]:
        if isinstance(question, list):
            return lambda: sorted({row for condition in question for row in rows(condition, 1000)})
        if question.startswith("SELECT"):
            return lambda: answered(dataset.sql(question).build().to_batch_records())
        return lambda: rows(question, None)

    return asker


def answered(batches: list[Any]) -> Any:
    """The rows of a SQL result; of a count, as many as it says."""
    if batches and batches[0].num_columns == 1 and batches[0].schema.names[0].startswith("count("):
        return range(batches[0].column(0)[0].as_py())
    return range(sum(batch.num_rows for batch in batches))


def deeplake_asker(file: Path) -> Callable[[Any], Callable[[], Any]]:
    import deeplake  # in the peer's environment
    import numpy as np
    import pyarrow as pa

    path = file.with_suffix(".deeplake")
    if not path.exists():
        made = deeplake.create(f"file://{path}")
        types = deeplake.types
        made.add_column("boxes", types.BoundingBox(dtype="float32", format="ltwh", bbox_type="pixel"))
        made.add_column("categories", types.ClassLabel(types.Array("uint32", 1)))
        made.add_column("number", types.Int64())
        made.add_column("score", types.Float32())
        made.add_column("vector", types.Embedding(32, dtype="float32"))
        with pa.memory_map(str(file)) as source:
            table = pa.ipc.open_file(source).read_all()
        for start in range(0, table.num_rows, 10_000):
            part = table.slice(start, 10_000)
            made.append(
                {
                    "boxes": [np.array(cell, np.float32).reshape(-1, 4) for cell in part["boxes"].to_pylist()],
                    "categories": [np.array(cell, np.uint32) for cell in part["categories"].to_pylist()],
                    "number": part["number"].to_numpy(),
                    "score": part["score"].to_numpy(),
                    "vector": np.array(part["vector"].to_pylist(), np.float32),
                }
            )
        made.commit("rows")
    dataset = deeplake.open_read_only(f"file://{path}")
    return lambda question: lambda: dataset.query(question)


def timed(ask: Callable[[], Any], repeats: int) -> tuple[float, int] | None:
    try:
        size = len(ask())
    except Exception as error:  # whatever the peer raises, the other cases go on
        print(f"refused: {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        ask()
        best = min(best, time.process_time() - start)
    return best * 1000, size


def main() -> None:
    name, file, repeats, cases = sys.argv[1:]
    asker = {"lance": lance_asker, "deeplake": deeplake_asker}[name](Path(file))
    print(json.dumps({case: timed(asker(question), int(repeats)) for case, question in json.loads(cases).items()}))


if __name__ == "__main__":
    main()
