"""Writing files so that they survive a power cut: the few system calls that differ between systems."""

from __future__ import annotations

import errno
import os
import secrets
from typing import Any

_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_SLICE = 1 << 26  # one write call moves at most 2 GiB on Linux and less elsewhere

# What a file system answers to fsync of a folder if it has nothing to do for it.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF}

# What link() answers where the file system has no hard links (FAT, exFAT, some FUSE and SMB mounts).
NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL}

try:
    from fcntl import F_FULLFSYNC, fcntl  # type: ignore[attr-defined,unused-ignore]  # macOS only
except ImportError:

    def sync_file(fd: int) -> None:
        """Return when what was written to `fd` is on the disk. Raises OSError."""
        os.fsync(fd)

else:  # pragma: no cover - macOS: fsync alone leaves the bytes in the drive's cache

    def sync_file(fd: int) -> None:
        """Return when what was written to `fd` is on the disk. Raises OSError."""
        try:
            fcntl(fd, F_FULLFSYNC)
        except OSError:  # network file systems do not know the call
            os.fsync(fd)


def random_name() -> str:
    """A file name that no other process picks."""
    return secrets.token_hex(16)


def write_new_file(path: str, data: bytes | memoryview | Any, mode: int = 0o666) -> None:
    """Create `path` with `data` and sync it. Raises OSError, and leaves no file then."""
    fd = os.open(path, _WRITE_NEW, mode)
    try:
        try:
            _write_all(fd, data)
            sync_file(fd)
        finally:
            os.close(fd)
    except BaseException:
        remove_quietly(path)
        raise


def _write_all(fd: int, data: bytes | memoryview | Any) -> None:
    view = memoryview(data).cast("B")
    while len(view):
        view = view[os.write(fd, view[:_SLICE]) :]


def remove_quietly(path: str) -> None:
    """Remove an unfinished file. If that fails it stays in tmp/, where clean-up finds it: not worth an error."""
    try:
        os.unlink(path)
    except OSError:
        return


def publish(temporary: str, target: str) -> None:
    """Give a finished file its name, atomically and never over an existing one; `temporary` is gone afterwards.

    Raises:
        FileExistsError: `target` is there already.
        OSError: an errno of `NO_HARD_LINKS` if the file system cannot do this.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        # A network file system may repeat a link() whose answer was lost, and then meet its own first try.
        if not _same_file(temporary, target):
            raise
    except OSError as error:
        if os.name != "nt" or isinstance(error, FileNotFoundError):
            raise
        os.rename(temporary, target)  # on Windows this never replaces a file, and works on FAT too
        return
    remove_quietly(temporary)


def _same_file(left: str, right: str) -> bool:
    try:
        return os.path.samefile(left, right)
    except OSError:
        return False


def sync_folder(path: str) -> None:
    """Return when the names in folder `path` are on the disk. Raises OSError.

    Windows has no such call: NTFS keeps names in its journal.
    """
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_file(fd)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(fd)


def make_folders(path: str) -> None:
    """Create folder `path` with its parents, and make every name that was missing durable. Raises OSError."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise
        sync_folder(os.path.dirname(folder))
