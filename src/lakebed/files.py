"""Files as samples: `link` refers to one where it is, `read` puts one into the dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .places import path_text
from .storage.htypes import Sample
from .storage.links.base import Link


def link(path: str | os.PathLike[str], creds_key: str | None = None) -> Link:
    """A reference to a file, for a tensor of htype ``link[...]``; nothing is read yet.

    Args:
        path: a local path, or a ``file://``, ``s3://`` or ``http(s)://`` URL. A relative path is made absolute, because
            training may read it from another folder.
        creds_key: the name of credentials added with ``ds.add_creds_key``; "ENV" or None are the environment's.

    Raises:
        InvalidInputError: kind "bad-path".

    >>> link("s3://bucket/cat.jpg", creds_key="my_s3_creds")
    Link(url='s3://bucket/cat.jpg', creds_key='my_s3_creds')
    """
    url = path_text(path)
    return Link(url if "://" in url else os.path.abspath(os.path.expanduser(url)), creds_key)


def read(
    path: str | os.PathLike[str],
    verify: bool = False,
    creds: Mapping[str, Any] | None = None,
    compression: str | None = None,
    storage: Any = None,
    timeout: float | None = None,
    creds_key: str | None = None,
) -> Sample:
    """A file as a sample, kept byte for byte if its format is the tensor's ``sample_compression``; read at append.

    Args:
        path: a local path or URL.
        verify: read the file now, so that a missing one is an error here.
        creds_key: for URLs, the name of credentials added with ``ds.add_creds_key``.
        compression: accepted for old scripts and unused: the format is read from the file. So are `creds`, `storage`
            and `timeout`.

    Raises:
        InvalidInputError: kind "bad-path".
        SampleError: `verify` and the file cannot be read.
    """
    sample = Sample(path=path_text(path), creds_key=creds_key)
    return Sample(data=sample.read()) if verify else sample
