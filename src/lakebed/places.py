"""Where datasets are: what a path and its `@version` mean, and the working copy they lead to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .storage.errors import FormatError, InvalidInputError, NotFoundError
from .storage.links.reader import UrlReader
from .storage.repository import Repository
from .storage.stores import Store, open_store
from .storage.stores.local import LocalStore
from .storage.workspace import Workspace

Path: TypeAlias = str | os.PathLike[str]
Creds: TypeAlias = Mapping[str, Any] | Callable[[], Mapping[str, Any]] | str | None
"""Credentials for S3, a function that returns them and is asked again when they have expired, or "ENV" or None."""


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset's path and store, and which version of it is meant ("" for the main branch)."""

    path: str
    store: Store
    ref: str = ""


def path_text(path: Path) -> str:
    """`path` as text.

    Raises:
        InvalidInputError: kind "bad-path": it is no path, is empty, or holds what no path can hold.
    """
    given: Any = path  # a caller without a type checker gives anything
    text = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise InvalidInputError(
            f"a path is text, found a {type(path).__name__}", kind="bad-path", hint="give a str or a pathlib.Path"
        )
    if not text:
        raise InvalidInputError("the path is empty", kind="bad-path")
    if not _is_encodable(text):
        raise InvalidInputError("the path holds characters that no path can hold", kind="bad-path", place=repr(text))
    return text


def _is_encodable(text: str) -> bool:
    """Whether files can be called so; local ones may hold bytes that are no UTF-8, which `os.listdir` gives escaped."""
    try:
        text.encode() if "://" in text else os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def find_place(path: Path, creds: Creds = None) -> Place:
    """Where `path` leads; what follows the last "@" is a version, unless the whole path is a dataset."""
    text = path_text(path)
    base, at, ref = text.rpartition("@")
    if not at or not base or "/" in ref:
        return Place(text, open_store(text, creds))
    # Names of the hub hold no "@"; a folder's or a bucket's may.
    if not text.startswith("hub://"):
        store = open_store(text, creds)
        if Repository.exists(store):
            return Place(text, store)
    if not ref:
        raise InvalidInputError(
            "no version stands behind the @",
            kind="bad-path",
            place=text,
            hint='write "path@branch", "path@tag" or "path@commit", or leave the @ out',
        )
    return Place(base, open_store(base, creds), ref)


def open_workspace(place: Place, read_only: bool = False) -> Workspace:
    """A working copy of the dataset at `place`.

    Raises:
        NotFoundError: kind "no-dataset" or "unknown-version".
        FormatError: the format is not one this release knows; kind "deep-lake-files", it is Deep Lake's.
    """
    try:
        repository = Repository.open(place.store, UrlReader())
    except NotFoundError as error:
        raise (_deep_lake_error(place) if _is_of_deep_lake(place.store) else error) from None
    return Workspace(repository, place.ref or "main", read_only)


def create_workspace(path: Path, creds: Creds = None, overwrite: bool = False) -> Workspace:
    """A working copy of a new dataset.

    Raises:
        InvalidInputError: kind "bad-path", the path names a version.
        AlreadyExistsError, StateError, StorageError: as `Repository.create` says.
    """
    text = path_text(path)
    if "@" in text.rpartition("/")[2]:
        raise InvalidInputError(
            "the path of a new dataset cannot name a version",
            kind="bad-path",
            place=text,
            hint='leave "@..." out; load("path@version") opens one',
        )
    return Workspace(Repository.create(open_store(text, creds, create=True), UrlReader(), overwrite))


def _is_of_deep_lake(store: Store) -> bool:
    """Whether the files of a dataset of Deep Lake 3 or 4 lie there."""
    return store.stat("dataset_meta.json") is not None or next(store.list("_deeplake_log/"), None) is not None


def _deep_lake_error(place: Place) -> FormatError:
    return FormatError(
        "this is a dataset of Deep Lake: its calls are the same here, its files are not",
        kind="deep-lake-files",
        place=place.path,
        hint="copy its rows once with both packages installed; docs/deep-lake.md shows how",
    )


def same_place(one: Store, other: Store) -> bool:
    """Whether two stores are one: of local folders, also by another name or a link."""
    if isinstance(one, LocalStore) and isinstance(other, LocalStore):
        return os.path.realpath(one.url) == os.path.realpath(other.url)
    return one.url == other.url


def may_write(store: Store) -> bool:
    """Whether writing is worth trying; only a local folder tells beforehand."""
    return not isinstance(store, LocalStore) or os.access(store.url, os.W_OK)
