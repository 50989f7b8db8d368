"""What the nodes of a Ray cluster import in tests: work that leaves marks of where it was done."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from lakebed.storage.source import Failures

from loader_source import Ints, MemorySource


def leave_mark(folder: str, number: int) -> None:
    """Leave in a folder a mark of the Ray node where this runs."""
    import ray

    (Path(folder) / f"{number}-{ray.get_runtime_context().get_node_id()}-{time.monotonic_ns()}").touch()


class MarkingSource(MemorySource):
    """Rows that take their time, and leave a mark of the Ray node where their labels are read."""

    marks: str
    driver: int

    def cells(self, tensor: str, rows: Sequence[int] | Ints, failed: Failures | None = None) -> dict[str, pa.Array]:
        if tensor == "categories" and os.getpid() != self.driver:
            leave_mark(self.marks, int(np.asarray(rows)[0]))
            time.sleep(0.1)
        return super().cells(tensor, rows, failed)


def marking_source(like: MemorySource, marks: Path) -> MarkingSource:
    """A `MarkingSource` of the same rows; this process leaves no marks."""
    made = MarkingSource.__new__(MarkingSource)
    made.__dict__.update(like.__dict__, marks=str(marks), driver=os.getpid())
    return made
