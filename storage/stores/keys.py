"""What a key may look like, so that one dataset fits every store and every file system."""

from __future__ import annotations

import re

from ..errors import InvalidInputError

# Printable ASCII less what Windows forbids in file names; no part is empty, ends in a dot or space, or is "." or "..".
_PART = r"(?!\.{1,2}(?:/|$))[ !#-).0-9;=@A-Z\[\]^_`a-z{}~+,\-]*[!#-)0-9;=@A-Z\[\]^_`a-z{}~+,\-]"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*")
_PREFIX = re.compile(rf"(?:{_PART}/)*[ !#-).0-9;=@A-Z\[\]^_`a-z{{}}~+,\-]*")
_DEVICE = re.compile(r"(?:^|/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.[^/]*)?(?:/|$)", re.IGNORECASE)
_LONGEST_KEY = 1000  # S3 stops at 1,024 bytes, and the prefix of the dataset comes on top
_LONGEST_PART = 200  # most file systems stop at 255 bytes


def check_key(key: str) -> str:
    """Return `key` if every store can hold it.

    Raises:
        InvalidInputError: kind "bad-key": absolute, with an empty, "." or ".." part, a character or a name that some
            file system refuses, or too long.

    >>> check_key("rows/0f.arrow")
    'rows/0f.arrow'
    """
    if _KEY.fullmatch(key) is None or _DEVICE.search(key):
        raise _bad(key)
    if len(key) > _LONGEST_PART and (len(key) > _LONGEST_KEY or max(map(len, key.split("/"))) > _LONGEST_PART):
        raise _bad(key)
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` if some key could start with it; raises InvalidInputError (kind "bad-key") otherwise."""
    if _PREFIX.fullmatch(prefix) is None or prefix.endswith(("/.", "/..")) or prefix in {".", ".."}:
        raise _bad(prefix)
    return prefix


def check_range(start: int, length: int) -> None:
    """Raise InvalidInputError (kind "bad-range") for a negative start or length."""
    if start < 0 or length < 0:
        raise InvalidInputError(
            f"a range needs a start and a length of 0 or more, found start {start} and length {length}",
            kind="bad-range",
        )


def _bad(key: str) -> InvalidInputError:
    return InvalidInputError(
        f"{key[:120]!r} cannot be the name of an object",
        kind="bad-key",
        hint="use a relative path of letters, digits and - _ . =, its parts divided by /",
    )
