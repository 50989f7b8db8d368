"""Create-if-absent on S3: one conditional PUT whose lost answers are looked up, and the test that a server knows it.

Nothing else conditional is relied on: servers differ in `If-Match`, and in conditions on multipart uploads.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..errors import CommitUnknownError, ObjectExistsError, StorageError
from . import s3_client as s3
from .retry import pauses

_ATTEMPTS = 4


def create_object(access: s3.S3Access, at: Mapping[str, str], data: bytes, place: str) -> None:
    """Write the object `at` (Bucket, Key) if there is none.

    A write that may have arrived is repeated with the same bytes until the server tells what stands there: our bytes
    are success, since no two writers use the same bytes.

    Raises:
        ObjectExistsError: other bytes stand there.
        CommitUnknownError: the write may have arrived, and what stands there could not be learned.
        StorageError: nothing was written.
    """
    doubt: Exception | None = None
    error: Exception | None = None
    for pause in pauses(_ATTEMPTS):
        error = _try_to_put(access, at, data)
        if error is None:
            return
        if not s3.was_not_sent(error) and not _is_refusal(error):
            doubt = error
        if doubt is not None and _holds(access, at, data, place):
            return
        if _is_refusal(error) and s3.error_code(error) not in s3.EXPIRED:
            break
        time.sleep(pause)
    if doubt is not None:
        raise _unknown(doubt, place) from error
    assert error is not None  # at least one attempt was made
    raise access.translate(error, place) from error


def _try_to_put(access: s3.S3Access, at: Mapping[str, str], data: bytes) -> Exception | None:
    client = access.client
    try:
        client.put_object(**at, Body=data, IfNoneMatch="*")
    except Exception as error:
        if s3.error_code(error) in s3.EXPIRED:
            access.refresh(client)
        return error
    return None


def _is_refusal(error: Exception) -> bool:
    """Whether the server, or boto3 before it, surely did not write.

    412 and 409 are not: they may answer our own write, repeated on its way, and are looked up like a lost answer.
    """
    if s3.is_passing(error):
        return False
    status = s3.http_status(error)
    return status not in {409, 412} and status < 500


def _holds(access: s3.S3Access, at: Mapping[str, str], data: bytes, place: str) -> bool:
    try:
        found = access.client.get_object(**at)["Body"].read()
    except Exception as error:
        if access.translate(error, place) is error:  # not about S3
            raise
        return False
    if found != data:
        raise ObjectExistsError("the object exists already", place=place)
    return True


def _unknown(doubt: Exception, place: str) -> CommitUnknownError:
    return CommitUnknownError(
        f"the server did not say whether it took the write ({type(doubt).__name__}: {doubt})",
        place=place,
        hint="it may be there, or still arrive: read it back before you write again",
    )


def check_conditional_writes(access: s3.S3Access, at: Mapping[str, str], place: str) -> None:
    """Write the new object `at` twice, expect a refusal of the second, and remove it.

    Amazon's own servers are not tested: it would cost three requests in each process that writes.

    Raises:
        StorageError: kind "unsafe-store" if the server replaced the object; other kinds if nothing can be written.
    """
    if ".amazonaws.com" in access.client.meta.endpoint_url:
        return
    try:
        _probe(access, at, place)
    finally:
        _remove_probe(access, at)


def _probe(access: s3.S3Access, at: Mapping[str, str], place: str) -> None:
    access.call(lambda client: client.put_object(**at, Body=b"1"), place)
    try:
        access.call(lambda client: client.put_object(**at, Body=b"2", IfNoneMatch="*"), place)
    except StorageError as error:
        if is_taken(error):
            return
        if s3.http_status(error.__cause__ or error) == 501:
            raise _unsafe(place, "does not know") from error
        raise
    raise _unsafe(place, "ignores")


def _remove_probe(access: s3.S3Access, at: Mapping[str, str]) -> None:
    try:
        access.client.delete_object(**at)
    except Exception:
        # A writer may lack the right to delete, and then one byte stays in tmp/; what the probe told matters more.
        return


def is_taken(error: StorageError) -> bool:
    """Whether the server refused a conditional write because the key exists."""
    return s3.http_status(error.__cause__ or error) == 412


def _unsafe(place: str, how: str) -> StorageError:
    return StorageError(
        f"this server {how} the request to write an object only if it is absent (If-None-Match), so two writers would "
        "overwrite each other",
        kind="unsafe-store",
        place=place,
        hint="use Amazon S3, Ceph RGW, MinIO, or another server that honours it; reading works here",
    )
