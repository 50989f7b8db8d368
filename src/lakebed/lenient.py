"""Rows written as far as they can be: those that do not fit are left out and listed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from .storage.errors import NotFoundError, SampleError, StorageError
from .storage.workspace import Workspace

LeftOut = tuple[int, str]
"""Place of a row among those given, and what was wrong with it."""

_LISTED = 20


def extend_or_skip(workspace: Workspace, columns: Mapping[str, Sequence[Any]], start: int, stop: int) -> list[LeftOut]:
    """Add rows `start` to `stop` of `columns`, in halves where one fails; returns those left out.

    A batch with one bad row among n costs log n more attempts, not n.
    """
    try:
        workspace.extend({name: values[start:stop] for name, values in columns.items()}, stop - start)
    except (SampleError, StorageError, NotFoundError) as error:
        if stop - start == 1:
            return [(start, error.message)]
        middle = (start + stop) // 2
        return extend_or_skip(workspace, columns, start, middle) + extend_or_skip(workspace, columns, middle, stop)
    return []


def warn_left_out(lines: Sequence[str], total: int, what: str = "rows", depth: int = 4) -> None:
    """One warning that lists what was left out, if anything was; `depth` frames up is who is warned."""
    if lines:
        shown = "\n  ".join(lines[:_LISTED]) + ("\n  ..." if len(lines) > _LISTED else "")
        warnings.warn(f"{len(lines)} of {total} {what} were left out:\n  {shown}", UserWarning, stacklevel=depth)
