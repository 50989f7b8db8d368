"""A file to be stored as a sample: what `lakebed.read(path)` returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ..errors import InvalidInputError, SampleError


@dataclass(frozen=True, slots=True)
class Sample:
    """The bytes of one file, held or still to be read; stored byte for byte where its format is the tensor's.

    `path` is a local path or a URL (``s3://``, ``https://``); `creds_key` names credentials for a URL.

    >>> Sample(data=b"RIFF").read()
    b'RIFF'
    """

    path: str | PathLike[str] | None = None
    data: bytes | None = field(default=None, repr=False)
    creds_key: str | None = None

    def __post_init__(self) -> None:
        if (self.path is None) == (self.data is None):
            raise InvalidInputError("a sample is made from a path or from bytes: found both or neither")

    def read(self, fetch: Callable[[str, str | None], bytes] | None = None) -> bytes:
        """The whole file; `fetch(url, creds_key)` reads URLs.

        Raises:
            SampleError: kind "unreadable-file"; names the path.
        """
        if self.data is not None:
            return self.data
        path = fspath(self.path or "")
        if "://" in path and not path.startswith("file://"):
            if fetch is None:
                raise SampleError(
                    "found a URL, but this tensor has no reader for URLs", kind="unreadable-file", place=path
                )
            return fetch(path, self.creds_key)
        return read_local(path)

    def numpy(self) -> np.ndarray[Any, np.dtype[Any]]:
        """The pixels of an image file, uint8 (h, w, c).

        Raises:
            SampleError: it cannot be read, or is no image.
        """
        from ..codecs.image import decode_image

        try:
            return decode_image(self.read())
        except SampleError as error:
            error.place = error.place or fspath(self.path or "")
            raise

    @property
    def array(self) -> np.ndarray[Any, np.dtype[Any]]:
        """The same as ``numpy()``."""
        return self.numpy()

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of `numpy`."""
        height, width, channels = self.numpy().shape
        return height, width, channels


def read_local(path: str | PathLike[str]) -> bytes:
    """The bytes of a local file.

    Raises:
        SampleError: kind "unreadable-file"; names the path.
    """
    try:
        return _local_path(fspath(path)).read_bytes()
    except OSError as error:
        raise SampleError(
            f"the file cannot be read: {error.strerror or error}", kind="unreadable-file", place=fspath(path)
        ) from error


def _local_path(path: str) -> Path:
    if path.startswith("file://"):
        from urllib.request import url2pathname  # brings in http and ssl: 0.1 s that few need

        return Path(url2pathname(urlsplit(path).path))
    return Path(path).expanduser()
