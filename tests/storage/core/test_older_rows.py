"""Rows older than a tensor, or than the first sample that fixed its type, read as empty ones whatever comes later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lakebed.storage.verify import verify

import lakebed

SAMPLES: dict[str, Any] = {
    "generic": [[1.5, 2], [3, 4]],
    "point": np.zeros((1, 2), np.int32),
    "polygon": [np.zeros((3, 2), np.float32)],
    "keypoints_coco": np.zeros((6, 1), np.int32),
    "bbox": np.zeros((2, 4), np.float32),
    "bbox.3d": np.zeros((2, 9), np.float32),
    "embedding": [1.0, 2.0],
    "class_label": ["car"],
    "text": "a",
    "json": {"a": 1},
    "list": [1],
    "tag": ["a"],
    "image": np.zeros((2, 2, 3), np.uint8),
    "binary_mask": np.zeros((2, 2, 1), bool),
    "sequence[generic]": [[1, 2], [3, 4]],
    "sequence[point]": [np.zeros((1, 2), np.int32)],
    "sequence[image]": [np.zeros((2, 2, 3), np.uint8)],
    "sequence[text]": ["a", "b"],
}
"""A sample of each kind of htype."""


@pytest.mark.parametrize("how", ["edited", "appended"])
@pytest.mark.parametrize("htype", SAMPLES)
def test_older_rows_read_as_empty_samples(htype: str, how: str) -> None:
    ds, given = lakebed.empty(f"mem://older-{htype}-{how}", overwrite=True), SAMPLES[htype]
    ds.create_tensor("number", htype="generic")
    ds.extend({"number": [0, 1]})
    ds.commit("older than the tensor")
    ds.create_tensor("made", htype=htype, sample_compression="png" if "image" in htype else None)
    ds.append({"number": 2, "made": None})
    ds.commit("nothing that fixes a type")
    if how == "edited":
        ds.made[1] = given
    else:
        ds.append({"number": 3, "made": given})
    ds.commit("a first sample")
    ds.append({"number": 4, "made": given})
    ds.commit("one more, folded with those before")
    full = [1, 3] if how == "edited" else [3, 4]
    fresh = lakebed.load(ds.path)
    for row, found in enumerate(fresh):
        sample = found.made.numpy(aslist=True) if "sequence" in htype else found.made.numpy()
        wanted = ds.made[full[0]].numpy(aslist="sequence" in htype)
        if row in full:
            assert np.array_equal(np.asarray(sample, object), np.asarray(wanted, object))
        elif htype not in {"text", "json", "list", "tag"}:  # of which the empty sample may be an element
            assert np.size(sample) == 0 == np.prod(found.made.shape)
    assert len(fresh.query("SELECT * WHERE number >= 0")) == len(fresh)
    report = verify(fresh._ws.repository, "deep")
    assert report.ok, str(report)
