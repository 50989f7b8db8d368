"""A store in a folder of the local file system.

An object is written to ``tmp/``, synced, given its name by a hard link, which never replaces a file, and then its
folder is synced. So a reader never sees half an object, and of many writers of one key exactly one wins.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from ..errors import CommitUnknownError, ObjectExistsError, StorageError, object_missing
from . import durable
from .base import ObjectStat
from .keys import check_key, check_prefix, check_range
from .mapped import map_file
from .os_errors import storage_error

_TMP = "tmp"

# After these answers of link() nothing was written; any other leaves the outcome open.
_SURELY_NOT_LINKED = {
    errno.ENOENT,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
}


class LocalStore:
    """Objects as files below one folder. Unfinished files in ``tmp/`` are listed only by a prefix that names it.

    With ``create=True`` the folder is made; without, writing to a folder that is not there is an error, so that a
    dataset whose disk was unmounted is not begun anew in the mount point.

    >>> import tempfile
    >>> store = LocalStore(tempfile.mkdtemp())
    >>> store.put("rows/a", b"123")
    >>> store.get_range("rows/a", 1, 5)
    b'23'
    """

    def __init__(self, root: str | Path, *, create: bool = False) -> None:
        self._root = os.path.abspath(root)
        # Folders whose names this instance has seen synced; another process may have made one and not yet synced it.
        self._settled: set[str] = set()
        if create:
            self._make_root()

    def _make_root(self) -> None:
        try:
            durable.make_folders(self._root)
            durable.sync_folder(os.path.dirname(self._root))
        except OSError as error:
            raise storage_error(error, "create the folder", self._root) from error

    @property
    def url(self) -> str:
        """The absolute path of the folder."""
        return self._root

    def __repr__(self) -> str:
        return f"LocalStore({self._root!r})"

    def __reduce__(self) -> tuple[type[LocalStore], tuple[str]]:
        return (LocalStore, (self._root,))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalStore) and other._root == self._root

    def __hash__(self) -> int:
        return hash(self._root)

    # Reading

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissingError, StorageError."""
        path = self._path(key)
        try:
            with open(path, "rb", buffering=0) as file:
                return file.read()
        except OSError as error:
            raise _read_error(error, path) from error

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`; fewer only at the object's end. Raises ObjectMissingError, StorageError."""
        check_range(start, length)
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise _read_error(error, path) from error

    def buffer(self, key: str) -> pa.Buffer:
        """The whole object as a mapped file. Raises ObjectMissingError, StorageError."""
        path = self._path(key)
        try:
            return map_file(path)
        except OSError as error:
            raise _read_error(error, path) from error

    def stat(self, key: str) -> ObjectStat | None:
        """Size and modification time of `key`, or None if it does not exist. Raises StorageError."""
        path = self._path(key)
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _read_error(error, path) from error
        if not stat.S_ISREG(found.st_mode):
            return None
        return ObjectStat(key, found.st_size, found.st_mtime)

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectStat]:
        """Objects whose key starts with `prefix` and sorts after `start_after`, in key order. Raises StorageError."""
        folder = check_prefix(prefix).rpartition("/")[0]
        return self._walk(folder + "/" if folder else "", prefix, start_after)

    def _walk(self, folder: str, prefix: str, start_after: str) -> Iterator[ObjectStat]:
        for key, entry in self._entries(folder):
            if key.endswith("/"):
                if _may_hold(key, prefix, start_after) and (key != f"{_TMP}/" or prefix.startswith(_TMP)):
                    yield from self._walk(key, prefix, start_after)
            elif key > start_after and key.startswith(prefix):
                found = _stat_entry(entry)
                if found is not None:
                    yield ObjectStat(key, found.st_size, found.st_mtime)

    def _entries(self, folder: str) -> Sequence[tuple[str, os.DirEntry[str]]]:
        # A folder sorts as its name with "/", so that the walk yields whole keys in order.
        path = os.path.join(self._root, folder)
        try:
            with os.scandir(path) as entries:
                found = [(f"{folder}{entry.name}{'/' if entry.is_dir() else ''}", entry) for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _read_error(error, path) from error
        return sorted(found, key=lambda item: item[0])

    # Writing

    def put(self, key: str, data: bytes | memoryview | pa.Buffer) -> None:
        """Write a new immutable object, durably. The same bytes again are fine.

        Raises:
            StorageError: kind "disk-full", "no-permission", "unsafe-store" (no hard links here), or "object-differs"
                (other bytes stand under this key; they were left alone).
        """
        path = self._path(key)
        try:
            self._write(path, data)
        except FileExistsError:
            self._expect_same(path, data)
        except CommitUnknownError as error:  # "unknown" is a word for log entries; an object is just not safe yet
            raise StorageError(error.message, kind="not-durable", place=path, hint="try again") from error

    def create(self, key: str, data: bytes) -> None:
        """Write `key` only if it does not exist, durably: of many racing callers exactly one returns normally.

        Raises:
            ObjectExistsError: the key was taken.
            CommitUnknownError: the file system failed after the name was given; read the key back.
            StorageError: nothing was written; kinds as in `put`.
        """
        path = self._path(key)
        try:
            self._write(path, data)
        except FileExistsError as error:
            raise ObjectExistsError("the object exists already", place=path) from error

    def _write(self, path: str, data: bytes | memoryview | pa.Buffer) -> None:
        folder = os.path.dirname(path)
        self._settle(folder)
        temporary = self._write_temporary(data, path)
        try:
            self._publish(temporary, path)
        except BaseException:
            durable.remove_quietly(temporary)
            raise
        try:
            durable.sync_folder(folder)
        except OSError as error:
            raise _unknown(error, path) from error

    def _write_temporary(self, data: bytes | memoryview | pa.Buffer, path: str) -> str:
        temporary = os.path.join(self._root, _TMP, durable.random_name())
        try:
            try:
                durable.write_new_file(temporary, data)
            except FileNotFoundError:
                os.mkdir(os.path.join(self._root, _TMP))
                durable.write_new_file(temporary, data)
        except FileExistsError:  # another thread made tmp/ in between
            return self._write_temporary(data, path)
        except OSError as error:
            raise storage_error(error, "write the object", path) from error
        return temporary

    def _publish(self, temporary: str, path: str) -> None:
        try:
            try:
                durable.publish(temporary, path)
            except FileNotFoundError:  # a deletion removed the empty folder; make it again
                self._settled.discard(os.path.dirname(path))
                self._settle(os.path.dirname(path))
                durable.publish(temporary, path)
        except (FileExistsError, StorageError):
            raise
        except OSError as error:
            raise self._not_published(error, path) from error

    def _not_published(self, error: OSError, path: str) -> StorageError:
        if error.errno in durable.NO_HARD_LINKS:
            return _unsafe(error, self._root)
        if error.errno in _SURELY_NOT_LINKED:
            return storage_error(error, "write the object", path)
        return _unknown(error, path)

    def _settle(self, folder: str) -> None:
        if folder in self._settled or folder == self._root:
            return
        parent = os.path.dirname(folder)
        self._settle(parent)
        try:
            try:
                os.mkdir(folder)
            except FileExistsError:
                if not os.path.isdir(folder):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
            durable.sync_folder(parent)
        except OSError as error:
            raise storage_error(error, "create the folder", folder) from error
        self._settled.add(folder)

    def _expect_same(self, path: str, data: bytes | memoryview | pa.Buffer) -> None:
        try:
            with open(path, "rb") as file:
                same = file.read() == memoryview(data).cast("B")  # Arrow's buffers call their bytes signed
            durable.sync_folder(os.path.dirname(path))  # its writer may not have come to that yet
        except OSError as error:
            raise storage_error(error, "write the object", path) from error
        if not same:
            raise StorageError(
                "another object stands under this key, and objects are never replaced",
                kind="object-differs",
                place=path,
            )

    def delete(self, key: str) -> None:
        """Remove an object, and its folder if that is left empty; absent is fine. Raises StorageError."""
        path = self._path(key)
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise storage_error(error, "delete the object", path) from error
        self._drop_empty_folder(key)

    def _drop_empty_folder(self, key: str) -> None:
        if key.count("/") < 2:  # the top folders (rows/, chunks/, ...) stay
            return
        try:
            os.rmdir(os.path.dirname(self._path(key)))
        except OSError:  # not empty, or another process was faster
            return

    def _path(self, key: str) -> str:
        return os.path.join(self._root, check_key(key))


def _may_hold(folder: str, prefix: str, start_after: str) -> bool:
    in_prefix = folder.startswith(prefix) or prefix.startswith(folder)
    return in_prefix and (folder > start_after or start_after.startswith(folder))


def _stat_entry(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except FileNotFoundError:  # deleted while we listed
        return None
    except OSError as error:
        raise _read_error(error, entry.path) from error


def _read_error(error: OSError, path: str) -> StorageError:
    if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
        return object_missing(path)
    return storage_error(error, "read the object", path)


def _unsafe(error: OSError, root: str) -> StorageError:
    return StorageError(
        f"this file system cannot write a file only if it is absent, because it has no hard links ({error.strerror})",
        kind="unsafe-store",
        place=root,
        hint="put the dataset on a file system with hard links (ext4, xfs, APFS, NTFS, NFS), or on S3",
    )


def _unknown(error: OSError, path: str) -> CommitUnknownError:
    return CommitUnknownError(
        f"the file system did not confirm the write ({error.strerror})",
        place=path,
        hint="the object may or may not be there: read it back before you write again",
    )
