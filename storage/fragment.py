"""Fragments: rows written as Arrow IPC files, and what is said of them beside the rows."""

from __future__ import annotations

import math
import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from .arrow import pack_table, table_to_file
from .blocks import block_sums
from .manifest import Fragment, Overlay
from .objects import Pointer, Staging
from .payloads import REF_TYPE
from .stores.base import Store

ROWS = 131_072
"""Most rows of a fragment."""
BYTES = 64 << 20
"""About the most bytes of a fragment."""
INLINE = 32 << 10
"""Fragments up to this size lie in the bundle of the change that appended them."""


def write_fragment(table: pa.Table, store: Store, staging: Staging, labels: set[str]) -> Pointer:
    """Store the rows of `table`; returns the staged descriptor. `labels` names the label columns."""
    table = _without_empty_refs(table)
    zones, present, chunks = zone_maps(table), label_codes(table, labels), _chunks(table)
    if table.get_total_buffer_size() <= 2 * INLINE:
        data = pack_table(table)
        if len(data) <= INLINE:
            fragment = Fragment("", staging.add(data), len(data), "", table.num_rows, zones, present, chunks)
            return staging.add_json(fragment.to_json())
    file = table_to_file(table)
    key = f"rows/{uuid.uuid4().hex}.arrow"
    store.put(key, file)
    digest, blocks = xxhash.xxh3_128_hexdigest(file), staging.add(block_sums(file))
    fragment = Fragment(key, None, file.size, digest, table.num_rows, zones, present, chunks, blocks)
    return staging.add_json(fragment.to_json())


def write_overlay(table: pa.Table, staging: Staging) -> Overlay:
    """Stage edited rows: `_offset` uint32, then whole new rows."""
    table = _without_empty_refs(table)
    return Overlay(staging.add(pack_table(table)), table.num_rows, _chunks(table))


def _without_empty_refs(table: pa.Table) -> pa.Table:
    """The table less columns of references in which there are none, as nearly always: they would only cost bytes."""
    empty = [field.name for field in table.schema if field.type == REF_TYPE and _is_empty(table.column(field.name))]
    # A table without any column would have no rows either.
    return table.drop_columns(empty) if len(empty) < table.num_columns else table


def _is_empty(refs: pa.ChunkedArray) -> bool:
    return bool(refs.null_count == len(refs))


def _chunks(table: pa.Table) -> tuple[str, ...]:
    """Keys of the chunk files that the rows refer to."""
    keys: set[str] = set()
    for column in table.columns:
        if column.type == REF_TYPE and column.null_count < len(column):
            keys |= set(pc.unique(pc.struct_field(pc.list_flatten(column), "key")).to_pylist())
    return tuple(sorted(keys))


def zone_maps(table: pa.Table) -> dict[str, list[Any]]:
    """Smallest and largest value of every scalar number column; not of those without a value or with infinite ones,
    which JSON has no word for."""
    zones = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            ends = value_range(column)
            if ends is not None and math.isfinite(ends[0]) and math.isfinite(ends[1]):
                zones[name] = list(ends)
    return zones


def value_range(column: pa.ChunkedArray) -> tuple[Any, Any] | None:
    """The least and the greatest number; None if there is none. NaN counts only where there is nothing else."""
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())  # Arrow compares no 16-bit floats
    ends = pc.min_max(column).as_py()
    return None if ends["min"] is None else (ends["min"], ends["max"])


def label_codes(table: pa.Table, labels: set[str]) -> dict[str, list[int]]:
    """The codes that occur in each label column, ascending."""
    present = {}
    for name in labels & set(table.column_names):
        codes = np.concatenate([_flat(chunk) for chunk in table.column(name).chunks] or [np.empty(0, np.uint32)])
        present[name] = np.unique(codes).tolist()
    return present


def _flat(array: pa.Array) -> Any:
    return array.flatten().to_numpy(zero_copy_only=False)
