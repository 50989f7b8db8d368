"""The few ways in which a link cannot be read, each with its kind."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from ..errors import StorageError


def shown(url: str) -> str:
    """`url` as it may stand in a message: without the password and the signature that some URLs carry.

    >>> shown("https://me:secret@host/a.jpg?X-Amz-Signature=f00")
    'https://host/a.jpg?...'
    """
    if not url.lower().startswith(("http://", "https://")):
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "..." if parts.query else "", ""))


def missing(url: str, why: str = "") -> StorageError:
    """There is no file at `url`."""
    return StorageError(f"the linked file does not exist{_because(why)}", kind="link-missing", place=shown(url))


def denied(url: str, why: str, hint: str = "") -> StorageError:
    """There may be a file at `url`, but we may not read it."""
    return StorageError(
        f"the linked file may not be read{_because(why)}", kind="link-denied", place=shown(url), hint=hint
    )


def unreachable(url: str, why: str, hint: str = "") -> StorageError:
    """The source did not answer, or answered with a fault, several times."""
    return StorageError(
        f"the linked file cannot be reached{_because(why)}", kind="link-unreachable", place=shown(url), hint=hint
    )


def changed(url: str, what: str, then: object, now: object) -> StorageError:
    """The file at `url` is another one than was linked."""
    return StorageError(
        f"the linked file has changed: its {what} was {then} when it was linked and is {now} now",
        kind="link-changed",
        place=shown(url),
        hint="link the file again to take its new contents, or restore the old file",
    )


def _because(why: str) -> str:
    return f" ({why})" if why else ""
