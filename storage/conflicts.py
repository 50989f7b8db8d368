"""What two sides of a merge disagree on, and who decides: by row id and cell, measured from their common version.

A side changed a cell that differs from the common version; in a tensor that both sides made, one that is not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow import Ints, take_rows
from .diff import Diff, diff, differing
from .errors import ConflictError, InvalidInputError
from .labels import translated
from .payloads import REF_SUFFIX
from .schema import TensorSpec
from .snapshot import Snapshot, tensor_fields
from .views import positions


@dataclass(frozen=True, slots=True)
class Conflict:
    """One disagreement. `tensor` is "" where a row was deleted on one side and changed on the other."""

    row_id: int
    tensor: str
    base: Any
    """Decoded samples; None where the row is deleted, or the tensor not there."""
    ours: Any
    theirs: Any


Resolution = str | Callable[[Conflict], str] | None
"""None (refuse), "ours", "theirs", or a function that says "ours" or "theirs" for each conflict."""
NEITHER = "base"
"""The verdict by which merge makes one common version of several: what they disagree on stays as it was before, so that
it differs from both sides and is asked about."""


class Sides:
    """The three versions of a merge and what each side changed."""

    def __init__(self, base: Snapshot, ours: Snapshot, theirs: Snapshot) -> None:
        self.base = base
        self.ours = ours
        self.theirs = theirs
        self.mine: Diff = diff(base, ours)
        self.their: Diff = diff(base, theirs)

    @cached_property
    def everywhere(self) -> Ints:
        """Ids of rows that all three versions have."""
        return np.intersect1d(np.intersect1d(self.base.row_ids, self.ours.row_ids), self.theirs.row_ids)

    @cached_property
    def contested_rows(self) -> Ints:
        """Ids of rows that one side deleted and the other changed."""
        ours, theirs = self.mine.updated_rows, self.their.updated_rows
        return np.union1d(np.intersect1d(self.mine.deleted, theirs), np.intersect1d(self.their.deleted, ours))

    @cached_property
    def contested_cells(self) -> dict[str, Ints]:
        """Physical column of a tensor -> ids of rows whose cell both sides changed, to different values."""
        return {spec.column: ids for spec in self.ours.schema if len(ids := self._contested(spec))}

    def _contested(self, spec: TensorSpec) -> Ints:
        twin = by_column(self.theirs, spec.column)
        if twin is None:
            return np.empty(0, np.int64)
        both = np.intersect1d(self._changed(self.mine, spec), self.their_changes(twin))
        contested: Ints = both[unlike(self.ours, self.theirs, spec, both)]
        return contested

    def their_changes(self, spec: TensorSpec) -> Ints:
        """Ids of rows whose cell they changed; `spec` is of their schema, and our schema has the tensor too."""
        return self._changed(self.their, spec)

    def _changed(self, change: Diff, spec: TensorSpec) -> Ints:
        if by_column(self.base, spec.column) is not None:
            return change.updated.get(spec.name, np.empty(0, np.int64))
        cells = {
            suffix: cells_at(change.after, spec.column + suffix, self.everywhere) for suffix in tensor_fields(spec)
        }
        changed: Ints = self.everywhere[filled(cells)]
        return changed

    def conflict(self, column: str, row: int) -> Conflict:
        """The disagreement on a cell, or for "" on a row."""
        name = "" if not column else _spec(self.ours, column).name
        return Conflict(row, name, *(_sample(side, column, row) for side in (self.base, self.ours, self.theirs)))


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was decided: "ours", "theirs" or `NEITHER` for each contested row, and cell by physical column."""

    rows: Mapping[int, str]
    cells: Mapping[str, Mapping[int, str]]

    def rows_for(self, *verdicts: str) -> Ints:
        return np.array([row for row, verdict in self.rows.items() if verdict in verdicts], np.int64)

    def cells_for(self, column: str, *verdicts: str) -> Ints:
        decided = self.cells.get(column, {})
        return np.array([row for row, verdict in decided.items() if verdict in verdicts], np.int64)


def decide(sides: Sides, resolution: Resolution) -> Verdicts:
    """Who wins each disagreement.

    Raises:
        ConflictError: kind "merge-conflict", with all of them, where there are some and `resolution` is None.
        InvalidInputError: kind "bad-resolution".
    """
    rows = sides.contested_rows.tolist()
    cells = {column: ids.tolist() for column, ids in sides.contested_cells.items()}
    if (rows or cells) and resolution is None:
        raise _conflict_error(
            sides, [("", row) for row in rows] + [(c, row) for c, ids in cells.items() for row in ids]
        )
    return Verdicts(
        {row: _verdict(resolution, sides, "", row) for row in rows},
        {column: {row: _verdict(resolution, sides, column, row) for row in ids} for column, ids in cells.items()},
    )


def _verdict(resolution: Resolution, sides: Sides, column: str, row: int) -> str:
    if isinstance(resolution, str) and resolution in {"ours", "theirs", NEITHER}:
        return resolution
    if not callable(resolution):
        raise InvalidInputError(
            f"conflict_resolution={resolution!r} is not known",
            kind="bad-resolution",
            hint='pass "ours", "theirs", a function of one conflict that returns either, or None to refuse',
        )
    said = resolution(sides.conflict(column, row))
    if said not in {"ours", "theirs"}:
        raise InvalidInputError(
            f"conflict_resolution returned {said!r}", kind="bad-resolution", hint='return "ours" or "theirs"'
        )
    return said


def _conflict_error(sides: Sides, places: Sequence[tuple[str, int]]) -> ConflictError:
    conflicts = tuple(sides.conflict(column, row) for column, row in places)
    lines = [
        f"row id {found.row_id}, tensor {found.tensor!r}"
        if found.tensor
        else f"row id {found.row_id}: deleted on one side, changed on the other"
        for found in conflicts[:10]
    ]
    more = f" (and {len(places) - 10} more)" if len(places) > 10 else ""
    error = ConflictError(
        f"{len(places)} conflict{'s' if len(places) > 1 else ''}: " + "; ".join(lines) + more,
        kind="merge-conflict",
        place=sides.ours.context.store.url,
        hint='nothing was merged; pass conflict_resolution="ours" or "theirs", or a function that decides each',
    )
    error.conflicts = conflicts
    return error


# --- cells ---


def by_column(snapshot: Snapshot, column: str) -> TensorSpec | None:
    """The tensor with this physical column, or None."""
    return next((spec for spec in snapshot.schema if spec.column == column), None)


def _spec(snapshot: Snapshot, column: str) -> TensorSpec:
    spec = by_column(snapshot, column)
    assert spec is not None, "the caller knows that it is there"
    return spec


def cells_at(snapshot: Snapshot, column: str, ids: Ints) -> pa.Array:
    """Physical cells of the rows with these ids; nulls where the version lacks the column, as before a first sample."""
    if column not in snapshot.fields:
        return pa.nulls(len(ids))
    return take_rows(snapshot.column(column), positions(snapshot.row_ids, ids, "merge"))


def unlike(ours: Snapshot, theirs: Snapshot, spec: TensorSpec, ids: Ints) -> Any:
    """Whether our cell of each row is not theirs, class names compared and not their codes."""
    found = np.zeros(len(ids), bool)
    for suffix in tensor_fields(spec) if len(ids) else ():  # no column is opened for nothing
        name = spec.column + suffix
        found |= differing(cells_at(ours, name, ids), translated(cells_at(theirs, name, ids), name, theirs, ours))
    return found


def filled(cells: Mapping[str, pa.Array]) -> Any:
    """Which rows have a sample that is not empty, from their physical cells by suffix."""
    present = [_present(array) for suffix, array in cells.items() if suffix in {"", REF_SUFFIX} or "" not in cells]
    found: Any = np.logical_or.reduce(present)
    return found


def _present(array: pa.Array) -> Any:
    kind = array.type
    if pa.types.is_list(kind):
        present = pc.greater(pc.list_value_length(array), 0)
    elif pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        present = pc.greater(pc.binary_length(array), 0)
    else:
        present = pc.is_valid(array)
    return pc.fill_null(present, False).to_numpy(zero_copy_only=False)


def _sample(snapshot: Snapshot, column: str, row: int) -> Any:
    found = np.flatnonzero(snapshot.row_ids == row)
    if not len(found):
        return None
    if not column:
        return {spec.name: snapshot.read(spec.name, found)[0] for spec in snapshot.schema if not spec.link}
    spec = by_column(snapshot, column)
    return snapshot.read(spec.name, found)[0] if spec is not None else None
