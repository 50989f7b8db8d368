"""A dataset or view copied into a new dataset: its tensors, and its rows, without history."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from .indexing import RowArray
from .places import Creds, Path, create_workspace, path_text, same_place
from .progress import progress
from .reading import Readable
from .recast import appendable
from .removing import gone_on_error
from .row_edits import RowEdits
from .schema_edits import SchemaEdits
from .storage.errors import InvalidInputError
from .storage.stores import Store, open_store
from .storage.workspace import Workspace

BATCH = 1000
"""Rows copied in one step."""


class Target(RowEdits, SchemaEdits):
    """A dataset that is copied into: what of `Dataset` is needed for it."""


T = TypeVar("T", bound=Target)


def copied(
    source: Readable,
    make: Callable[[Workspace, str], T],
    dest: Path,
    tensors: Sequence[str] | None,
    creds: Creds,
    overwrite: bool,
    with_rows: bool = True,
    unlink: bool = False,
    progressbar: bool = False,
) -> T:
    """A new dataset at `dest` with the tensors, info and creds key names of `source`, and its rows if asked for.

    `make` is `Dataset`. On an error there is nothing at `dest`.

    Raises:
        NotFoundError, InvalidInputError: before anything is made or deleted.
    """
    names = source._full_names(source._names() if tensors is None else tensors)
    refuse_itself(source, open_store(path_text(dest), creds))
    made = make(create_workspace(dest, creds, overwrite), os.fspath(dest))
    with gone_on_error(made._ws.repository.store, os.fspath(dest)), made:
        for name in names:
            made.create_tensor_like(name, source[name], unlink=unlink)
        made._ws.set_info("", dict(source._stored_info("")))
        keys = source._workspace().creds_keys()
        if keys:
            made._ws.set_creds_keys(keys)  # names only; there are no secrets to copy
        if with_rows:
            _copy_rows(source, made, names, unlink, progressbar)
    return made


def refuse_itself(source: Readable, dest: Store) -> None:
    """Raises InvalidInputError if the dataset at `dest`, which may be deleted first, is the one that is copied."""
    if same_place(source._workspace().repository.store, dest):
        raise InvalidInputError(
            "a dataset cannot be copied onto itself",
            kind="copy-onto-itself",
            place=dest.url,
            hint="copy to another path, and rename that when it is done",
        )


def _copy_rows(source: Readable, made: Target, names: Sequence[str], unlink: bool, progressbar: bool) -> None:
    fixed = source._pinned()
    with progress(len(fixed), "rows", shown=progressbar, what="copy") as bar:
        for rows in _batches(len(fixed)) if names else ():
            made._ws.extend({name: appendable(fixed, fixed.schema[name], rows, unlink) for name in names}, len(rows))
            bar.update(len(rows))


def _batches(count: int) -> Iterator[RowArray]:
    for start in range(0, count, BATCH):
        yield np.arange(start, min(start + BATCH, count), dtype=np.int64)
