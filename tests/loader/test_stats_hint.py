"""What a loader says about itself, and the arguments it takes from old scripts."""

from __future__ import annotations

from typing import Any

import numpy as np
from lakebed.loader import make_loader

from loader_source import MemorySource, coco_like, spec


def rows_of(loader: Any) -> list[int]:
    return [int(row) for batch in loader for row in np.asarray(batch["index"]).reshape(-1)]


def test_stats_say_what_would_load_faster() -> None:
    linked = make_loader(coco_like(3))
    list(linked)
    assert "optimize=True" in linked.stats()["hint"]
    assert linked.stats()["megabytes_per_s"] > 0
    labels = MemorySource([spec("labels", "class_label")], {"labels": [1, 2, 3]})
    assert make_loader(labels).stats()["hint"] == ""


def test_arguments_of_old_scripts_are_taken() -> None:
    loader = make_loader(coco_like(3), buffer_size=2048, use_local_cache=True, cache_size=32, progressbar=True)
    assert rows_of(loader) == [0, 1, 2]
