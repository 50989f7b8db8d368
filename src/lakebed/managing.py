"""Whole datasets: delete, copy with and without history, same schema again, rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Any

from .copying import copy_creds_keys, copy_rows
from .datasets import Dataset
from .opening import empty, exists, load
from .places import Creds, Path, find_place
from .progress import progress
from .reading import Readable
from .removing import delete_store
from .storage.errors import AlreadyExistsError, InvalidInputError, NotFoundError, StateError
from .storage.repository import FORMAT_KEY, PREFIXES, Repository
from .storage.stores import Store, open_store
from .storage.stores.local import LocalStore


def delete(
    path: Path,
    force: bool = False,
    large_ok: bool = False,
    creds: Creds = None,
    token: str | None = None,
    verbose: bool = False,
    org_id: str | None = None,
) -> None:
    """Delete a dataset with its history and views. Nothing but a dataset is ever deleted; linked files stay.

    Args:
        path: see `empty`; without a version.
        force: do nothing if there is no dataset, instead of raising.
        large_ok: confirm that more than 1 GiB may go.
        token: accepted for old scripts and unused, as `org_id` and `verbose` are.

    Raises:
        NotFoundError: kind "no-dataset".
        StateError: kind "large-dataset" without `large_ok`.
    """
    place = find_place(path, creds)
    if place.ref:
        raise InvalidInputError("a version cannot be deleted by path", kind="bad-path", place=os.fspath(path))
    if place.store.stat(FORMAT_KEY) is None and force:
        return
    delete_store(place.store, place.path, large_ok)


def like(
    dest: Path,
    src: Path | Dataset,
    runtime: Any = None,
    tensors: Sequence[str] | None = None,
    overwrite: bool = False,
    creds: Creds = None,
    token: str | None = None,
    org_id: str | None = None,
    public: bool = False,
    verbose: bool = True,
) -> Dataset:
    """Create a dataset with the tensors and info of `src`, without its rows.

    Args:
        dest: path of the new dataset.
        src: a dataset, or the path of one.
        tensors: which tensors; None takes all.
        overwrite: delete the dataset at `dest` first.
        token: accepted for old scripts and unused, as `org_id`, `runtime`, `public` and `verbose` are.
    """
    source = src if isinstance(src, Readable) else load(src, creds=creds)
    made = empty(dest, overwrite=overwrite, creds=creds)
    with made:
        for name in tensors or source._names():
            made.create_tensor_like(name, source[name])
        made._ws.set_info("", dict(source._stored_info("")))
        copy_creds_keys(source, made)
    return made


def copy(
    src: Path | Readable,
    dest: Path,
    runtime: Any = None,
    tensors: Sequence[str] | None = None,
    overwrite: bool = False,
    src_creds: Creds = None,
    dest_creds: Creds = None,
    token: str | None = None,
    num_workers: int = 0,
    scheduler: str = "threaded",
    progressbar: bool = True,
    unlink: bool = False,
) -> Dataset:
    """Copy the rows of a dataset or view into a new dataset, without history; commit it when you like it.

    Files are copied byte for byte, links as links (with `unlink`, the files themselves).

    Args:
        src: a path (with ``@version``), a dataset or a view.
        dest: path of the new dataset.
        tensors: which tensors; None takes all.
        overwrite: delete the dataset at `dest` first.
        progressbar: show rows per second.
        token: accepted for old scripts and unused, as `runtime`, `num_workers` and `scheduler` are.
    """
    source = src if isinstance(src, Readable) else load(src, creds=src_creds)
    made = empty(dest, overwrite=overwrite, creds=dest_creds)
    copy_rows(source, made, tensors, unlink, progressbar)
    return made


def deepcopy(
    src: Path | Dataset,
    dest: Path,
    runtime: Any = None,
    tensors: Sequence[str] | None = None,
    overwrite: bool = False,
    src_creds: Creds = None,
    dest_creds: Creds = None,
    token: str | None = None,
    num_workers: int = 0,
    scheduler: str = "threaded",
    progressbar: bool = True,
    public: bool = False,
    verbose: bool = True,
) -> Dataset:
    """Copy a dataset with its whole history, branches and views; the copy has the same commits and ids.

    Args:
        src: a dataset, or the path of one, without a version.
        dest: path of the copy.
        overwrite: delete the dataset at `dest` first.
        progressbar: show files per second.
        tensors: must stay None: a history is copied whole.
        token: accepted for old scripts and unused, as `runtime`, `num_workers`, `scheduler`, `public` and `verbose`.
    """
    if tensors is not None:
        raise InvalidInputError("a history is copied whole", kind="unsupported", hint="lakebed.copy takes tensors=")
    source = src if isinstance(src, Dataset) else load(src, read_only=True, creds=src_creds)
    if not source.read_only:
        source.flush()
    store = open_store(dest, dest_creds, create=True)
    if overwrite and Repository.exists(store):
        Repository.delete(store)
    _refuse_taken(store, os.fspath(dest))
    _copy_objects(source._ws.repository.store, store, progressbar)
    return load(dest, creds=dest_creds)


def rename(path: Path, new_name: Path, token: str | None = None, creds: Creds = None) -> Dataset:
    """Move a dataset: to another name beside it if `new_name` has no slash, else to the path `new_name`.

    A folder is renamed in one step; elsewhere the dataset is copied whole and then deleted. `token` is unused.

    Raises:
        NotFoundError: kind "no-dataset".
        AlreadyExistsError: something is at the new place.
    """
    old, target = os.fspath(path).rstrip("/"), os.fspath(new_name).rstrip("/")
    if "/" not in target and "\\" not in target:
        target = f"{old.rpartition('/')[0]}/{target}" if "/" in old else target
    if not exists(old, creds):
        raise NotFoundError(f"there is no dataset at {old!r}", kind="no-dataset", place=old)
    store, new_store = open_store(old, creds), open_store(target, creds)
    if isinstance(store, LocalStore) and isinstance(new_store, LocalStore):
        if os.path.exists(new_store.url):
            raise AlreadyExistsError(f"something is at {target!r} already", kind="path-exists", place=target)
        os.makedirs(os.path.dirname(new_store.url), exist_ok=True)
        shutil.move(store.url, new_store.url)
        return load(target, creds=creds)
    moved = deepcopy(old, target, src_creds=creds, dest_creds=creds, progressbar=False)
    delete(old, large_ok=True, creds=creds)
    return moved


_NOT_COPIED = ("log/", "tmp/", "hints/", "leases/")
"""The log is copied last; what is unfinished, advice, or somebody's claim on the original is not copied."""


def _refuse_taken(store: Store, path: str) -> None:
    if Repository.exists(store):
        raise AlreadyExistsError(
            "there is a dataset already",
            kind="dataset-exists",
            place=path,
            hint="pass overwrite=True to delete it first",
        )
    if next(store.list(), None) is not None:
        raise StateError("files that are no dataset lie there; they are left alone", kind="foreign-files", place=path)


def _copy_objects(source: Store, dest: Store, progressbar: bool) -> None:
    """Every object, FORMAT and the log last, so that a copy that was killed does not open."""
    stats = [stat for prefix in PREFIXES if prefix not in _NOT_COPIED for stat in source.list(prefix)]
    log = list(source.list("log/"))
    with progress(len(stats) + len(log) + 1, "files", shown=progressbar, what="copy") as bar:
        for key in [*(stat.key for stat in stats), FORMAT_KEY, *(stat.key for stat in reversed(log))]:
            if key == FORMAT_KEY or key.startswith("log/"):
                dest.create(key, source.get(key))
            else:
                dest.put(key, source.buffer(key))
            bar.update(1)
