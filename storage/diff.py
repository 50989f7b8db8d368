"""Diff: which rows and cells two versions disagree on, found from what they do not share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints, take_rows
from .big_cells import contents
from .labels import translated
from .manifest import Entry
from .payloads import REF_TYPE
from .snapshot import Snapshot, tensor_fields


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed from version `before` to version `after`. Row ids are int64 arrays in dataset order."""

    before: Snapshot
    after: Snapshot
    added: Ints
    deleted: Ints
    updated: Mapping[str, Ints]
    """Tensor -> ids of rows whose cell differs."""
    tensors_added: tuple[str, ...] = ()
    tensors_deleted: tuple[str, ...] = ()
    tensors_renamed: tuple[tuple[str, str], ...] = ()
    info_changed: tuple[str, ...] = ()
    """Tensors (and "" for the dataset) whose info differs."""

    def __bool__(self) -> bool:
        return bool(
            len(self.added)
            or len(self.deleted)
            or self.updated
            or self.tensors_added
            or self.tensors_deleted
            or self.tensors_renamed
            or self.info_changed
        )

    @property
    def updated_rows(self) -> Ints:
        """Ids of the rows of which any cell differs, ascending."""
        return np.unique(np.concatenate([np.empty(0, np.int64), *self.updated.values()]))

    def cell(self, tensor: str, row_id: int) -> tuple[Any, Any]:
        """The decoded sample of a row before and after."""
        old = self.before.read(tensor, [position_of(self.before, row_id)])[0]
        return old, self.after.read(tensor, [position_of(self.after, row_id)])[0]


def position_of(snapshot: Snapshot, row_id: int) -> int:
    """The dataset position of a row.

    Raises:
        LookupError: the version has no such row.
    """
    found = np.flatnonzero(snapshot.row_ids == row_id)
    if not len(found):
        raise LookupError(row_id)
    return int(found[0])


def diff(before: Snapshot, after: Snapshot) -> Diff:
    """Compare two versions. Costs the fragments they do not share, not the dataset."""
    old, new = _changed_entries(before, after)
    ids_before, ids_after = _ids(before, old), _ids(after, new)
    added = ids_after[~np.isin(ids_after, ids_before)]
    deleted = ids_before[~np.isin(ids_before, ids_after)]
    names_before = {spec.column: spec.name for spec in before.schema}
    names_after = {spec.column: spec.name for spec in after.schema}
    kept = [(name, names_after[column]) for column, name in names_before.items() if column in names_after]
    infos = before.infos.keys() | after.infos.keys()
    return Diff(
        before,
        after,
        added,
        deleted,
        _updated(before, after, old, new),
        tuple(name for column, name in names_after.items() if column not in names_before),
        tuple(name for column, name in names_before.items() if column not in names_after),
        tuple((was, now) for was, now in kept if was != now),
        tuple(sorted(name for name in infos if before.info_or_none(name) != after.info_or_none(name))),
    )


def _changed_entries(before: Snapshot, after: Snapshot) -> tuple[list[Entry], list[Entry]]:
    shared = set(before.manifest.entries) & set(after.manifest.entries)
    return (
        [entry for entry in before.manifest.entries if entry not in shared],
        [entry for entry in after.manifest.entries if entry not in shared],
    )


def _ids(snapshot: Snapshot, entries: list[Entry]) -> Ints:
    parts = [snapshot.entry_ids(entry) for entry in entries]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _updated(before: Snapshot, after: Snapshot, old: list[Entry], new: list[Entry]) -> dict[str, Ints]:
    """Cells that differ in rows both versions have, tensor by tensor."""
    candidates = _candidates(before, after, old, new)
    if not len(candidates):
        return {}
    old_rows, new_rows = _order(_ids(before, old), candidates), _order(_ids(after, new), candidates)
    names = {spec.column: spec for spec in before.schema}
    refs = _refs(before, old) | _refs(after, new)
    updated = {}
    for spec in after.schema:
        if spec.column not in names:
            continue
        differs = np.zeros(len(candidates), bool)
        for suffix, kind in tensor_fields(spec).items():
            name = spec.column + suffix
            if kind == REF_TYPE and name not in refs:
                continue
            if name in before.fields and name in after.fields:
                now = take_rows(_column(after, new, name), new_rows)
                differs |= differing(
                    take_rows(_column(before, old, name), old_rows), translated(now, name, after, before)
                )
        if differs.any():
            updated[spec.name] = candidates[differs]
    return updated


def _candidates(before: Snapshot, after: Snapshot, old: list[Entry], new: list[Entry]) -> Ints:
    """Ids of rows in both versions that may differ: those in overlays one side lacks, or in fragments written anew."""
    before_by_fragment = {entry.fragment: entry for entry in old}
    found: list[Ints] = []
    for entry in new:
        twin = before_by_fragment.get(entry.fragment)
        if twin is None:
            found.append(after.entry_ids(entry))
            continue
        if entry.pending:
            continue
        ids = after.context.fragments.all_ids(entry, after.staging)
        for side, mine, other in ((after, entry, twin), (before, twin, entry)):
            for overlay in set(mine.overlays) - set(other.overlays):
                offsets = side.context.fragments.overlay(overlay, side.staging).column("_offset").to_numpy()
                found.append(ids[offsets.astype(np.int64)])
    candidates = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    both = np.intersect1d(_ids(before, old), _ids(after, new))
    return np.intersect1d(candidates, both)


def _refs(snapshot: Snapshot, entries: list[Entry]) -> frozenset[str]:
    """Columns by which a row may refer to chunk files."""
    return frozenset().union(*(snapshot.context.fragments.refs(entry, snapshot.staging) for entry in entries))


def _order(ids: Ints, wanted: Ints) -> Ints:
    """Positions of `wanted` in `ids`."""
    order = np.argsort(ids, kind="stable")
    positions: Ints = order[np.searchsorted(ids[order], wanted)]
    return positions


def _column(snapshot: Snapshot, entries: list[Entry], name: str) -> pa.ChunkedArray:
    kind = snapshot.fields[name]
    chunks: list[pa.Array] = []
    for entry in entries:
        chunks += snapshot.context.fragments.column(entry, name, kind, snapshot.staging).chunks
    return pa.chunked_array(chunks, kind)


def differing(left: pa.Array, right: pa.Array) -> Any:
    """Element-wise inequality of any two arrays, nulls equal to nulls; of references to chunk files, whether what lies
    there differs."""
    if left.equals(right):
        return np.zeros(len(left), bool)
    if left.type == REF_TYPE:
        return np.array([a != b for a, b in zip(contents(left), contents(right), strict=True)], dtype=bool)
    pairs = zip(left.to_pylist(), right.to_pylist(), strict=True)
    # repr makes NaN equal to itself, also inside lists.
    return np.array([a != b and repr(a) != repr(b) for a, b in pairs], dtype=bool)
