"""Three-way merge: by row id and cell, from the nearest common version.

One side changed a cell: it is taken. Both changed it to different values, or one deleted a row that the other changed:
a conflict. Rows added on either side stay. Merging the same version again changes nothing, because ids are permanent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints, take_rows
from .diff import Diff, diff, differing
from .draft import Draft
from .errors import ConflictError, InvalidInputError
from .fragment import write_fragment
from .labels import translated
from .manifest import Entry
from .objects import encode_ids
from .rebase import Renumbering, merged_infos, renumbered
from .schema import Schema, TensorSpec
from .snapshot import Snapshot, stored_fields, tensor_fields
from .views import positions


@dataclass(frozen=True, slots=True)
class Conflict:
    """One disagreement. `tensor` is "" where a row was deleted on one side and changed on the other."""

    row_id: int
    tensor: str
    base: Any
    """Decoded samples; None where the row is deleted."""
    ours: Any
    theirs: Any


Resolution = str | Callable[[Conflict], str] | None
"""None (refuse), "ours", "theirs", or a function that says "ours" or "theirs" for each conflict."""


@dataclass(frozen=True, slots=True)
class _Sides:
    base: Snapshot
    ours: Snapshot
    theirs: Snapshot
    mine: Diff
    their: Diff


def merged(
    base: Snapshot,
    ours: Snapshot,
    theirs: Snapshot,
    resolution: Resolution = None,
    delete_removed_tensors: bool = False,
) -> Draft:
    """A draft on top of `ours` with what changed from `base` to `theirs`.

    Raises:
        ConflictError: kind "merge-conflict", with `conflicts`, where `resolution` is None; kind "schema-conflict" or
            "info-conflict" where both sides changed a tensor's description differently.
    """
    sides = _Sides(base, ours, theirs, diff(base, ours), diff(base, theirs))
    take_rows_of, take_cells_of = _settle(sides, resolution)
    result = Draft(ours)
    result.set_schema(_merged_schema(base.schema, ours.schema, theirs.schema, delete_removed_tensors))
    result.infos, renumbering = merged_infos(
        (base.schema, base.infos), (theirs.schema, theirs.infos), (ours.schema, ours.infos), result.schema
    )
    _take_cells(result, sides, take_cells_of, renumbering)
    _take_deletions(result, sides, take_rows_of)
    _take_rows(result, sides, take_rows_of, renumbering)
    return result


# --- conflicts ---


def _settle(sides: _Sides, resolution: Resolution) -> tuple[set[int], set[tuple[str, int]]]:
    """Contested rows and cells for which theirs is taken; all others that are contested stay ours.

    Returns row ids (deleted on one side, changed on the other) and (tensor, row id) pairs.
    """
    rows = set(_contested_rows(sides).tolist())
    cells = [(tensor, int(row)) for tensor, ids in _contested_cells(sides).items() for row in ids]
    if not rows and not cells:
        return set(), set()
    if resolution is None:
        raise _conflict_error(sides, sorted(rows), cells)
    if resolution not in {"ours", "theirs"} and not callable(resolution):
        raise InvalidInputError(
            f"conflict_resolution={resolution!r} is not known",
            kind="bad-resolution",
            hint='pass "ours", "theirs", a function of one conflict that returns either, or None to refuse',
        )
    return (
        {row for row in rows if _verdict(resolution, sides, "", row) == "theirs"},
        {(tensor, row) for tensor, row in cells if _verdict(resolution, sides, tensor, row) == "theirs"},
    )


def _verdict(resolution: Resolution, sides: _Sides, tensor: str, row: int) -> str:
    if isinstance(resolution, str):
        return resolution
    assert resolution is not None
    said = resolution(_conflict(sides, tensor, row))
    if said not in {"ours", "theirs"}:
        raise InvalidInputError(
            f"conflict_resolution returned {said!r}", kind="bad-resolution", hint='return "ours" or "theirs"'
        )
    return said


def _contested_rows(sides: _Sides) -> Ints:
    ours, theirs = _touched(sides.mine), _touched(sides.their)
    return np.union1d(np.intersect1d(sides.mine.deleted, theirs), np.intersect1d(sides.their.deleted, ours))


def _touched(change: Diff) -> Ints:
    parts = list(change.updated.values())
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def _contested_cells(sides: _Sides) -> dict[str, Ints]:
    """Cells that both sides changed, to different values."""
    contested = {}
    theirs_by_column = {sides.theirs.schema[name].column: name for name in sides.their.updated}
    for name, mine in sides.mine.updated.items():
        twin = theirs_by_column.get(sides.ours.schema[name].column)
        both = np.intersect1d(mine, sides.their.updated[twin]) if twin else np.empty(0, np.int64)
        if len(both):
            differs = np.zeros(len(both), bool)
            for column in _columns(sides.ours.schema[name]):
                theirs = translated(_cells(sides.theirs, column, both), column, sides.theirs, sides.ours)
                differs |= differing(_cells(sides.ours, column, both), theirs)
            contested[name] = both[differs]
    return contested


def _columns(spec: TensorSpec) -> list[str]:
    return [spec.column + suffix for suffix in tensor_fields(spec)]


def _cells(snapshot: Snapshot, column: str, ids: Ints) -> pa.Array:
    return take_rows(snapshot.column(column), positions(snapshot.row_ids, ids, "merge"))


def _conflict(sides: _Sides, tensor: str, row: int) -> Conflict:
    def sample(snapshot: Snapshot) -> Any:
        found = np.flatnonzero(snapshot.row_ids == row)
        if not len(found):
            return None
        if not tensor:
            return {spec.name: snapshot.read(spec.name, found)[0] for spec in snapshot.schema if not spec.link}
        return snapshot.read(tensor, found)[0]

    return Conflict(row, tensor, sample(sides.base), sample(sides.ours), sample(sides.theirs))


def _conflict_error(sides: _Sides, rows: Sequence[int], cells: Sequence[tuple[str, int]]) -> ConflictError:
    places = [("", row) for row in rows] + list(cells)
    lines = [
        f"row id {row}: deleted on one side, changed on the other" if not tensor else f"row id {row}, tensor {tensor!r}"
        for tensor, row in places[:10]
    ]
    more = f" (and {len(places) - 10} more)" if len(places) > 10 else ""
    error = ConflictError(
        f"{len(places)} conflicts: " + "; ".join(lines) + more,
        kind="merge-conflict",
        place=sides.ours.context.store.url,
        hint='nothing was merged; pass conflict_resolution="ours" or "theirs", or a function that decides each',
    )
    error.conflicts = tuple(_conflict(sides, tensor, row) for tensor, row in places)
    return error


# --- schema ---


def _merged_schema(base: Schema, ours: Schema, theirs: Schema, delete_removed: bool) -> Schema:
    before, mine = _by_column(base), _by_column(ours)
    result = ours
    for spec in theirs:
        known = mine.get(spec.column)
        if known is None and (spec.column not in before or not delete_removed):
            result = result.with_tensor(spec)
        elif known is not None and spec != known:
            result = result.with_tensor(_one_spec(before.get(spec.column), known, spec))
    kept = {spec.column for spec in theirs}
    for column, spec in mine.items():
        if delete_removed and column in before and column not in kept:
            result = result.without(spec.name)
    return replace(result, retired=tuple(dict.fromkeys((*result.retired, *_retired(theirs, result)))))


def _retired(theirs: Schema, result: Schema) -> list[str]:
    used = {spec.column for spec in result}
    return [column for column in theirs.retired if column not in used]


def _by_column(schema: Schema) -> dict[str, TensorSpec]:
    return {spec.column: spec for spec in schema}


def _one_spec(before: TensorSpec | None, mine: TensorSpec, theirs: TensorSpec) -> TensorSpec:
    if theirs == before:
        return mine
    if mine == before:
        return theirs
    raise ConflictError(
        f"both sides changed or made tensor {mine.name!r} in different ways",
        kind="schema-conflict",
        place=f"tensor {mine.name!r}",
        hint="rename or delete the tensor on one side, commit, and merge again",
    )


# --- taking theirs ---


def _take_cells(result: Draft, sides: _Sides, theirs_wins: set[tuple[str, int]], renumbering: Renumbering) -> None:
    contested = _contested_cells(sides)
    for name, ids in _their_cells(sides).items():
        spec = sides.theirs.schema[name]
        if not any(kept.column == spec.column for kept in result.schema):
            continue
        ours_name = next((s.name for s in sides.ours.schema if s.column == spec.column), name)
        kept_ours = [row for row in contested.get(ours_name, ()) if (ours_name, int(row)) not in theirs_wins]
        wanted = np.setdiff1d(ids, np.asarray(kept_ours, dtype=np.int64))
        wanted = np.intersect1d(wanted, sides.ours.row_ids)
        if len(wanted):
            columns = {
                column: renumbered(column, _cells(sides.theirs, column, wanted), renumbering)
                for column in _columns(spec)
            }
            result.put_cells(positions(sides.ours.row_ids, wanted, "merge"), columns)


def _their_cells(sides: _Sides) -> dict[str, Ints]:
    """Cells they changed in rows that the base has, and all cells of tensors they added."""
    common = np.intersect1d(sides.theirs.row_ids, sides.base.row_ids)
    return {**sides.their.updated, **dict.fromkeys(sides.their.tensors_added, common)}


def _take_deletions(result: Draft, sides: _Sides, theirs_wins: set[int]) -> None:
    contested = _contested_rows(sides)
    kept = [row for row in contested.tolist() if row not in theirs_wins]
    gone = np.setdiff1d(sides.their.deleted, np.asarray(kept, dtype=np.int64))
    gone = np.intersect1d(gone, sides.ours.row_ids)
    if len(gone):
        result.pop(positions(sides.ours.row_ids, gone, "merge"))


def _take_rows(result: Draft, sides: _Sides, theirs_wins: set[int], renumbering: Renumbering) -> None:
    """Rows they have and we lack: the ones they added, and those we deleted where their change wins."""
    back = np.array(sorted(theirs_wins & set(sides.mine.deleted.tolist())), dtype=np.int64)
    wanted = np.setdiff1d(np.concatenate([sides.their.added, back]), sides.ours.row_ids)
    for entry in sides.theirs.manifest.entries:
        ids = sides.theirs.entry_ids(entry)
        chosen = np.flatnonzero(np.isin(ids, wanted))
        if len(chosen) == len(ids) and not renumbering:
            result.entries.append(entry)
        elif len(chosen):
            result.entries.append(_part_of(result, sides.theirs, entry, chosen, renumbering))


def _part_of(result: Draft, theirs: Snapshot, entry: Entry, chosen: Ints, renumbering: Renumbering) -> Entry:
    """Some rows of their fragment as a fragment of its own, ids kept."""
    columns = {}
    refs = theirs.context.fragments.refs(entry, theirs.staging)
    for name, kind in stored_fields(theirs.schema, refs).items():
        column = theirs.context.fragments.column(entry, name, kind, theirs.staging)
        columns[name] = renumbered(name, take_rows(column, chosen), renumbering)
    pointer = write_fragment(pa.table(columns), result.context.store, result.staging, theirs.schema.label_columns)
    ids = theirs.entry_ids(entry)[chosen]
    return Entry(pointer, len(ids), None, result.staging.add(encode_ids(ids)))
