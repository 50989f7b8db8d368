"""Reads linked objects of S3."""

from __future__ import annotations

from typing import Any

from ..errors import ObjectMissingError, StorageError
from ..stores.s3_client import S3Access, error_code
from . import errors
from .base import LinkHead

_DENIED = {"no-permission", "bad-credentials", "expired-credentials", "no-credentials", "clock-skew", "bad-creds"}


def read_s3(access: S3Access, url: str, length: int | None) -> LinkHead:
    """The first `length` bytes of the object (None: all) with its size, ETag and mtime.

    Raises StorageError: kind "link-missing", "link-denied" or "link-unreachable" (after several attempts).
    """
    bucket, _, key = url[len("s3://") :].partition("/")
    if not bucket or not key:
        raise errors.missing(url, "a link to S3 is s3://bucket/key")
    at = {"Bucket": bucket, "Key": key}
    try:
        return access.call(lambda client: _read(client, at, length), url)
    except StorageError as error:
        raise _as_link_error(error, url) from error


def _read(client: Any, at: dict[str, str], length: int | None) -> LinkHead:
    if length == 0:
        return _head(client.head_object(**at), b"")
    part = {} if length is None else {"Range": f"bytes=0-{length - 1}"}
    try:
        answer = client.get_object(**at, **part)
    except Exception as error:
        if error_code(error) != "InvalidRange":
            raise
        return _head(client.head_object(**at), b"")  # the object is empty
    with answer["Body"] as body:
        return _head(answer, body.read())


def _head(answer: Any, data: bytes) -> LinkHead:
    whole = str(answer.get("ContentRange", "")).rpartition("/")[2]
    size = int(whole) if whole.isdecimal() else int(answer["ContentLength"])
    return LinkHead(data, size, answer.get("ETag", ""), answer["LastModified"].timestamp())


def _as_link_error(error: StorageError, url: str) -> StorageError:
    if isinstance(error, ObjectMissingError) or error.kind == "missing-bucket":
        return errors.missing(url, "" if isinstance(error, ObjectMissingError) else error.message)
    if error.kind in _DENIED:
        return errors.denied(url, error.message, error.hint)
    return errors.unreachable(url, error.message, error.hint)
