"""The example of a parallel ingest runs, and gives the same rows for every scheduler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lakebed
from sources import ROOT


@pytest.mark.slow
def test_the_example_makes_the_same_dataset_with_threads_and_with_processes(tmp_path: Path) -> None:
    for scheduler in ("threaded", "processes"):
        words = ["examples/parallel_ingest.py", "--dest", str(tmp_path / scheduler), "--scheduler", scheduler]
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.stdout.startswith("56 rows, "), done.stderr
    one, two = (lakebed.load(str(tmp_path / name)) for name in ("threaded", "processes"))
    assert list(one.categories.info.class_names) == list(two.categories.info.class_names)
    assert one.images.path() == two.images.path()
    for row in range(len(one)):
        assert one.previews[row].tobytes() == two.previews[row].tobytes()
        assert max(one.previews[row].shape) == 128
        assert np.array_equal(one.boxes[row].numpy(), two.boxes[row].numpy())
