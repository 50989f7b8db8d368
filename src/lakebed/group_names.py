"""Groups, which exist by the names of tensors: ``a/b/c`` makes the groups ``a`` and ``a/b``."""

from __future__ import annotations

from collections.abc import Sequence

from .info import RESERVED

GROUPS_KEY = RESERVED + "groups"
"""Key of the dataset's info that lists groups without tensors; groups with tensors need no record."""


def all_groups(names: Sequence[str], empty: Sequence[str]) -> list[str]:
    """Every group that tensors called `names`, and `empty` groups, make: ``a`` and ``a/b`` for ``a/b/c``."""
    parts = [name.split("/")[:-1] for name in names] + [name.split("/") for name in empty]
    found = ("/".join(path[:depth]) for path in parts for depth in range(1, len(path) + 1))
    return list(dict.fromkeys(found))


def sub_groups(prefix: str, names: Sequence[str], empty: Sequence[str]) -> list[str]:
    """The groups directly under `prefix` ("" or ending in "/"), by their name there."""
    inner = (group[len(prefix) :] for group in all_groups(names, empty) if group.startswith(prefix))
    return [name for name in inner if name and "/" not in name]
