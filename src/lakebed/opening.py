"""Opening datasets: `empty`, `load`, `dataset`, `exists`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .datasets import Dataset
from .places import Creds, Path, create_workspace, find_place, may_write, open_workspace
from .removing import gone_on_error
from .storage.errors import NotFoundError
from .storage.repository import Repository


def empty(
    path: Path,
    runtime: Any = None,
    overwrite: bool = False,
    public: bool = False,
    memory_cache_size: int = 2000,
    local_cache_size: int = 0,
    creds: Creds = None,
    token: str | None = None,
    org_id: str | None = None,
    lock_enabled: bool = True,
    lock_timeout: int = 0,
    verbose: bool = True,
    index_params: Any = None,
) -> Dataset:
    """Create an empty dataset and open it for writing.

    Args:
        path: a local path, ``file://`` URL, ``mem://name``, ``s3://bucket/prefix``, or ``hub://org/name``, which is a
            folder below LAKEBED_HUB (by default in the user's data folder).
        overwrite: delete the dataset that is there first. Folders that hold anything else are never touched.
        creds: for S3, a mapping of credentials, or a function that returns one and is asked again when they have
            expired; None follows boto3's own rules.
        token: accepted for old scripts and unused, as `org_id`, `runtime`, `public`, `memory_cache_size`,
            `local_cache_size`, `lock_enabled`, `lock_timeout`, `verbose` and `index_params` are: there is no account,
            no lock, and caches size themselves.

    Raises:
        AlreadyExistsError: kind "dataset-exists" without `overwrite`.
        StateError: kind "foreign-files", the folder holds something else.
        InvalidInputError: the path cannot be used.
        StorageError: the store refuses.
    """
    return Dataset(create_workspace(path, creds, overwrite), os.fspath(path))


@contextmanager
def created(path: Path, creds: Creds = None, **options: Any) -> Iterator[Dataset]:
    """A new dataset to be filled inside ``with``; an exception that leaves it deletes the dataset again.

    `options` are further arguments of `empty`.
    """
    made = empty(path, creds=creds, **options)
    with gone_on_error(made._ws.repository.store, made.path):
        yield made


def load(
    path: Path,
    read_only: bool | None = None,
    memory_cache_size: int = 2000,
    local_cache_size: int = 0,
    creds: Creds = None,
    token: str | None = None,
    org_id: str | None = None,
    verbose: bool = True,
    access_method: str = "stream",
    unlink: bool = False,
    reset: bool = False,
    indra: bool = False,
    check_integrity: bool | None = None,
    lock_timeout: int = 0,
    lock_enabled: bool = True,
    index_params: Any = None,
) -> Dataset:
    """Open a dataset: ``"path"``, or a version of it as ``"path@branch"``, ``"path@tag"``, ``"path@commit"``.

    Args:
        path: see `empty`. A commit may be given by its first 8 digits.
        read_only: True refuses writing; None opens for writing, but a folder that may not be written for reading.
            Commits and tags never change.
        creds: as for `empty`.
        reset: throw away uncommitted changes.
        token: accepted for old scripts and unused, as `org_id`, `memory_cache_size`, `local_cache_size`, `verbose`,
            `access_method`, `unlink`, `indra`, `check_integrity`, `lock_timeout`, `lock_enabled` and `index_params`.

    Raises:
        NotFoundError: kind "no-dataset" or "unknown-version".
        FormatError: it was written by a later release, or is not a dataset.
        StorageError: the store refuses.
    """
    place = find_place(path, creds)
    if read_only is None:
        read_only = not may_write(place.store)
    dataset = Dataset(open_workspace(place, read_only), place.path)
    if reset:
        dataset.reset()
    return dataset


def dataset(
    path: Path, overwrite: bool = False, read_only: bool | None = None, creds: Creds = None, **options: Any
) -> Dataset:
    """Open a dataset, or create it if there is none; with `overwrite` always a new one.

    `options` are further arguments of `load` and `empty`.
    """
    if not overwrite and exists(path, creds):
        return load(path, read_only, creds=creds, **_known(options, load))
    return empty(path, overwrite=overwrite, creds=creds, **_known(options, empty))


def exists(path: Path, creds: Creds = None, token: str | None = None, org_id: str | None = None) -> bool:
    """Whether there is a dataset at `path`; with ``"path@version"`` also that version. `token`, `org_id` are unused."""
    try:
        place = find_place(path, creds)
        if not Repository.exists(place.store):
            return False
        if place.ref:
            open_workspace(place, read_only=True)
    except NotFoundError:
        return False
    return True


def _known(options: dict[str, Any], function: Any) -> dict[str, Any]:
    """Options that `function` takes; one that neither function takes is an error."""
    import inspect

    both = {*inspect.signature(load).parameters, *inspect.signature(empty).parameters}
    for name in options:
        if name not in both:
            raise TypeError(f"dataset() got an unexpected keyword argument {name!r}")
    return {name: value for name, value in options.items() if name in inspect.signature(function).parameters}
