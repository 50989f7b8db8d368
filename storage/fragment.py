"""Fragments: writing rows as Arrow IPC files, and opening them with their edits and deletions applied."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from .arrow import Ints, empty_column, pack_table, put, table_to_file, take_rows, unpack_table
from .errors import DamageError
from .manifest import Entry, Fragment, Overlay, read_deletions
from .objects import Objects, Pointer, Staging, decode_ids
from .payloads import REF_TYPE
from .stores.base import Store

ROWS = 131_072
"""Most rows of a fragment."""
BYTES = 64 << 20
"""About the most bytes of a fragment."""
INLINE = 32 << 10
"""Fragments up to this size lie in the bundle of the change that appended them."""
BLOCK = 64 << 10
"""Bytes under one checksum of a fragment's file."""
SLICES = 64
"""Up to this many edited places a column is cut into zero-copy slices; above, it is copied once."""


def write_fragment(table: pa.Table, store: Store, staging: Staging, labels: set[str]) -> Pointer:
    """Store the rows of `table`; returns the staged descriptor. `labels` names the label columns."""
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
    return Overlay(staging.add(pack_table(table)), table.num_rows, _chunks(table))


def block_sums(file: pa.Buffer) -> bytes:
    """XXH3-64 of every `BLOCK` bytes, little-endian uint64."""
    view = memoryview(file)
    sums = [xxhash.xxh3_64_intdigest(view[start : start + BLOCK]) for start in range(0, file.size, BLOCK)]
    return np.array(sums, "<u8").tobytes()


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


class FragmentCache:
    """Opens fragments and keeps what was opened: mapped tables, and columns with edits applied.

    Keys are entries and pointers, which hold the hashes of what they name: equal keys mean equal bytes.
    """

    def __init__(self, store: Store, objects: Objects) -> None:
        self.store = store
        self.objects = objects
        self._descriptors: dict[Pointer, Fragment] = {}
        self._tables: dict[Pointer, pa.Table] = {}
        self._columns: dict[tuple[Entry, str], pa.ChunkedArray] = {}

    def descriptor(self, pointer: Pointer, staging: Staging | None = None) -> Fragment:
        """The stored description of a fragment."""
        found = self._descriptors.get(pointer)
        if found is None:
            raw = self.objects.read_json(pointer, staging)
            found = self._descriptors[pointer] = Fragment.from_json(raw, pointer.bundle)
        return found

    def column(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None = None) -> pa.ChunkedArray:
        """One physical column of an entry's live rows, edits applied; `kind` is its type in the asking schema."""
        key = (entry, name)
        found = self._columns.get(key)
        if found is None or found.type != kind:
            found = self._columns[key] = self._build_column(entry, name, kind, staging)
        return found

    def at(self, entry: Entry, name: str, kind: pa.DataType, offsets: Ints, staging: Staging | None = None) -> pa.Array:
        """One physical column at a few offsets (deleted ones included), edits applied.

        Costs the offsets, not the fragment: building the whole column anew after each edit would not.
        """
        base = take_rows(typed_column(self.table(entry.fragment, staging), name, kind), offsets)
        for overlay in entry.overlays:
            table = self.overlay(overlay, staging)
            edited = table.column("_offset").to_numpy().astype(np.int64)
            hits = np.flatnonzero(np.isin(offsets, edited))
            if len(hits):
                values = take_rows(typed_column(table, name, kind), np.searchsorted(edited, offsets[hits]))
                base = put(base, hits, values)
        return base

    def ids(self, entry: Entry, staging: Staging | None = None) -> Ints:
        """Row ids of an entry's live rows, int64."""
        every = self.all_ids(entry, staging)
        gone = self.deleted_offsets(entry, staging)
        return np.delete(every, gone) if len(gone) else every

    def all_ids(self, entry: Entry, staging: Staging | None = None) -> Ints:
        """Row ids of every offset, deleted ones included."""
        if entry.ids is not None:
            return decode_ids(self.objects.read(entry.ids, staging))
        assert entry.first is not None, "rows have no ids before they land"
        return np.arange(entry.first, entry.first + entry.rows, dtype=np.int64)

    def deleted_offsets(self, entry: Entry, staging: Staging | None = None) -> Ints:
        """Offsets left out, ascending."""
        return np.array(read_deletions(self.objects, entry, staging).to_array(), dtype=np.int64)

    def offset(self, entry: Entry, live: int, staging: Staging | None = None) -> int:
        """The offset of the `live`-th row that is not deleted."""
        gone = self.deleted_offsets(entry, staging)
        # gone[k] - k rows are live before the k-th deleted offset.
        return live + int(np.searchsorted(gone - np.arange(len(gone)), live, side="right"))

    def forget(self, keep: set[Entry]) -> None:
        """Drop columns of entries outside `keep`; what somebody still holds stays alive by itself."""
        self._columns = {key: value for key, value in self._columns.items() if key[0] in keep}
        fragments = {entry.fragment for entry in keep}
        self._tables = {key: value for key, value in self._tables.items() if key in fragments}

    def table(self, pointer: Pointer, staging: Staging | None = None) -> pa.Table:
        """A fragment's rows as written, mapped; its bytes are checked the first time.

        Raises:
            DamageError: length or hash differ from the descriptor.
        """
        found = self._tables.get(pointer)
        if found is None:
            found = self._tables[pointer] = self._open(self.descriptor(pointer, staging), staging)
        return found

    def _open(self, fragment: Fragment, staging: Staging | None) -> pa.Table:
        if fragment.inline is not None:
            return unpack_table(self.objects.read(fragment.inline, staging))
        buffer = self.store.buffer(fragment.key)
        # Arrow trusts its offsets: a flipped bit would crash the process, so nothing unchecked is mapped.
        if buffer.size != fragment.length or xxhash.xxh3_128_hexdigest(buffer) != fragment.xxh3:
            raise DamageError(
                "a file of rows is not what was written",
                kind="rows-damaged",
                place=f"{self.store.url}: {fragment.key}",
                hint="run `lakebed verify` on the dataset, then `lakebed repair`",
            )
        return pa.ipc.open_file(buffer).read_all()

    def _build_column(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None) -> pa.ChunkedArray:
        base = typed_column(self.table(entry.fragment, staging), name, kind)
        offsets, values = self._edits(entry, name, kind, staging)
        gone = self.deleted_offsets(entry, staging)
        if len(offsets) + len(gone) == 0:
            return base
        if len(offsets) + len(gone) <= SLICES:
            return _sliced(base, offsets, values, gone)
        return _copied(base, offsets, values, gone)

    def _edits(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None) -> tuple[Ints, pa.Array]:
        """Edited offsets, ascending, and their newest values."""
        offsets: list[Any] = []
        values: list[pa.Array] = []
        for overlay in entry.overlays:
            table = self.overlay(overlay, staging)
            offsets.append(table.column("_offset").to_numpy().astype(np.int64))
            values.append(typed_column(table, name, kind).combine_chunks())
        if not offsets:
            return np.empty(0, np.int64), pa.array([], kind)
        return newest(np.concatenate(offsets), pa.concat_arrays([_flat_chunk(value) for value in values]))

    def overlay(self, overlay: Overlay, staging: Staging | None = None) -> pa.Table:
        """The edited rows of one overlay."""
        return unpack_table(self.objects.read(overlay.pointer, staging))


def newest(offsets: Ints, values: pa.Array) -> tuple[Ints, pa.Array]:
    """Each offset once, ascending, with the last value given for it."""
    backwards = offsets[::-1]
    unique, last = np.unique(backwards, return_index=True)
    return unique, values.take(pa.array(len(offsets) - 1 - last))


def _flat_chunk(value: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(value.chunks) if isinstance(value, pa.ChunkedArray) else value


def typed_column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    """The column, or what stands for it where the rows are older than the tensor."""
    if name not in table.column_names:
        return pa.chunked_array([empty_column(kind, table.num_rows)], kind)
    column = table.column(name)
    return column if column.type == kind else column.cast(kind)


def _sliced(base: pa.ChunkedArray, offsets: Ints, values: pa.Array, gone: Ints) -> pa.ChunkedArray:
    deleted = set(gone.tolist())
    replaced: Mapping[int, int] = {int(offset): number for number, offset in enumerate(offsets)}
    parts: list[pa.Array] = []
    start = 0
    for place in sorted(deleted | set(replaced)):
        parts += base.slice(start, place - start).chunks
        if place not in deleted:
            parts.append(values.slice(replaced[place], 1))
        start = place + 1
    parts += base.slice(start).chunks
    return pa.chunked_array([part for part in parts if len(part)], base.type)


def _copied(base: pa.ChunkedArray, offsets: Ints, values: pa.Array, gone: Ints) -> pa.ChunkedArray:
    order = np.arange(len(base), dtype=np.int64)
    order[offsets] = len(base) + np.arange(len(offsets))
    order = np.delete(order, gone)
    both = pa.concat_arrays([*base.chunks, values])
    return pa.chunked_array([both.take(pa.array(order))], base.type)
