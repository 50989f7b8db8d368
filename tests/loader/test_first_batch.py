"""What a process pays for its first batch: nothing is imported that reading and decoding do not need."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import lakebed

READ = """
import sys
import lakebed
ds = lakebed.load(sys.argv[1], read_only=True)
for name in ds.tensors:
    ds[name][1].numpy(), ds[name][2].data(), ds[name].numpy(aslist=True)
for rows in (ds, ds.load_view("saved"), ds.load_view("copied")):
    next(iter(rows.pytorch(batch_size=2, shuffle=True, num_workers=0)))
print(*sorted({"pandas", "duckdb"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Tensors of several htypes, a saved view and a copied one."""
    found = str(tmp_path_factory.mktemp("first") / "ds")
    ds = lakebed.empty(found)
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="jpg")
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("labels", htype="class_label", class_names=["a", "b"])
        ds.create_tensor("note", htype="text")
        ds.create_tensor("facts", htype="json")
        ds.create_tensor("vector", htype="embedding")
        for n in range(6):
            row: dict[str, Any] = {
                "images": np.full((16, 24, 3), n, np.uint8),
                "boxes": np.ones((n % 3, 4), np.float32),
            }
            row |= {"labels": [n % 2] * (n % 3), "note": "n", "facts": {"n": n}, "vector": np.ones(4, np.float32)}
            ds.append(row)
    ds.commit("rows")
    ds[:].save_view(id="copied", optimize=True)
    ds[1:4].save_view(id="saved")
    return found


def test_reading_imports_neither_pandas_nor_duckdb(path: str) -> None:
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", READ, path], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == []
