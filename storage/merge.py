"""Three-way merge: by row id and cell, from the nearest common version.

One side changed a cell: it is taken. Both changed it to different values, or one deleted a row that the other changed:
a conflict. Rows added on either side stay. Merging the same version again changes nothing, because ids are permanent.
A tensor that we deleted and they kept comes back as they have it, unless deletions are to be taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from .arrow import Ints, take_rows
from .conflicts import NEITHER, Conflict, Resolution, Sides, Verdicts, by_column, cells_at, decide
from .draft import Draft
from .errors import ConflictError
from .fragment import write_fragment
from .fragment_cache import absent
from .labels import translated
from .manifest import Entry
from .objects import encode_ids
from .rebase import Renumbering, merged_infos, renumbered
from .schema import Schema, TensorSpec, one_spec
from .snapshot import Snapshot, stored_fields, tensor_fields
from .views import positions

__all__ = ["Conflict", "Resolution", "common_version", "merged"]


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
    sides = Sides(base, ours, theirs)
    schema = _merged_schema(base.schema, ours.schema, theirs.schema, delete_removed_tensors)
    infos, renumbering = merged_infos(
        (base.schema, base.infos), (theirs.schema, theirs.infos), (ours.schema, ours.infos), schema
    )
    verdicts = decide(sides, resolution)
    result = Draft(ours)
    if ours.staging is not None:
        result.staging = ours.staging.fork()
    result.set_schema(schema)
    result.infos = infos
    _take_cells(result, sides, verdicts, renumbering)
    _keep_base_cells(result, sides, verdicts)
    _take_deletions(result, sides, verdicts)
    _take_rows(result, sides, verdicts, renumbering)
    return result


def common_version(versions: Sequence[Snapshot], bases: Sequence[Snapshot]) -> Snapshot:
    """One version to measure both sides from, where branches were merged into each other at the same time.

    Args:
        versions: the newest common versions, of which none descends from another.
        bases: for each but the first, the common version of it and those before it.
    """
    found = versions[0]
    for other, base in zip(versions[1:], bases, strict=True):
        found = merged(base, found, other, NEITHER).snapshot()
    return found


# --- schema ---


def _merged_schema(base: Schema, ours: Schema, theirs: Schema, delete_removed: bool) -> Schema:
    before, mine = _by_column(base), _by_column(ours)
    result = ours
    for spec in theirs:
        known = mine.get(spec.column)
        if known is None and (spec.column not in before or not delete_removed):
            result = result.with_tensor(spec)
        elif known is not None and spec != known:
            one = one_spec(before.get(spec.column), known, spec)
            if one is None:
                raise _schema_conflict(known.name)
            result = result.with_tensor(one)
    kept = {spec.column for spec in theirs}
    for column in mine:
        if delete_removed and column in before and column not in kept:
            result = result.without(_by_column(result)[column].name)
    names = [spec.name for spec in result]
    if len(set(names)) < len(names):
        raise _schema_conflict(next(name for name in names if names.count(name) > 1))
    return replace(result, retired=tuple(dict.fromkeys((*result.retired, *_retired(theirs, result)))))


def _retired(theirs: Schema, result: Schema) -> list[str]:
    used = {spec.column for spec in result}
    return [column for column in theirs.retired if column not in used]


def _by_column(schema: Schema) -> dict[str, TensorSpec]:
    return {spec.column: spec for spec in schema}


def _schema_conflict(name: str) -> ConflictError:
    return ConflictError(
        f"both sides changed or made tensor {name!r} in different ways",
        kind="schema-conflict",
        place=f"tensor {name!r}",
        hint="rename or delete the tensor on one side, commit, and merge again",
    )


# --- cells ---


def _take_cells(result: Draft, sides: Sides, verdicts: Verdicts, renumbering: Renumbering) -> None:
    kept = {spec.column for spec in result.schema}
    for spec in sides.theirs.schema:
        if spec.column not in kept:
            continue
        wanted = np.intersect1d(_wanted(sides, spec, verdicts), sides.ours.row_ids)
        if by_column(sides.ours, spec.column) is None and spec.column in sides.ours.schema.retired:
            _empty(result, sides, spec, np.setdiff1d(sides.ours.row_ids, wanted))
        names = [spec.column + suffix for suffix in tensor_fields(spec)]
        cells = {name: renumbered(name, cells_at(sides.theirs, name, wanted), renumbering) for name in names}
        _put(result, sides, wanted, cells)


def _wanted(sides: Sides, spec: TensorSpec, verdicts: Verdicts) -> Ints:
    """Ids of rows whose cell in a tensor of theirs is taken over if we have the row."""
    if by_column(sides.ours, spec.column) is None:
        return sides.theirs.row_ids
    lost = verdicts.cells_for(spec.column, "ours", NEITHER)
    return np.setdiff1d(sides.their_changes(spec), lost)


def _empty(result: Draft, sides: Sides, spec: TensorSpec, ids: Ints) -> None:
    """Rows of ours may still hold samples of a tensor we deleted, which must not show in the one that comes back."""
    cells = {spec.column + suffix: absent(kind, len(ids)) for suffix, kind in tensor_fields(spec).items()}
    _put(result, sides, ids, cells)


def _keep_base_cells(result: Draft, sides: Sides, verdicts: Verdicts) -> None:
    kept_rows = np.intersect1d(verdicts.rows_for(NEITHER), sides.ours.row_ids)
    for spec in sides.ours.schema:
        ids = verdicts.cells_for(spec.column, NEITHER)
        if by_column(sides.base, spec.column) is None:
            _empty(result, sides, spec, ids)
            continue
        ids = np.union1d(ids, np.intersect1d(kept_rows, sides.mine.updated.get(spec.name, ids)))
        names = [spec.column + suffix for suffix in tensor_fields(spec)]
        cells = {name: translated(cells_at(sides.base, name, ids), name, sides.base, sides.ours) for name in names}
        _put(result, sides, ids, cells)


def _put(result: Draft, sides: Sides, ids: Ints, cells: dict[str, pa.Array]) -> None:
    if len(ids):
        result.put_cells(positions(sides.ours.row_ids, ids, "merge"), cells)


# --- rows ---


def _take_deletions(result: Draft, sides: Sides, verdicts: Verdicts) -> None:
    gone = np.setdiff1d(sides.their.deleted, verdicts.rows_for("ours", NEITHER))
    gone = np.intersect1d(gone, sides.ours.row_ids)
    if len(gone):
        result.pop(positions(sides.ours.row_ids, gone, "merge"))


def _take_rows(result: Draft, sides: Sides, verdicts: Verdicts, renumbering: Renumbering) -> None:
    """Rows they have and we lack: the ones they added, and those we deleted where their change wins."""
    wanted = np.setdiff1d(np.concatenate([sides.their.added, verdicts.rows_for("theirs")]), sides.ours.row_ids)
    # Of those that "theirs" won, some are rows they deleted and we changed.
    _append(result, sides.theirs, np.intersect1d(wanted, sides.theirs.row_ids), renumbering)
    back = np.setdiff1d(verdicts.rows_for(NEITHER), sides.ours.row_ids)
    _append(result, sides.base, back, renumbering)


def _append(result: Draft, source: Snapshot, wanted: Ints, renumbering: Renumbering) -> None:
    shown = {spec.column for spec in result.schema}
    # What is not stored yet is copied, and so are fragments that may still hold samples of a tensor that was deleted
    # there and that we have.
    copied = bool(renumbering or source.staging or shown & set(source.schema.retired))
    for entry in source.manifest.entries:
        ids = source.entry_ids(entry)
        chosen = np.flatnonzero(np.isin(ids, wanted))
        if len(chosen) == len(ids) and not copied:
            result.entries.append(entry)
        elif len(chosen):
            result.entries.append(_part_of(result, source, entry, chosen, renumbering))


def _part_of(result: Draft, source: Snapshot, entry: Entry, chosen: Ints, renumbering: Renumbering) -> Entry:
    """Some rows of their fragment as a fragment of its own, ids kept."""
    columns = {}
    refs = source.context.fragments.refs(entry, source.staging)
    for name, kind in stored_fields(source.schema, refs).items():
        column = source.context.fragments.column(entry, name, kind, source.staging)
        columns[name] = renumbered(name, take_rows(column, chosen), renumbering)
    # A table without any column would have no rows either.
    table = pa.table(columns or {"_": pa.nulls(len(chosen))})
    pointer = write_fragment(table, result.context.store, result.staging, source.schema.label_columns)
    ids = source.entry_ids(entry)[chosen]
    return Entry(pointer, len(ids), None, result.staging.add(encode_ids(ids)))
