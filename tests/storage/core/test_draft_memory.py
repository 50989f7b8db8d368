"""Memory of a transaction stays bounded whatever its samples are made of."""

from __future__ import annotations

import numpy as np
from lakebed.storage.draft import SEAL_BYTES, Draft
from lakebed.storage.htypes import new_spec
from lakebed.storage.htypes.base import Payload
from lakebed.storage.links.reader import UrlReader
from lakebed.storage.packing import weight
from lakebed.storage.repository import Repository
from lakebed.storage.stores import open_store
from lakebed.storage.workspace import Workspace


def test_samples_of_every_kind_have_weight() -> None:
    assert weight([Payload(b"x" * 100, (1,))] * 7) == 700
    assert weight([np.zeros((4, 4), np.float32)] * 500) == 500 * 64
    assert weight(["ab", "cdef"]) == 6
    assert weight([[Payload(b"xy", (1,))] * 3]) == 6
    assert weight([]) == 0


def test_big_arrays_are_written_out_before_they_fill_the_memory() -> None:
    ws = Workspace(Repository.create(open_store("mem://draft-memory"), UrlReader(), overwrite=True))
    ws.create_tensor(*new_spec("features", "features", "generic", dtype="float32"))
    ws.commit("tensors")
    draft = Draft(ws.snapshot())
    sample = np.zeros((1 << 20,), np.float32)  # 4 MiB
    most = 0
    for _ in range(3 * SEAL_BYTES // sample.nbytes):
        draft.extend({"features": [sample]}, 1)
        most = max(most, draft.weight)
    assert most <= SEAL_BYTES + sample.nbytes
    assert len(draft) == 3 * SEAL_BYTES // sample.nbytes
