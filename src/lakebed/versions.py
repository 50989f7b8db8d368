"""The history of a dataset: commits, branches, log, diff, checkout, reset."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .diffs import diff_dict, diff_text
from .handle import Handle
from .storage.commits import CommitInfo
from .storage.errors import InvalidInputError
from .storage.names import is_text


class Versions(Handle):
    """The versioning part of `Dataset`."""

    @property
    def branch(self) -> str | None:
        """The branch that this handle follows; None on an old commit or a tag."""
        return self._ws.branch

    @property
    def branches(self) -> list[str]:
        """Names of all branches."""
        return list(self._ws.branches())

    @property
    def tags(self) -> list[str]:
        """Names of all tags."""
        return list(self._ws.tags())

    @property
    def commit_id(self) -> str | None:
        """The last commit of what is checked out; None before the first one."""
        return self._ws.commit_id

    @property
    def pending_commit_id(self) -> str | None:
        """As Deep Lake's: the commit that is checked out if nothing has changed since, else None."""
        return None if self.has_head_changes else self.commit_id

    @property
    def has_head_changes(self) -> bool:
        """Whether there are changes since the last commit."""
        return self._ws.has_changes() or bool(self._staged.waiting())

    @property
    def is_head_node(self) -> bool:
        """Whether a branch is checked out, so that the dataset can be written."""
        return self._ws.branch is not None

    @property
    def commits(self) -> list[dict[str, Any]]:
        """Commits of what is checked out, newest first: dicts with commit, author, time, message, branch, parents."""
        return [_commit_dict(info) for info in self._ws.log()]

    def log(self) -> None:
        """Print the history of what is checked out, newest commit first."""
        where = f"branch {self.branch}" if self.branch else f"commit {self.commit_id} (read-only)"
        print(f"{self._path}: {where}")
        if self.has_head_changes:
            print("\n** there are uncommitted changes")
        for info in self._ws.log():
            print(f"\ncommit  {info.id}  ({info.branch})\nauthor  {info.author}\ntime    {_time(info.time)}")
            print(f"\n    {info.message}")

    def get_commit_details(self, commit_id: str) -> dict[str, Any]:
        """Author, time, message, branch and parents of a commit.

        Raises:
            NotFoundError: there is no such commit.
        """
        return _commit_dict(self._ws.commit_info(version_text(commit_id)))

    def commit(self, message: str | None = None, allow_empty: bool = False) -> str:
        """Seal the working copy as a commit that never changes, and return its id, which ``load("path@id")`` opens.

        When this returns, the commit is durable.

        Raises:
            StateError: kind "nothing-to-commit" without `allow_empty`; kind "read-only"; kind "ragged-rows".
            ConflictError: another writer changed the same rows; nothing of this commit was kept.
        """
        self._writable()
        self._expect_whole_rows()
        # Deep Lake takes any object for a message.
        commit_id: str = self._ws.commit("" if message is None else str(message), allow_empty=allow_empty)
        return commit_id

    def checkout(self, address: str, create: bool = False, reset: bool = False) -> str | None:
        """Switch this handle to a branch, tag or commit; commits and tags are read-only.

        Changes that were not committed stay with their branch and are there when it is checked out again. (Deep Lake
        commits them unasked.)

        Args:
            address: name of a branch or tag, or a commit id.
            create: make a new branch of that name from what is checked out.
            reset: throw away the branch's uncommitted changes first.

        Returns:
            The commit that is now checked out.

        Raises:
            NotFoundError: there is no such branch, tag or commit.
            AlreadyExistsError: `create` and the branch is already there.
        """
        self._expect_whole_rows()
        if reset:
            self.reset()
        self._ws.checkout(version_text(address), create=create)
        return self.commit_id

    def reset(self, force: bool = False) -> None:
        """Throw away all changes since the last commit. `force` is accepted for old scripts and changes nothing."""
        self._writable()
        self._staged.clear()
        self._ws.reset()

    def diff(self, id_1: str | None = None, id_2: str | None = None, as_dict: bool = False) -> dict[str, Any] | None:
        """What changed: printed, or returned as a dictionary.

        Without ids, the working copy against the last commit; with one, the working copy against that version; with
        two, the second against the first. Versions are branches, tags or commit ids.

        Returns:
            None, or with `as_dict` a dictionary: ``rows`` with lists ``added`` and ``deleted`` of row numbers,
            ``updated`` by tensor with a list of ``{"row", "before", "after"}``, ``tensors`` and ``info``.

        Raises:
            InvalidInputError: only `id_2` is given.
            NotFoundError: a version is not there.
        """
        if id_1 is None and id_2 is not None:
            raise InvalidInputError("id_2 is compared with id_1, which is missing", kind="missing-version")
        found = self._ws.diff(id_1, id_2)
        if as_dict:
            return diff_dict(found)
        before = id_1 or _short(self.commit_id) or "the empty dataset"
        now = "the working copy" if self.has_head_changes else _short(self.commit_id) or "now"
        print(diff_text(found, before, id_2 or now))
        return None

    def flush(self) -> None:
        """Make everything durable that was written so far; outside `with ds:` nothing can be lost after it returns.

        Raises:
            StateError: kind "ragged-rows", cells wait for the rest of their rows.
        """
        self._expect_whole_rows()
        self._ws.flush()


def version_text(name: str) -> str:
    """The name of a version as it was given.

    Raises:
        InvalidInputError: kind "bad-name", it is no text.
    """
    if not is_text(name):
        raise InvalidInputError(
            f"a version is named by text, found a value of type {type(name).__name__}",
            kind="bad-name",
            hint="give the name of a branch or tag, or a commit id; ds.branches, ds.tags and ds.log() list them",
        )
    return name


def _commit_dict(info: CommitInfo) -> dict[str, Any]:
    return {
        "commit": info.id,
        "author": info.author,
        "time": _time(info.time),
        "message": info.message,
        "branch": info.branch,
        "parents": list(info.parents),
    }


def _short(commit_id: str | None) -> str:
    return "" if commit_id is None else f"commit {commit_id[:8]}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
