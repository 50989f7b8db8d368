"""Paths for completion: what lies in a folder, datasets and folders first; unreadable folders hold nothing."""

from __future__ import annotations

import os
from pathlib import Path

MOST = 200
"""Paths that are offered at most."""


def local_paths(typed: str) -> list[str]:
    """Paths that begin with what is typed; folders end with a slash. Names that begin with a dot only if one is typed.

    URLs such as ``s3://`` have no completion.
    """
    if "://" in typed:
        return []
    head, slash, start = typed.rpartition("/")
    folder = Path(head + slash).expanduser() if head or slash else Path()
    try:
        with os.scandir(folder) as entries:
            found = [
                (not entry.is_dir(), entry.name)
                for entry in entries
                if entry.name.startswith(start) and (start or not entry.name.startswith("."))
            ]
    except OSError:
        # What cannot be listed offers nothing; the command itself will say what is wrong with the path.
        return []
    return [f"{head}{slash}{name}{'' if is_file else '/'}" for is_file, name in sorted(found)[:MOST]]
