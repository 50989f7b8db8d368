"""Mending: what is whole of a version's damaged fragments is written anew, and rows that are lost are left out."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from ..errors import LakebedError
from .arrow import Ints, put
from .big_cells import elsewhere
from .context import Context
from .draft import Draft
from .fragment import write_fragment
from .fragment_cache import typed_column
from .manifest import Entry, pointers_of
from .objects import encode_ids
from .payloads import Part, read_part
from .reach import Edges, Node, walk
from .salvage import whole_rows
from .snapshot import physical_fields
from .stores.base import Store


def leave_out_lost_rows(draft: Draft, damage: Collection[Node], edges: Edges) -> None:
    """Make the rows of a draft those that are whole.

    Args:
        damage: what of the draft's rows cannot be read: files, small objects, ranges of chunk files.
        edges: what refers to what, as far as it was surveyed.
    """
    mended = [_mended_entry(draft, entry, damage, edges) for entry in draft.entries]
    draft.entries = [entry for entry in mended if entry is not None]
    _drop_rows_without_payload(draft, {node.key for node in damage if node.kind == "chunk"})


def _mended_entry(draft: Draft, entry: Entry, damage: Collection[Node], edges: Edges) -> Entry | None:
    """The entry, or what is whole of it as a new fragment; None if that is nothing."""
    context, fragment = draft.context, Node("fragment", entry.fragment)
    if any(Node(kind, pointer) in damage for pointer in pointers_of(entry) for kind in ("fragment", "blob")):
        return None
    children = edges.get(fragment) or tuple(walk(context, [fragment]))
    if not any(child in damage and child.kind in {"rows", "blob"} for child in children):
        return entry
    table, offsets = _whole_base(context, entry)
    edited = _overlay_offsets(context, entry)
    gone = context.fragments.deleted_offsets(entry)
    kept = np.setdiff1d(np.union1d(offsets, edited), gone)
    if not len(kept):
        return None
    columns = {
        name: _column(context, entry, name, kind, table, offsets, kept)
        for name, kind in physical_fields(draft.schema).items()
    }
    staged = write_fragment(pa.table(columns), context.store, draft.staging, draft.schema.label_columns)
    ids = context.fragments.all_ids(entry)[kept]
    return Entry(staged, len(kept), None, draft.staging.add(encode_ids(ids)))


def _whole_base(context: Context, entry: Entry) -> tuple[pa.Table | None, Ints]:
    """Rows of the fragment itself that are whole, and their offsets."""
    fragment = context.fragments.descriptor(entry.fragment)
    nothing = np.empty(0, np.int64)
    try:
        return context.fragments.table(entry.fragment), np.arange(entry.rows)
    except LakebedError:  # what can be read of it comes next
        if not fragment.key or fragment.blocks is None:
            return None, nothing
    try:
        return whole_rows(context.store.buffer(fragment.key), context.objects.read(fragment.blocks))
    except LakebedError:  # the file is gone, or its checksums are damaged too
        return None, nothing


def _overlay_offsets(context: Context, entry: Entry) -> Ints:
    parts = [context.fragments.overlay(overlay).column("_offset").to_numpy() for overlay in entry.overlays]
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts])).astype(np.int64)


def _column(
    context: Context, entry: Entry, name: str, kind: pa.DataType, table: pa.Table | None, offsets: Ints, kept: Ints
) -> pa.Array:
    """The column at the `kept` offsets: whole rows of the fragment, and over them its edits, which hold whole rows."""
    values = pa.nulls(len(kept), kind)
    if table is not None:
        base = typed_column(table, name, kind).combine_chunks()
        _, at, from_base = np.intersect1d(kept, offsets, return_indices=True)
        values = put(values, at, base.take(pa.array(from_base)))
    for overlay in entry.overlays:
        rows = context.fragments.overlay(overlay)
        places = rows.column("_offset").to_numpy().astype(np.int64)
        _, at, from_edit = np.intersect1d(kept, places, return_indices=True)
        values = put(values, at, typed_column(rows, name, kind).combine_chunks().take(pa.array(from_edit)))
    return values


def _drop_rows_without_payload(draft: Draft, chunks: set[str]) -> None:
    """Leave out rows of which a cell lies, whole or in part, in a damaged range of a chunk file."""
    if not chunks:
        return
    snapshot, lost = draft.snapshot(), set()
    readable = _Readable(draft.context.store)
    for name in (name for name in snapshot.fields if name.endswith(".ref")):
        refs = snapshot.column(name)
        away = np.flatnonzero(elsewhere(refs))
        for row, parts in zip(away.tolist(), refs.take(pa.array(away)).to_pylist(), strict=True):
            if any(part["key"] in chunks and not readable(Part(**part)) for part in parts):
                lost.add(row)
    if lost:
        draft.pop(sorted(lost))


class _Readable:
    """Whether a part of a payload can be read; asked once for each."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[Part, bool] = {}

    def __call__(self, part: Part) -> bool:
        if part not in self._known:
            self._known[part] = self._try(part)
        return self._known[part]

    def _try(self, part: Part) -> bool:
        try:
            read_part(self._store, part, "repair")
        except LakebedError:  # what is damaged or gone is left out
            return False
        return True
