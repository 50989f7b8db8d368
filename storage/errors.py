"""The storage side of the error tree (drawn in `lakebed.errors`), grouped by what a caller would do."""

from __future__ import annotations

from typing import Any

from ..errors import LakebedError


class InvalidInputError(LakebedError, ValueError):
    """An argument cannot be used; nothing was changed."""

    default_kind = "invalid-input"


class SampleError(InvalidInputError):
    """A sample does not fit its tensor: dtype, shape, unreadable file; nothing was changed."""

    default_kind = "bad-sample"


class SchemaError(InvalidInputError):
    """A tensor cannot be made or changed as asked: unknown htype, bad name, missing compression."""

    default_kind = "bad-schema"


class RangeError(InvalidInputError, IndexError):
    """An index lies outside the dataset."""

    default_kind = "out-of-range"


class NotFoundError(LakebedError, KeyError):
    """The dataset, tensor, commit, branch, tag or view named is not there."""

    default_kind = "not-found"

    # KeyError.__str__ would print the repr of the message.
    __str__ = LakebedError.__str__


class AlreadyExistsError(LakebedError):
    """The dataset, tensor, branch, tag, view or creds key named is already there."""

    default_kind = "already-exists"


class StateError(LakebedError):
    """The call does not fit the present state: read-only version, uncommitted changes, nothing to commit."""

    default_kind = "wrong-state"


class ConflictError(LakebedError):
    """Two writers or two branches changed the same thing; nothing of this attempt was kept.

    `conflicts` lists every disagreement of a merge (`lakebed.storage.merge.Conflict`); empty otherwise.
    """

    default_kind = "conflict"
    conflicts: tuple[Any, ...] = ()


class StorageError(LakebedError, OSError):
    """The store refused or failed; what was saved before is untouched."""

    default_kind = "storage"

    __str__ = LakebedError.__str__


class ObjectMissingError(StorageError):
    """An object that should be in the store is not."""

    default_kind = "object-missing"


def object_missing(place: str) -> ObjectMissingError:
    """The error for the object at `place`, which is not there."""
    return ObjectMissingError(
        "the object does not exist",
        place=place,
        hint="was the dataset deleted or moved since it was opened? lakebed.verify(path) lists what is missing",
    )


class ObjectExistsError(StorageError):
    """Create-if-absent found the key taken: another writer won the race."""

    default_kind = "object-exists"


class CommitUnknownError(StorageError):
    """The store did not answer whether the log entry was written; look before trying again."""

    default_kind = "commit-unknown"


class DamageError(LakebedError):
    """A stored object is not what was written: wrong length or hash."""

    default_kind = "damage"


class FormatError(LakebedError):
    """The folder is no dataset, or one of a later format version."""

    default_kind = "format"
