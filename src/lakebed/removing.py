"""Deletes a dataset and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .storage.errors import StateError
from .storage.repository import FORMAT_KEY, Repository
from .storage.stores import Store
from .storage.stores.local import LocalStore

LARGE = 1 << 30
"""Bytes from which deleting must be confirmed with ``large_ok=True``."""


def delete_store(store: Store, path: str, large_ok: bool = False) -> None:
    """Delete the dataset in `store`; `path` is for messages. Files of others are left alone.

    Raises:
        NotFoundError: kind "no-dataset".
        StateError: kind "large-dataset" without `large_ok`.
    """
    size = sum(stat.size for stat in store.list()) if store.stat(FORMAT_KEY) is not None else 0
    if size > LARGE and not large_ok:
        raise StateError(
            f"the dataset takes {size / 2**30:.1f} GiB",
            kind="large-dataset",
            place=path,
            hint="pass large_ok=True to delete it",
        )
    Repository.delete(store)
    if isinstance(store, LocalStore):
        _remove_empty_folders(store.url)


@contextmanager
def gone_on_error(store: Store, path: str) -> Iterator[None]:
    """While a new dataset is filled: an exception deletes it again."""
    try:
        yield
    except BaseException:  # Ctrl-C too: half a copy must not look like a dataset
        delete_store(store, path, large_ok=True)
        raise


def _remove_empty_folders(root: str) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)
