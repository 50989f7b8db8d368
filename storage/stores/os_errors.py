"""Turns an OSError of the file system into a StorageError that says what to do."""

from __future__ import annotations

import errno

from ..errors import StorageError

# errno -> (kind, what was found, hint)
_MEANINGS: dict[int, tuple[str, str, str]] = {
    errno.ENOSPC: ("disk-full", "the disk is full", "free some space and try again; what was saved is untouched"),
    errno.EDQUOT: (
        "disk-full",
        "the disk quota is used up",
        "free some space and try again; what was saved is untouched",
    ),
    errno.EFBIG: ("disk-full", "the file system cannot hold a file this large", "use a file system without this limit"),
    errno.EACCES: ("no-permission", "permission was denied", "check the owner and the mode of the folder"),
    errno.EPERM: ("no-permission", "permission was denied", "check the owner and the mode of the folder"),
    errno.EROFS: ("no-permission", "the file system is read-only", "mount it writable, or copy the dataset elsewhere"),
    errno.ENOENT: (
        "missing-folder",
        "the folder does not exist",
        "was it moved, deleted or unmounted? create it first",
    ),
    errno.EEXIST: ("not-a-folder", "a file stands where a folder is expected", "choose another path"),
    errno.ENOTDIR: ("not-a-folder", "a file stands where a folder is expected", "choose another path"),
    errno.EMFILE: ("too-many-files", "this process has too many files open", "raise the limit (ulimit -n)"),
    errno.ENFILE: ("too-many-files", "the system has too many files open", "close other programs"),
    errno.ENAMETOOLONG: ("name-too-long", "the path is too long for the file system", "choose a shorter path"),
    errno.EIO: ("disk-error", "the disk reported an input/output error", "check the disk before you go on"),
    errno.EISDIR: ("not-a-file", "a folder stands where a file is expected", "move the folder away"),
}


def storage_error(error: OSError, action: str, place: str) -> StorageError:
    """A StorageError that says what `action` on `place` (a path) met, with the system's own words in it."""
    known = _MEANINGS.get(error.errno or 0)
    kind, found, hint = known or ("storage", "the file system refused", "")
    words = error.strerror or str(error)
    return StorageError(f"cannot {action}: {found} ({words})", kind=kind, place=place, hint=hint)
