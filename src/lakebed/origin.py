"""Where a view comes from, and the datasets that a query opened on its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .places import find_place, open_workspace
from .storage.snapshot import Snapshot
from .storage.source import SampleSource
from .storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Origin:
    """The handle that a view reads and saves through, the dataset's path as the user wrote it, and the query's text.

    `aliases` are the names that the query gave to tensors: ``select boxes as b`` gives ``{"b": "boxes"}``.
    """

    workspace: Workspace
    path: str
    query: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)


class Opener:
    """Opens the datasets that a query names in FROM, and remembers which rows came from where."""

    def __init__(self) -> None:
        self._opened: list[tuple[Snapshot, Workspace, str]] = []

    def __call__(self, path: str, version: str | None) -> SampleSource:
        """The rows of a dataset; `path` may end in ``@version``.

        Raises:
            NotFoundError: kind "no-dataset" or "unknown-version".
        """
        place = find_place(f"{path}@{version}" if version else path)
        workspace = open_workspace(place, read_only=True)
        snapshot = workspace.snapshot()
        self._opened.append((snapshot, workspace, place.path))
        return snapshot

    def origin_of(self, source: SampleSource, query: str, aliases: Mapping[str, str]) -> tuple[Snapshot, Origin]:
        """The version that `source`, which this opened, is of."""
        snapshot, workspace, path = next(opened for opened in self._opened if opened[0] is source)
        return snapshot, Origin(workspace, path, query, aliases)
