"""Merge against its definition: every combination of what two sides can do to one row of two cells."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from lakebed.storage.errors import ConflictError
from lakebed.storage.htypes import new_spec
from lakebed.storage.links.reader import UrlReader
from lakebed.storage.repository import Repository
from lakebed.storage.stores import open_store
from lakebed.storage.workspace import Workspace

DELETED = "deleted"
CELLS = ("a", "b")
SIDES: list[Any] = [DELETED, *itertools.product((0, 1, 2), repeat=2)]
"""What a side leaves of the row (0, 0): nothing, or new values of its cells."""


def expected(ours: Any, theirs: Any) -> Any:
    """The merged row, "deleted", or None for a conflict; straight from the promise in the design."""
    base = (0, 0)
    if DELETED in (ours, theirs):
        other = theirs if ours == DELETED else ours
        return DELETED if other in (DELETED, base) else None
    merged = []
    for was, mine, their in zip(base, ours, theirs, strict=True):
        if mine not in (was, their) and their != was:
            return None
        merged.append(their if mine == was else mine)
    return tuple(merged)


def new_workspace(name: str) -> Workspace:
    workspace = Workspace(Repository.create(open_store(f"mem://{name}"), UrlReader(), overwrite=True))
    for tensor in CELLS:
        spec, info = new_spec(tensor, tensor, "generic", dtype="int64")
        workspace.create_tensor(spec, info)
    return workspace


def leave(workspace: Workspace, side: Any) -> None:
    """Change the row at position 1 to what `side` says and commit."""
    if side == DELETED:
        workspace.pop([1])
    else:
        workspace.update([1], {tensor: [value] for tensor, value in zip(CELLS, side, strict=True)})
    workspace.commit("side", allow_empty=True)


def rows_of(workspace: Workspace) -> list[tuple[int, ...]]:
    columns = [[int(value) for value in workspace.read(tensor, range(len(workspace)))] for tensor in CELLS]
    return list(zip(*columns, strict=True))


def diverged(name: str, ours: Any, theirs: Any) -> Workspace:
    """A workspace on "main" with `ours`, and a branch "dev" with `theirs`, from one commit of three rows."""
    workspace = new_workspace(name)
    workspace.extend({"a": [9, 0, 8], "b": [9, 0, 8]}, 3)
    workspace.commit("base")
    workspace.checkout("dev", create=True)
    leave(workspace, theirs)
    workspace.checkout("main")
    leave(workspace, ours)
    return workspace


@pytest.mark.parametrize("ours", SIDES, ids=str)
def test_every_pair_of_changes_to_a_row_merges_as_defined(ours: Any) -> None:
    for theirs in SIDES:
        workspace = diverged("merge-table", ours, theirs)
        wanted = expected(ours, theirs)
        if wanted is None:
            before = rows_of(workspace)
            with pytest.raises(ConflictError) as caught:
                workspace.merge("dev")
            assert caught.value.conflicts, (ours, theirs)
            assert rows_of(workspace) == before
            continue
        merged = workspace.merge("dev")
        middle = [] if wanted == DELETED else [wanted]
        assert rows_of(workspace) == [(9, 9), *middle, (8, 8)], (ours, theirs)
        assert workspace.merge("dev") == merged


@pytest.mark.parametrize("resolution", ["ours", "theirs"])
def test_a_resolution_settles_every_conflict_for_its_side(resolution: str) -> None:
    for ours, theirs in itertools.product(SIDES, SIDES):
        if expected(ours, theirs) is not None:
            continue
        workspace = diverged("merge-resolved", ours, theirs)
        workspace.merge("dev", resolution)
        won = ours if resolution == "ours" else theirs
        rows = rows_of(workspace)
        if won == DELETED:
            assert rows == [(9, 9), (8, 8)], (ours, theirs)
        elif DELETED in (ours, theirs):
            assert sorted(rows) == sorted([(9, 9), won, (8, 8)]), (ours, theirs)
        else:
            contested = [i for i in range(2) if ours[i] != theirs[i] and 0 not in (ours[i], theirs[i])]
            assert all(rows[1][i] == won[i] for i in contested), (ours, theirs, rows)


def test_a_function_decides_each_conflict_and_sees_all_three_values() -> None:
    workspace = diverged("merge-function", (1, 1), (2, 2))
    seen = []

    def decide(conflict: Any) -> str:
        seen.append((conflict.tensor, int(conflict.base), int(conflict.ours), int(conflict.theirs)))
        return "ours" if conflict.tensor == "a" else "theirs"

    workspace.merge("dev", decide)
    assert rows_of(workspace)[1] == (1, 2)
    assert sorted(seen) == [("a", 0, 1, 2), ("b", 0, 1, 2)]
