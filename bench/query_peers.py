"""One peer over the rows of `bench/query.py`; run by an interpreter that has it, and needs nothing of ours.

    PYTHON bench/query_peers.py lance|deeplake ROWS.arrow REPEATS '{"case": "question", ...}'

Prints one line of JSON: CPU milliseconds of each case, "refused" where the peer cannot answer it. Answers are not
looked at here.
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
            return lambda: dataset.sql(question).build().to_batch_records()
        return lambda: rows(question, None)

    return asker


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
    return lambda question: lambda: len(dataset.query(question))


def cpu_ms(ask: Callable[[], Any], repeats: int) -> str:
    try:
        ask()
    except Exception as error:  # whatever the peer raises, the other cases go on
        print(error, file=sys.stderr)
        return "refused"
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        ask()
        best = min(best, time.process_time() - start)
    return f"{best * 1000:.2f}"


def main() -> None:
    name, file, repeats, cases = sys.argv[1:]
    asker = {"lance": lance_asker, "deeplake": deeplake_asker}[name](Path(file))
    print(json.dumps({case: cpu_ms(asker(question), int(repeats)) for case, question in json.loads(cases).items()}))


if __name__ == "__main__":
    main()
