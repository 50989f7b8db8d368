"""Whole datasets: delete, copy with and without history, same schema again, rename."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Any

from .copying import copied, refuse_itself
from .datasets import Dataset
from .opening import exists, load
from .places import Creds, Path, find_place, path_text
from .progress import progress
from .reading import Readable
from .removing import delete_store
from .storage.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from .storage.repository import FORMAT_KEY, PREFIXES, Repository, refuse_foreign_files
from .storage.stores import Store, open_store
from .storage.stores.local import LocalStore
from .storage.stores.os_errors import storage_error


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
        raise InvalidInputError(
            "a version cannot be deleted by path",
            kind="bad-path",
            place=os.fspath(path),
            hint='leave "@..." out to delete all versions; ds.delete_branch(name) deletes a branch',
        )
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
    """Create a dataset with the tensors and info of `src`, without its rows; on an error there is none.

    Args:
        dest: path of the new dataset; not that of `src`.
        src: a dataset, or the path of one.
        tensors: which tensors, groups by their name; None takes all.
        overwrite: delete the dataset at `dest` first.
        token: accepted for old scripts and unused, as `org_id`, `runtime`, `public` and `verbose` are.
    """
    source = src if isinstance(src, Readable) else load(src, creds=creds)
    return copied(source, Dataset, dest, tensors, creds, overwrite, with_rows=False)


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

    Files are copied byte for byte, links as links (with `unlink`, the files themselves). On an error nothing stays at
    `dest`.

    Args:
        src: a path (with ``@version``), a dataset or a view.
        dest: path of the new dataset; not that of `src`.
        tensors: which tensors, groups by their name; None takes all.
        overwrite: delete the dataset at `dest` first.
        progressbar: show rows per second.
        token: accepted for old scripts and unused, as `runtime`, `num_workers` and `scheduler` are.

    Raises:
        InvalidInputError: kind "copy-onto-itself": `dest` is the dataset that is copied.
        AlreadyExistsError: kind "dataset-exists" without `overwrite`.
        NotFoundError: kind "unknown-tensor".
    """
    source = src if isinstance(src, Readable) else load(src, creds=src_creds)
    return copied(source, Dataset, dest, tensors, dest_creds, overwrite, unlink=unlink, progressbar=progressbar)


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

    Others may write to `src` meanwhile: the copy is as of when it began. One that was stopped does not open, and the
    next one to the same place begins again.

    Args:
        src: a dataset, or the path of one, without a version.
        dest: path of the copy; not that of `src`.
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
    store = open_store(path_text(dest), dest_creds, create=True)
    refuse_itself(source, store)
    if Repository.exists(store):
        if not overwrite:
            raise _taken(os.fspath(dest))
        Repository.delete(store)
    elif store.stat(FORMAT_KEY) is not None:
        Repository.delete(store)  # what a copy left that was stopped
    refuse_foreign_files(store)
    _copy_objects(source._ws.repository.store, store, progressbar)
    return load(dest, creds=dest_creds)


def rename(path: Path, new_name: Path, token: str | None = None, creds: Creds = None) -> Dataset:
    """Move a dataset: to another name beside it if `new_name` has no slash, else to the path `new_name`.

    A folder is renamed in one step; elsewhere the dataset is copied whole and then deleted. `token` is unused.

    Raises:
        NotFoundError: kind "no-dataset".
        AlreadyExistsError: something is at the new place.
        InvalidInputError: kind "bad-path", the new place lies inside the dataset.
        StorageError: the folder cannot be renamed; nothing was changed.
        ConflictError: kind "written-meanwhile": somebody wrote while it was copied. Both places hold a dataset then.
    """
    old, target = path_text(path).rstrip("/"), path_text(new_name).rstrip("/")
    if "/" not in target and "\\" not in target:
        target = f"{old.rpartition('/')[0]}/{target}" if "/" in old else target
    if not exists(old, creds):
        raise NotFoundError(f"there is no dataset at {old!r}", kind="no-dataset", place=old)
    store, new_store = open_store(old, creds), open_store(target, creds)
    if isinstance(store, LocalStore) and isinstance(new_store, LocalStore):
        if os.path.exists(new_store.url):
            raise AlreadyExistsError(f"something is at {target!r} already", kind="path-exists", place=target)
        if os.path.realpath(new_store.url).startswith(os.path.join(os.path.realpath(store.url), "")):
            raise InvalidInputError("a dataset cannot be moved into itself", kind="bad-path", place=target)
        if _renamed(store.url, new_store.url):
            return load(target, creds=creds)
    moved = deepcopy(old, target, src_creds=creds, dest_creds=creds, progressbar=False)
    if len(list(store.list("log/"))) != len(list(new_store.list("log/"))):
        raise ConflictError(
            "somebody wrote to the dataset while it was copied, so the old one was kept",
            kind="written-meanwhile",
            place=old,
            hint=f"lakebed.delete({target!r}), and rename it again when nobody writes",
        )
    delete(old, large_ok=True, creds=creds)
    return moved


def _renamed(folder: str, target: str) -> bool:
    """Rename a folder in one step; False where the two places are on different file systems."""
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(folder, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise storage_error(error, "rename the folder", target) from error
    return True


_NOT_COPIED = ("log/", "tmp/", "hints/", "leases/")
"""The log is copied last; what is unfinished, advice, or somebody's claim on the original is not copied."""


def _taken(path: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        "there is a dataset already",
        kind="dataset-exists",
        place=path,
        hint="pass overwrite=True to delete it first",
    )


def _copy_objects(source: Store, dest: Store, progressbar: bool) -> None:
    """FORMAT, every object, then the log with its first entry last, so that a copy that was killed does not open."""
    # Listed first: what these entries need is there by now, and what lands later is no part of the copy.
    log = [stat.key for stat in source.list("log/")]
    keys = [stat.key for prefix in PREFIXES if prefix not in _NOT_COPIED for stat in source.list(prefix)]
    with progress(len(keys) + len(log) + 1, "files", shown=progressbar, what="copy") as bar:
        for key in [FORMAT_KEY, *keys, *reversed(log)]:
            if key == FORMAT_KEY or key.startswith("log/"):
                dest.create(key, source.get(key))
            else:
                dest.put(key, source.buffer(key))
            bar.update(1)
