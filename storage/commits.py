"""Commits: a version of the dataset with its parents, author, time and message; a working snapshot has no message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from .objects import Pointer
from .refs import CommitRef


@dataclass(frozen=True, slots=True)
class Tree:
    """What a version holds, by pointers, so that what did not change is not written again."""

    schema: Pointer
    info: Pointer
    manifest: Pointer
    rows: int

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": self.schema.to_json(),
            "info": self.info.to_json(),
            "manifest": self.manifest.to_json(),
            "rows": self.rows,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], bundle: str) -> Tree:
        return cls(
            Pointer.from_json(data["schema"], bundle),
            Pointer.from_json(data["info"], bundle),
            Pointer.from_json(data["manifest"], bundle),
            data["rows"],
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """One version. `message` is None for a working snapshot."""

    tree: Tree
    parents: tuple[CommitRef, ...]
    author: str
    time: float
    """Seconds since the epoch, by the writer's clock."""
    message: str | None
    branch: str

    def to_json(self) -> dict[str, Any]:
        return {
            "tree": self.tree.to_json(),
            "parents": [parent.to_json() for parent in self.parents],
            "author": self.author,
            "time": self.time,
            "message": self.message,
            "branch": self.branch,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], bundle: str) -> Commit:
        return cls(
            Tree.from_json(data["tree"], bundle),
            tuple(CommitRef.from_json(parent, bundle) for parent in data["parents"]),
            data["author"],
            data["time"],
            data["message"],
            data["branch"],
        )


def commit_id(data: bytes) -> str:
    """A commit's id: BLAKE2b with 20 bytes of its object, in hex."""
    return blake2b(data, digest_size=20).hexdigest()


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """What `log()` shows of a commit."""

    id: str
    parents: tuple[str, ...]
    branch: str
    author: str
    time: float
    message: str

    @classmethod
    def of(cls, commit_id: str, commit: Commit) -> CommitInfo:
        parents = tuple(parent.id for parent in commit.parents)
        return cls(commit_id, parents, commit.branch, commit.author, commit.time, commit.message or "")
