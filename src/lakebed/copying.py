"""Rows of a dataset or view copied into a new dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .handle import Handle
from .indexing import RowArray
from .progress import progress
from .reading import Readable
from .recast import appendable
from .row_edits import RowEdits
from .schema_edits import SchemaEdits

BATCH = 1000
"""Rows copied in one step."""


class Target(RowEdits, SchemaEdits):
    """A dataset that rows are copied into: what of `Dataset` is needed for it."""


def copy_rows(
    source: Readable, made: Target, tensors: Sequence[str] | None = None, unlink: bool = False, progressbar: bool = True
) -> None:
    """Create the tensors of `source` in `made` and copy its rows, info and creds key names, in one transaction."""
    fixed = source._pinned()
    names = list(tensors or source._names())
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
