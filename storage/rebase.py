"""Rebase: putting a draft on top of what other writers landed meanwhile.

Appends never conflict: they go to the end. Edits and deletions conflict only on rows that the others touched too.
Class names that both sides added are united, and the labels of this side's rows are renumbered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints, take_rows
from .conflicts import by_column, cells_at, filled, unlike
from .diff import Diff, diff
from .draft import Draft
from .errors import ConflictError
from .fragment import write_fragment
from .fragment_cache import absent
from .labels import renumber, united_names
from .manifest import Entry
from .schema import Schema, TensorSpec, one_spec
from .snapshot import Snapshot, physical_fields, tensor_fields
from .views import positions

Renumbering = Mapping[str, Ints]
"""Physical label column -> new code by old code."""


def rebase(draft: Draft, latest: Snapshot) -> Draft:
    """A draft with the changes of `draft`, made on top of `latest`.

    Raises:
        ConflictError: both sides changed the same row, or the schema in different ways.
    """
    mine = diff(draft.base, draft.snapshot())
    theirs = diff(draft.base, latest)
    _refuse_row_conflicts(mine, theirs)
    result = Draft(latest)
    result.staging = draft.staging
    result.appended, result.began = draft.appended, draft.began
    result.schema = merged_schema(draft.base.schema, draft.schema, latest.schema)
    result.infos, renumbering = merged_infos(
        (draft.base.schema, draft.base.infos), (draft.schema, draft.infos), (latest.schema, latest.infos), result.schema
    )
    _empty_reused_columns(result, draft, latest)
    _apply_updates(result, mine.after, {**_filled_cells(mine, latest), **mine.updated}, renumbering)
    if len(mine.deleted):
        gone = np.setdiff1d(mine.deleted, theirs.deleted)
        result.pop(positions(latest.row_ids, gone, "rebase"))
    result.entries += [_fitted(draft, entry, result.schema, renumbering) for entry in draft.entries if entry.pending]
    return result


def _refuse_row_conflicts(mine: Diff, theirs: Diff) -> None:
    my_rows, their_rows = mine.updated_rows, theirs.updated_rows
    contested = np.concatenate(
        [
            np.intersect1d(my_rows, np.concatenate([their_rows, theirs.deleted])),
            np.intersect1d(mine.deleted, their_rows),
        ]
    )
    _refuse(contested, mine.before)


def _refuse(contested: Ints, snapshot: Snapshot) -> None:
    if len(contested):
        shown = ", ".join(str(row) for row in contested[:10])
        raise ConflictError(
            f"another writer changed {len(contested)} of the rows changed here; ids {shown}",
            kind="row-conflict",
            place=snapshot.context.store.url,
            hint="nothing of this attempt was kept; look at the rows again (ds.refresh()) and repeat the change",
        )


def merged_schema(base: Schema, mine: Schema, theirs: Schema) -> Schema:
    """The tensors after both changes, compared by physical column: theirs in their order, then the ones made here.

    Raises:
        ConflictError: kind "schema-conflict": both changed one tensor differently, or gave two the same name.
    """
    if mine in (base, theirs):
        return theirs
    if theirs == base:
        return mine
    sides = [{spec.column: spec for spec in side} for side in (base, mine, theirs)]
    merged = [_merged_spec(*(side.get(column) for side in sides)) for column in {**sides[2], **sides[1]}]
    kept = tuple(spec for spec in merged if spec is not None)
    names = [spec.name for spec in kept]
    if len(set(names)) < len(names):
        raise _schema_conflict(next(name for name in names if names.count(name) > 1))
    return Schema(kept, tuple(dict.fromkeys((*theirs.retired, *mine.retired))))


def _merged_spec(base: TensorSpec | None, mine: TensorSpec | None, theirs: TensorSpec | None) -> TensorSpec | None:
    if mine in (base, theirs):
        return theirs
    if theirs == base:
        return mine
    if mine is None or theirs is None:
        kept = mine or theirs
        # A type that the first sample fixed is no reason to keep a tensor that the other side deleted; a new name is.
        if kept is not None and base is not None and kept.name == base.name:
            return None
        raise _schema_conflict(kept.name if kept else "")
    one = one_spec(base, mine, theirs)
    if one is None:
        raise _schema_conflict(mine.name)
    return one


def _schema_conflict(tensor: str) -> ConflictError:
    return ConflictError(
        f"another writer changed or made tensor {tensor!r} while that was done here",
        kind="schema-conflict",
        place=f"tensor {tensor!r}",
        hint="nothing of this attempt was kept; look at ds.tensors again and repeat the change",
    )


Described = tuple[Schema, Mapping[str, Mapping[str, Any]]]
"""The tensors of a version, and its info by tensor name."""


def merged_infos(
    base: Described, mine: Described, theirs: Described, schema: Schema
) -> tuple[dict[str, dict[str, Any]], Renumbering]:
    """Info of the tensors of `schema` after both changes, and how labels of my rows are to be renumbered.

    Compared by physical column, so that it survives a tensor that one side renamed.

    Raises:
        ConflictError: kind "info-conflict": both sides set one key differently.
    """
    sides = [_by_column(*side) for side in (base, mine, theirs)]
    labels = mine[0].label_columns
    merged: dict[str, dict[str, Any]] = {}
    renumbering: dict[str, Ints] = {}
    for column, tensor in {"": "", **{spec.column: spec.name for spec in schema}}.items():
        # A tensor that only one side has is described by that side alone, also if the other one deleted it.
        there = [side[column] for side in sides[1:] if column in side]
        old, left, right = sides[0].get(column, {}), there[0], there[-1]
        found: dict[str, Any] = {}
        for key in left.keys() | right.keys():
            was, ours, other = old.get(key), left.get(key), right.get(key)
            if key == "class_names" and column in labels and ours != other and was not in (ours, other):
                found[key], codes = united_names(ours or [], other or [])
                if (codes != np.arange(len(codes))).any():
                    renumbering[column] = codes
            else:
                found[key] = _one_value(tensor, key, was, ours, other)
        merged[tensor] = {key: value for key, value in found.items() if value is not None}
    return {name: info for name, info in merged.items() if info or name in theirs[1]}, renumbering


def _by_column(schema: Schema, infos: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {"": infos.get("", {}), **{spec.column: infos.get(spec.name, {}) for spec in schema}}


def _one_value(tensor: str, key: str, before: Any, mine: Any, theirs: Any) -> Any:
    if mine in (before, theirs):
        return theirs
    if theirs == before:
        return mine
    raise ConflictError(
        f"another writer set info {key!r} of {tensor or 'the dataset'!r} while it was set here",
        kind="info-conflict",
        hint="nothing of this attempt was kept; look at the value again and repeat the change",
    )


def renumbered(column: str, values: pa.Array, renumbering: Renumbering) -> pa.Array:
    """Cells of one physical column, renumbered if it holds labels whose codes move."""
    return renumber(values, renumbering[column]) if column in renumbering else values


def _fitted(draft: Draft, entry: Entry, schema: Schema, renumbering: Renumbering) -> Entry:
    """A fragment of appended rows with its labels renumbered, and without columns of tensors that others deleted, or
    that were deleted here: another tensor may have their name."""
    mine, kept = physical_fields(draft.schema), physical_fields(schema)
    reused = any(spec.column in draft.schema.retired for spec in schema)
    if not renumbering and not reused and mine.keys() <= kept.keys():
        return entry
    fragments, staging = draft.context.fragments, draft.staging
    columns: dict[str, pa.Array] = {}
    for name in mine.keys() & kept.keys():
        column = pa.concat_arrays(fragments.column(entry, name, mine[name], staging).chunks)
        columns[name] = renumbered(name, column, renumbering)
    # A table without any column would have no rows either.
    table = pa.table(columns or {"_": pa.nulls(entry.live)})
    pointer = write_fragment(table, draft.context.store, staging, draft.schema.label_columns)
    return replace(Entry(pointer, entry.live, None))


def _empty_reused_columns(result: Draft, draft: Draft, latest: Snapshot) -> None:
    """Rows of theirs may hold samples of a tensor that they deleted, in the column of one made here."""
    for spec in draft.schema:
        if spec.column in latest.schema.retired and by_column(latest, spec.column) is None and len(latest):
            cells = {spec.column + part: absent(kind, len(latest)) for part, kind in tensor_fields(spec).items()}
            result.put_cells(np.arange(len(latest)), cells)


def _filled_cells(mine: Diff, latest: Snapshot) -> dict[str, Ints]:
    """Ids of older rows that have a sample in a tensor made here; rows that the others deleted are left out.

    Raises:
        ConflictError: others made the same tensor, and filled the same cell differently.
    """
    cells = {}
    old = np.intersect1d(mine.after.row_ids, latest.row_ids)
    for tensor in mine.tensors_added:
        spec = mine.after.schema[tensor]
        full = old[_filled(mine.after, spec, old)]
        if by_column(latest, spec.column) is not None:
            both = full[_filled(latest, spec, full)]
            _refuse(both[unlike(mine.after, latest, spec, both)], latest)
        if len(full):
            cells[tensor] = full
    return cells


def _filled(snapshot: Snapshot, spec: TensorSpec, ids: Ints) -> Any:
    return filled({suffix: cells_at(snapshot, spec.column + suffix, ids) for suffix in tensor_fields(spec)})


def _apply_updates(result: Draft, mine: Snapshot, cells: Mapping[str, Ints], renumbering: Renumbering) -> None:
    """Write the cells that this side changed over the others' version of the rows."""
    for tensor, ids in cells.items():
        spec = mine.schema[tensor]
        if not any(kept.column == spec.column for kept in result.schema):
            raise ConflictError(
                f"another writer deleted tensor {tensor!r} while its samples were changed here",
                kind="schema-conflict",
                place=mine.context.store.url,
                hint="nothing of this attempt was kept; look at ds.tensors again",
            )
        rows = positions(mine.row_ids, ids, "rebase")
        columns = {}
        for suffix in tensor_fields(spec):
            name = spec.column + suffix
            values = take_rows(mine.column(name), rows)
            columns[name] = renumbered(name, values, renumbering)
        result.put_cells(positions(result.base.row_ids, ids, "rebase"), columns)
