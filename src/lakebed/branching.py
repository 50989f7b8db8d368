"""Branches and tags managed, merged and reverted."""

from __future__ import annotations

from .handle import Handle
from .storage.merge import Resolution
from .versions import version_text


class Branching(Handle):
    """The part of `Dataset` that joins and names versions."""

    def merge(
        self,
        target_id: str,
        conflict_resolution: Resolution = None,
        delete_removed_tensors: bool = False,
        force: bool = False,
        message: str | None = None,
    ) -> str:
        """Merge the last commit of a branch (or a tag or commit) into this branch, row by row and cell by cell.

        Args:
            target_id: what to merge.
            conflict_resolution: for cells that both sides changed: None refuses, "ours" and "theirs" take a side, a
                function is asked for each `Conflict`.
            delete_removed_tensors: also delete tensors that the other side deleted.
            force: accepted for old scripts and unused.
            message: of the new commit; None says what was merged.

        Returns:
            The new commit's id; the present one if there was nothing to merge.

        Raises:
            ConflictError: kind "merge-conflict"; ``error.conflicts`` lists them and nothing was merged.
            StateError: kind "uncommitted-changes".
            NotFoundError: kind "unknown-version".
        """
        self._expect_whole_rows()
        commit_id: str = self._ws.merge(version_text(target_id), conflict_resolution, delete_removed_tensors, message)
        return commit_id

    def revert(self, commit_id: str, conflict_resolution: Resolution = None, message: str | None = None) -> str:
        """Undo one commit by a new one, keeping what came after; returns the new commit's id.

        Raises:
            ConflictError: later commits changed the same cells.
            StateError: kind "uncommitted-changes".
        """
        self._expect_whole_rows()
        new_id: str = self._ws.revert(version_text(commit_id), conflict_resolution, message)
        return new_id

    def tag(self, name: str, version: str | None = None) -> None:
        """Name a commit for ever: the last one here, or the one that `version` means.

        Raises:
            AlreadyExistsError: a branch or tag has that name.
            StateError: there is no commit yet.
        """
        self._ws.tag(name, version)

    def delete_tag(self, name: str) -> None:
        """Remove a tag; its commit stays if anything else leads to it.

        Raises:
            NotFoundError: kind "unknown-version".
        """
        self._ws.delete_tag(name)

    def delete_branch(self, name: str) -> None:
        """Remove a branch with its uncommitted changes; what tags and views pin stays.

        Raises:
            NotFoundError: kind "unknown-version".
            StateError: kind "branch-in-use", it is checked out here, or "main".
        """
        self._ws.delete_branch(name)

    def rename_branch(self, name: str, new_name: str) -> None:
        """Give a branch another name; "main" keeps its own.

        Raises:
            NotFoundError, AlreadyExistsError, StateError
        """
        self._ws.rename_branch(name, new_name)
