"""A local folder that an export fills; it never writes over one that another export made."""

from __future__ import annotations

from pathlib import Path as LocalPath

from ..places import Path, path_text
from ..storage.errors import AlreadyExistsError
from ..storage.stores.os_errors import storage_error


class NewFolder:
    """Writes files below a folder. `last` is the file that is written when all others are there.

    Raises:
        AlreadyExistsError: kind "export-exists": `last` is there already.
    """

    def __init__(self, path: Path, last: str) -> None:
        self._root = LocalPath(path_text(path))
        if (self._root / last).exists():
            raise AlreadyExistsError(
                f"there is {last} already",
                kind="export-exists",
                place=str(self._root),
                hint="choose another folder, or remove this one",
            )

    def write(self, name: str, data: bytes) -> None:
        """Raises StorageError."""
        target = self._root / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except OSError as error:
            raise storage_error(error, "write the file", str(target)) from error
