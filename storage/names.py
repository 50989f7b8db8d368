"""Names that callers give: of branches, tags and views, what is allowed; of all, that they are text."""

from __future__ import annotations

from .errors import InvalidInputError


def is_text(value: object) -> bool:
    """Whether an argument that must be text is: a caller without a type checker gives anything."""
    return isinstance(value, str)


def check_ref_name(name: str) -> None:
    """Names of branches, tags and views: letters, digits, "_", "-", ".", not starting with "." or "-".

    Raises:
        InvalidInputError: kind "bad-name".
    """
    if not is_text(name):
        raise InvalidInputError(f"a name is text, found a value of type {type(name).__name__}", kind="bad-name")
    allowed = all(char.isalnum() or char in "_-." for char in name)
    if not name or not allowed or not name.isascii() or name[0] in ".-" or len(name) > 128:
        raise InvalidInputError(
            f"{name!r} cannot be a name",
            kind="bad-name",
            hint="use up to 128 letters, digits, '_', '-' and '.', and start with a letter or digit",
        )
