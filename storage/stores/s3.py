"""A store below a prefix of an S3 bucket."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa

from ..errors import InvalidInputError, ObjectMissingError, StorageError
from . import s3_client as s3
from .base import ObjectStat
from .cache import DiskCache
from .keys import check_key, check_prefix, check_range
from .s3_create import check_conditional_writes, create_object, is_taken
from .secrets import Secrets

T = TypeVar("T")
Creds = Mapping[str, Any] | Callable[[], Mapping[str, str]] | str | None

PART = 8 << 20
"""Bytes of one request; larger objects are read and written in parts of this size, several at a time."""
_AT_ONCE = 8
PAGE = 1000
"""Objects in one answer to a listing; no server gives more."""

# Objects here are named by their content or at random, so a copy of one can never be stale.
_NEVER_STALE = ("rows/", "chunks/", "meta/")


class S3Store:
    """Objects below ``s3://bucket/prefix`` on Amazon S3 or any server that honours ``If-None-Match: *``.

    Args:
        url: ``s3://bucket/prefix``.
        creds: any of `s3_client.S3_KEYS`, or a function that returns them and is asked again when they have expired;
            None or "ENV" for boto3's own rules.
        cache: where objects read by `buffer` are kept; by default a folder of the user.

    The first write tests that the server refuses to replace an object, and raises StorageError (kind "unsafe-store")
    if it does not. Raises InvalidInputError for a URL without bucket (kind "bad-path") or unknown credential fields.
    """

    def __init__(self, url: str, creds: Creds = None, *, cache: DiskCache | None = None) -> None:
        self._bucket, self._prefix = _parse(url)
        self._creds = _session_creds(creds)
        self._access = s3.S3Access(self._provide)
        self._cache = cache or DiskCache()
        self._writable = False

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``, without a slash at the end."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def __repr__(self) -> str:
        return f"S3Store({self.url!r})"

    def __reduce__(self) -> tuple[type[S3Store], tuple[str, Secrets | s3.Provider]]:
        return (S3Store, (self.url, self._creds))

    def _provide(self) -> Mapping[str, str]:
        return s3.check_creds(self._creds()) if callable(self._creds) else self._creds

    # Reading

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissingError, StorageError."""
        return self._read(key, 0, None)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`; fewer only at the object's end. Raises ObjectMissingError, StorageError."""
        check_range(start, length)
        if length > 0:
            return self._read(key, start, length)
        self._head(key)  # a part of an object that is missing is an error, however short
        return b""

    def buffer(self, key: str) -> pa.Buffer:
        """The whole object, mapped from the local cache. Raises ObjectMissingError, StorageError."""
        name = self._cache_name(key)
        found = self._cache.find(name)
        return self._cache.keep(name, self.get(key)) if found is None else found

    def is_cached(self, key: str) -> bool:
        """Whether `buffer` would find a local copy; another process may add or remove it at any moment."""
        return self._cache_name(key) in self._cache

    def forget(self, key: str) -> None:
        """Drop the cached copy of `key`, for one found damaged; the next `buffer` reads it from the server."""
        self._cache.forget(self._cache_name(key))

    def stat(self, key: str) -> ObjectStat | None:
        """Size and time of `key`, or None if it does not exist. Raises StorageError."""
        try:
            found = self._head(key)
        except ObjectMissingError:
            return None
        return ObjectStat(key, found["ContentLength"], found["LastModified"].timestamp())

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectStat]:
        """Objects whose key starts with `prefix` and sorts after `start_after`, in key order. Raises StorageError."""
        check_prefix(prefix)
        return self._pages(prefix, start_after)

    def _pages(self, prefix: str, start_after: str) -> Iterator[ObjectStat]:
        where: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._name(prefix), "MaxKeys": PAGE}
        if start_after:
            where["StartAfter"] = self._name(start_after)
        while True:
            page = self._call(lambda client: client.list_objects_v2(**where), prefix)
            for found in page.get("Contents", ()):
                key = found["Key"][len(self._name("")) :]
                if prefix.startswith("tmp") or not key.startswith("tmp/"):
                    yield ObjectStat(key, found["Size"], found["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            where["ContinuationToken"] = page["NextContinuationToken"]

    def _read(self, key: str, start: int, length: int | None) -> bytes:
        first, total = self._read_part(key, start, PART if length is None else min(length, PART))
        end = total if length is None else min(total, start + length)
        rest = range(start + len(first), end, PART)
        if not rest:
            return first
        parts = _at_once(lambda at: self._read_part(key, at, min(PART, end - at))[0], rest)
        return b"".join([first, *parts])

    def _read_part(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        def request(client: Any) -> tuple[bytes, int]:
            answer = client.get_object(**self._at(key), Range=f"bytes={start}-{start + length - 1}")
            with answer["Body"] as body:
                data = body.read()
            # A server without ranges sends the whole object.
            given = answer.get("ContentRange")
            return (data, int(given.rpartition("/")[2])) if given else (data[start : start + length], len(data))

        try:
            return self._call(request, key)
        except StorageError as error:
            if s3.error_code(error.__cause__ or error) == "InvalidRange":  # past the end, or of an empty object
                return b"", start
            raise

    def _head(self, key: str) -> Any:
        return self._call(lambda client: client.head_object(**self._at(key)), key)

    def _cache_name(self, key: str) -> str:
        version = "" if check_key(key).startswith(_NEVER_STALE) else self._head(key)["ETag"]
        place = f"{self._access.client.meta.endpoint_url}\n{self.url}\n{key}\n{version}"
        return hashlib.blake2b(place.encode(), digest_size=20).hexdigest()

    # Writing

    def put(self, key: str, data: bytes | memoryview | pa.Buffer) -> None:
        """Write a new immutable object. The same bytes again are fine.

        Raises StorageError: kind "object-differs" (other bytes stand under this key; they were left alone),
        "missing-bucket", "no-permission", "expired-credentials", "unreachable", ...
        """
        at, view = self._at(key), memoryview(data).cast("B")
        self.check_writable()
        if len(view) > 2 * PART:
            self._put_in_parts(key, view)
            return
        body = bytes(view)
        try:
            self._call(lambda client: client.put_object(**at, Body=body, IfNoneMatch="*"), key)
        except StorageError as error:
            if not is_taken(error):
                raise
            self._expect_same(key, view)

    def _put_in_parts(self, key: str, view: memoryview) -> None:
        if self.stat(key) is not None:
            self._expect_same(key, view)
            return
        upload = self._call(lambda client: client.create_multipart_upload(**self._at(key)), key)["UploadId"]
        at = {**self._at(key), "UploadId": upload}

        def send(start: int) -> dict[str, Any]:
            number, body = start // PART + 1, bytes(view[start : start + PART])
            answer = self._call(lambda client: client.upload_part(**at, PartNumber=number, Body=body), key)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            parts = {"Parts": _at_once(send, range(0, len(view), PART))}
            self._call(lambda client: client.complete_multipart_upload(**at, MultipartUpload=parts), key)
        except BaseException:
            self._abandon(at)
            raise

    def _abandon(self, at: Mapping[str, Any]) -> None:
        try:
            self._access.client.abort_multipart_upload(**at)
        except Exception:
            # The bucket's own rules sweep unfinished uploads; the first error is the one to report.
            return

    def _expect_same(self, key: str, view: memoryview) -> None:
        if memoryview(self.get(key)) != view:
            raise StorageError(
                "another object stands under this key, and objects are never replaced",
                kind="object-differs",
                place=self._place(key),
            )

    def create(self, key: str, data: bytes) -> None:
        """Write `key` only if it does not exist: of many racing callers with different bytes exactly one returns.

        Raises:
            ObjectExistsError: the key holds other bytes.
            CommitUnknownError: the server cannot be asked whether it took the write; read the key back.
            StorageError: nothing was written; kind "unsafe-store" if the server would replace objects.
        """
        at = self._at(key)
        self.check_writable()
        create_object(self._access, at, bytes(data), self._place(key))

    def check_writable(self) -> None:
        """Test, once, that objects can be written here and that the server refuses to replace one.

        Raises StorageError: kind "unsafe-store" if it does not; other kinds if nothing can be written.
        """
        if not self._writable:
            key = f"tmp/probe-{secrets.token_hex(16)}"
            check_conditional_writes(self._access, self._at(key), self.url)
            self._writable = True

    def delete(self, key: str) -> None:
        """Remove an object; absent is fine. Raises StorageError."""
        try:
            self._call(lambda client: client.delete_object(**self._at(key)), key)
        except ObjectMissingError:
            return

    def _call(self, request: Callable[[Any], T], key: str) -> T:
        return self._access.call(request, self._place(key))

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._name(check_key(key))}

    def _name(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    def _place(self, key: str) -> str:
        return f"{self.url}/{key}"


def _parse(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise InvalidInputError("an S3 path is s3://bucket/prefix", kind="bad-path", place=url)
    return parts.netloc, parts.path.strip("/")


def _session_creds(creds: Creds) -> Secrets | s3.Provider:
    if creds is None or creds == "ENV":
        return Secrets({})
    if isinstance(creds, Secrets) or callable(creds):
        return creds
    if isinstance(creds, Mapping):
        return Secrets(s3.check_creds(creds))
    raise InvalidInputError(
        f'creds are a mapping, a function, None or "ENV", found {type(creds).__name__}',
        kind="bad-creds",
        hint=f"a mapping may hold {', '.join(s3.S3_KEYS)}",
    )


def _at_once(call: Callable[[int], T], items: range) -> list[T]:
    with ThreadPoolExecutor(min(_AT_ONCE, len(items))) as pool:
        return list(pool.map(call, items))
