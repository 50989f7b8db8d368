"""Names of branches, tags and views: what is allowed."""

from __future__ import annotations

from .errors import InvalidInputError


def check_ref_name(name: str) -> None:
    """Names of branches, tags and views: letters, digits, "_", "-", ".", not starting with "." or "-".

    Raises:
        InvalidInputError: kind "bad-name".
    """
    allowed = all(char.isalnum() or char in "_-." for char in name)
    if not name or not allowed or not name.isascii() or name[0] in ".-" or len(name) > 128:
        raise InvalidInputError(
            f"{name!r} cannot be a name",
            kind="bad-name",
            hint="use up to 128 letters, digits, '_', '-' and '.', and start with a letter or digit",
        )
