"""Folding: edits and small fragments are merged while they are few, so that reads stay fast without a daemon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from .arrow import join
from .context import Context
from .fragment import BYTES, ROWS, write_fragment, write_overlay
from .fragment_cache import typed_column
from .manifest import Entry, Overlay
from .objects import Staging, encode_ids
from .pieces import newest_of
from .schema import Schema
from .snapshot import stored_fields

FOLD_SHARE = 0.05
"""Share of a fragment's rows in overlays and deletions above which it is written anew."""
FOLD_LEAST = 32
"""Below so many edits and deletions nothing is folded: small fragments would be rewritten all the time."""
STEPS = 8
"""Overlays, and fragments at the end, are merged with those before them that are not so many times larger: n small
commits leave about log8(n) of them, and a reader opens each."""
TAIL_ROWS = 1 << 14
"""Fragments of at least so many rows are not merged with their neighbours any more."""


def with_overlay(
    context: Context, overlays: tuple[Overlay, ...], edited: pa.Table, schema: Schema, staging: Staging
) -> tuple[Overlay, ...]:
    """The overlays and one more, merged with those of like size before it: n edits leave few.

    Args:
        edited: `_offset` uint32, ascending, and whole new rows.
    """
    kept, tables, rows = list(overlays), [edited], edited.num_rows
    while kept and kept[-1].rows < STEPS * rows:
        before = kept.pop()
        tables.insert(0, context.fragments.overlay(before, staging))
        rows += before.rows
    merged = edited if len(tables) == 1 else _merged(tables, schema)
    return (*kept, write_overlay(merged, staging))


def _merged(tables: list[pa.Table], schema: Schema) -> pa.Table:
    offsets = np.concatenate([table.column("_offset").to_numpy() for table in tables]).astype(np.int64)
    unique, newest = newest_of(offsets)
    columns: dict[str, pa.Array] = {}
    for name, kind in stored_fields(schema, {name for table in tables for name in table.column_names}).items():
        values = join([chunk for table in tables for chunk in typed_column(table, name, kind).chunks], kind)
        columns[name] = values.take(pa.array(newest))
    return pa.table({"_offset": pa.array(unique, pa.uint32()), **columns})


def folded(context: Context, entry: Entry, schema: Schema, staging: Staging) -> Entry:
    """The entry written anew if its edits and deletions have become many, else itself."""
    changes = entry.edits + entry.deleted
    # Without tensors there is no column to rewrite; the rows still count.
    if not schema or changes < max(FOLD_LEAST, FOLD_SHARE * entry.rows):
        return entry
    return rewritten(context, [entry], schema, staging)


def merged_tail(context: Context, entries: list[Entry], schema: Schema, staging: Staging) -> list[Entry]:
    """The entries with small ones at the end merged, so that n appends leave few fragments."""
    kept, tail = list(entries[:-1]), list(entries[-1:])
    while schema and kept and _mergeable(context, kept[-1], tail, staging):
        tail.insert(0, kept.pop())
    return [*kept, rewritten(context, tail, schema, staging)] if len(tail) > 1 else entries


def _mergeable(context: Context, before: Entry, tail: list[Entry], staging: Staging) -> bool:
    rows = sum(entry.live for entry in tail)
    # Rows that have ids and rows that have none yet cannot share a fragment before the ids are given out.
    if before.pending != tail[0].pending or before.rows >= STEPS * rows or before.rows >= TAIL_ROWS:
        return False
    sizes = [context.fragments.descriptor(entry.fragment, staging).length for entry in (before, *tail)]
    return sum(sizes) <= BYTES and before.live + rows <= ROWS


def rewritten(context: Context, entries: list[Entry], schema: Schema, staging: Staging) -> Entry:
    """The live rows of neighbouring entries as one new fragment; every row keeps its id."""
    columns = {}
    refs = frozenset().union(*(context.fragments.refs(entry, staging) for entry in entries))
    for name, kind in stored_fields(schema, refs).items():
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
