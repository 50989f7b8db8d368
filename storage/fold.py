"""Folding: edits and small fragments are merged while they are few, so that reads stay fast without a daemon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from .arrow import join
from .context import Context
from .fragment import BYTES, ROWS, newest, typed_column, write_fragment, write_overlay
from .manifest import Entry, Overlay
from .objects import Staging, encode_ids
from .schema import Schema
from .snapshot import physical_fields

FOLD_SHARE = 0.05
"""Share of a fragment's rows in overlays and deletions above which it is written anew."""
FOLD_LEAST = 32
"""Below so many edits and deletions nothing is folded: small fragments would be rewritten all the time."""
TAIL_ROWS = 1 << 14
"""Fragments of at least so many rows are not merged with their neighbours any more."""


def merged_overlays(
    context: Context, overlays: tuple[Overlay, ...], schema: Schema, staging: Staging
) -> tuple[Overlay, ...]:
    """The overlays with neighbours of like size merged: n edits leave about log2(n) of them."""
    kept = list(overlays)
    while len(kept) > 1 and kept[-2].rows < 2 * kept[-1].rows:
        last, before = kept.pop(), kept.pop()
        kept.append(_merge_two(context, before, last, schema, staging))
    return tuple(kept)


def _merge_two(context: Context, before: Overlay, last: Overlay, schema: Schema, staging: Staging) -> Overlay:
    tables = [context.fragments.overlay(overlay, staging) for overlay in (before, last)]
    offsets = np.concatenate([table.column("_offset").to_numpy() for table in tables]).astype(np.int64)
    columns: dict[str, pa.Array] = {}
    for name, kind in physical_fields(schema).items():
        values = join([chunk for table in tables for chunk in typed_column(table, name, kind).chunks], kind)
        unique, columns[name] = newest(offsets, values)
    return write_overlay(pa.table({"_offset": pa.array(unique, pa.uint32()), **columns}), staging)


def folded(context: Context, entry: Entry, schema: Schema, staging: Staging) -> Entry:
    """The entry written anew if its edits and deletions have become many, else itself."""
    changes = entry.edits + entry.deleted
    # Without tensors there is no column to rewrite; the rows still count.
    if not schema or changes < max(FOLD_LEAST, FOLD_SHARE * entry.rows):
        return entry
    return rewritten(context, [entry], schema, staging)


def merged_tail(context: Context, entries: list[Entry], schema: Schema, staging: Staging) -> list[Entry]:
    """The entries with small ones at the end merged, so that n appends leave about log2(n) fragments."""
    kept = list(entries)
    while schema and len(kept) > 1 and _mergeable(context, kept[-2], kept[-1], staging):
        last, before = kept.pop(), kept.pop()
        kept.append(rewritten(context, [before, last], schema, staging))
    return kept


def _mergeable(context: Context, before: Entry, last: Entry, staging: Staging) -> bool:
    # Rows that have ids and rows that have none yet cannot share a fragment before the ids are given out.
    if before.pending != last.pending or before.rows >= 2 * last.rows or before.rows >= TAIL_ROWS:
        return False
    sizes = [context.fragments.descriptor(entry.fragment, staging).length for entry in (before, last)]
    return sum(sizes) <= BYTES and before.live + last.live <= ROWS


def rewritten(context: Context, entries: list[Entry], schema: Schema, staging: Staging) -> Entry:
    """The live rows of neighbouring entries as one new fragment; every row keeps its id."""
    columns = {}
    for name, kind in physical_fields(schema).items():
        chunks = [chunk for entry in entries for chunk in context.fragments.column(entry, name, kind, staging).chunks]
        columns[name] = pa.chunked_array(chunks, kind).combine_chunks()
    table = pa.table(columns)
    pointer = write_fragment(table, context.store, staging, schema.label_columns)
    if entries[0].pending:
        return Entry(pointer, table.num_rows, None)
    ids = np.concatenate([context.fragments.ids(entry, staging) for entry in entries])
    if len(ids) and int(ids[-1]) - int(ids[0]) + 1 == len(ids) and (np.diff(ids) == 1).all():
        return Entry(pointer, table.num_rows, int(ids[0]))
    return replace(Entry(pointer, table.num_rows, None), ids=staging.add(encode_ids(ids)))
