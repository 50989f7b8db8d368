"""Rows of a dataset or view copied into a new dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .datasets import Dataset
from .handle import Handle
from .indexing import RowArray
from .progress import progress
from .reading import Readable
from .recast import appendable

BATCH = 1000
"""Rows copied in one step."""


def copy_rows(source: Readable, made: Dataset, names: Sequence[str], unlink: bool, progressbar: bool) -> None:
    """Create the tensors `names` of `source` in `made` and copy their samples, info and creds key names."""
    fixed = source._pinned()
    with made, progress(len(fixed), "rows", shown=progressbar, what="copy") as bar:
        for name in names:
            made.create_tensor_like(name, source[name], unlink=unlink)
        made._ws.set_info("", dict(source._stored_info("")))
        copy_creds_keys(source, made)
        for rows in _batches(len(fixed)) if names else ():
            made._ws.extend({name: appendable(fixed, fixed.schema[name], rows, unlink) for name in names}, len(rows))
            bar.update(len(rows))


def copy_creds_keys(source: Readable, made: Handle) -> None:
    """Give `made` the creds key names of `source`; there are no secrets to copy."""
    keys = source._ws.creds_keys() if isinstance(source, Handle) else {}
    if keys:
        made._ws.set_creds_keys(keys)


def _batches(count: int) -> Iterator[RowArray]:
    for start in range(0, count, BATCH):
        yield np.arange(start, min(start + BATCH, count), dtype=np.int64)
