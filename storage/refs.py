"""The refs map: what branches, tags, views and creds keys there are; one small object, replaced with each log entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .objects import Pointer


@dataclass(frozen=True, slots=True)
class CommitRef:
    """A commit's id and where its object lies."""

    id: str
    pointer: Pointer

    def to_json(self) -> list[Any]:
        return [self.id, self.pointer.to_json()]

    @classmethod
    def from_json(cls, data: list[Any], bundle: str) -> CommitRef:
        return cls(data[0], Pointer.from_json(data[1], bundle))


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch: its last commit, and what has landed since."""

    head: CommitRef | None = None
    working: Pointer | None = None
    """The working snapshot: a commit object without a message; None if nothing changed since `head`."""

    def to_json(self) -> dict[str, Any]:
        return {
            "head": self.head.to_json() if self.head else None,
            "working": self.working.to_json() if self.working else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], bundle: str) -> Branch:
        head, working = data["head"], data["working"]
        return cls(
            CommitRef.from_json(head, bundle) if head else None,
            Pointer.from_json(working, bundle) if working else None,
        )


@dataclass(frozen=True, slots=True)
class Refs:
    """The state of a whole dataset at one log entry."""

    branches: Mapping[str, Branch] = field(default_factory=lambda: {"main": Branch()})
    tags: Mapping[str, CommitRef] = field(default_factory=dict)
    views: Pointer | None = None
    """The map of view ids to records (see `views`); apart, so that a commit does not rewrite it."""
    creds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Creds key names and whether they are managed; never a secret."""
    next_row_id: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "branches": {name: branch.to_json() for name, branch in self.branches.items()},
            "tags": {name: tag.to_json() for name, tag in self.tags.items()},
            "views": self.views.to_json() if self.views else None,
            "creds": {name: dict(key) for name, key in self.creds.items()},
            "next_row_id": self.next_row_id,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], bundle: str) -> Refs:
        views = data["views"]
        return cls(
            {name: Branch.from_json(raw, bundle) for name, raw in data["branches"].items()},
            {name: CommitRef.from_json(raw, bundle) for name, raw in data["tags"].items()},
            Pointer.from_json(views, bundle) if views else None,
            data["creds"],
            data["next_row_id"],
        )

    def with_branch(self, name: str, branch: Branch) -> Refs:
        return replace(self, branches={**self.branches, name: branch})
