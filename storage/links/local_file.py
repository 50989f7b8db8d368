"""Reads linked files of the local file system."""

from __future__ import annotations

import os

from ..errors import StorageError
from . import errors
from .base import LinkHead


def read_local(path: str, length: int | None, url: str) -> LinkHead:
    """The first `length` bytes of a file (None: all) with its size and mtime; `url` goes into messages.

    Raises StorageError: kind "link-missing", "link-denied" or "link-unreachable".
    """
    try:
        with open(path, "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            data = file.readall() if length is None else file.read(length)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise errors.missing(url) from error
    except IsADirectoryError as error:
        raise errors.missing(url, "a folder is there") from error
    except PermissionError as error:
        raise _denied(path, url, error) from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise errors.unreachable(url, str(error)) from error
    return LinkHead(data or b"", found.st_size, "", found.st_mtime)


def _denied(path: str, url: str, error: PermissionError) -> StorageError:
    if os.path.isdir(path):  # how Windows puts it
        return errors.missing(url, "a folder is there")
    return errors.denied(url, str(error.strerror), "check the owner and the mode of the file")
