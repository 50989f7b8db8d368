"""Fragments: writing rows as Arrow IPC files, and opening them with their edits and deletions applied."""

from __future__ import annotations

import math
import uuid
from collections import OrderedDict
from collections.abc import Iterator
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
from .stores.mapped import digest_of, give_back
from .vectors import arrow_of, numpy_of_all

ROWS = 131_072
"""Most rows of a fragment."""
BYTES = 64 << 20
"""About the most bytes of a fragment."""
INLINE = 32 << 10
"""Fragments up to this size lie in the bundle of the change that appended them."""
BLOCK = 64 << 10
"""Bytes under one checksum of a fragment's file."""
SLICES = 128
"""A column in more slices than that is copied into one piece when it is asked for a second time: a reader that comes
once pays for no copy, and one that comes often not for the many slices."""
CUTS = 512
"""Up to this many edited places a column is cut into slices of the mapped file; above, it is copied row by row."""
OVERLAYS = 256
"""Opened overlays that are kept: each is asked for every column, and most are a few kilobytes."""
LOOKS = 256
"""After so many looks at single rows the pages of all files that they touched are given back."""


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
        self._files: dict[Pointer, pa.Buffer] = {}
        self._columns: dict[tuple[Entry, str], pa.ChunkedArray] = {}
        self._refs: dict[Entry, frozenset[str]] = {}
        self._overlays: OrderedDict[Pointer, pa.Table] = OrderedDict()
        self._looks = 0

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
        elif found.num_chunks > SLICES:
            found = self._columns[key] = pa.chunked_array([pa.concat_arrays(found.chunks)], kind)
            self._unread(entry.fragment)
        return found

    def at(self, entry: Entry, name: str, kind: pa.DataType, offsets: Ints, staging: Staging | None = None) -> pa.Array:
        """One physical column at a few offsets (deleted ones included), edits applied.

        Costs the offsets, not the fragment: building the whole column anew after each edit would not.
        """
        self._look()
        base = take_rows(typed_column(self.table(entry.fragment, staging), name, kind), offsets)
        for overlay in entry.overlays:
            table = self.overlay(overlay, staging)
            edited = numpy_of_all(table.column("_offset")).astype(np.int64)
            places = np.minimum(np.searchsorted(edited, offsets), len(edited) - 1)
            hits = np.flatnonzero(edited[places] == offsets)
            if len(hits):
                base = put(base, hits, take_rows(typed_column(table, name, kind), places[hits]))
        return base

    def refs(self, entry: Entry, staging: Staging | None = None) -> frozenset[str]:
        """Columns by which a row of the entry may refer to chunk files."""
        found = self._refs.get(entry)
        if found is None:
            found = self._refs[entry] = frozenset(self._find_refs(entry, staging))
        return found

    def _find_refs(self, entry: Entry, staging: Staging | None) -> Iterator[str]:
        tables = [self.overlay(overlay, staging) for overlay in entry.overlays if overlay.chunks]
        if self.descriptor(entry.fragment, staging).chunks:
            tables.append(self.table(entry.fragment, staging))
        return (field.name for table in tables for field in table.schema if field.type == REF_TYPE)

    def _look(self) -> None:
        self._looks += 1
        if self._looks % LOOKS == 0:
            for pointer in self._files:
                self._unread(pointer)

    def _unread(self, pointer: Pointer) -> None:
        """The pages of a fragment's file are not needed for now."""
        if pointer in self._files:
            give_back(self._files[pointer])

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
        self._refs = {entry: value for entry, value in self._refs.items() if entry in keep}
        fragments = {entry.fragment for entry in keep}
        self._tables = {key: value for key, value in self._tables.items() if key in fragments}
        self._files = {key: value for key, value in self._files.items() if key in fragments}

    def table(self, pointer: Pointer, staging: Staging | None = None) -> pa.Table:
        """A fragment's rows as written, mapped; its bytes are checked the first time.

        Raises:
            DamageError: length or hash differ from the descriptor.
        """
        found = self._tables.get(pointer)
        if found is None:
            found = self._tables[pointer] = self._open(pointer, staging)
        return found

    def _open(self, pointer: Pointer, staging: Staging | None) -> pa.Table:
        fragment = self.descriptor(pointer, staging)
        if fragment.inline is not None:
            return unpack_table(self.objects.read(fragment.inline, staging))
        buffer = self.store.buffer(fragment.key)
        # Arrow trusts its offsets: a flipped bit would crash the process, so nothing unchecked is mapped.
        if buffer.size != fragment.length or digest_of(buffer) != fragment.xxh3:
            raise DamageError(
                "a file of rows is not what was written",
                kind="rows-damaged",
                place=f"{self.store.url}: {fragment.key}",
                hint="run `lakebed verify` on the dataset, then `lakebed repair`",
            )
        self._files[pointer] = buffer
        return pa.ipc.open_file(buffer).read_all()

    def _build_column(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None) -> pa.ChunkedArray:
        base = typed_column(self.table(entry.fragment, staging), name, kind)
        offsets, values = self._edits(entry, name, kind, staging)
        gone = self.deleted_offsets(entry, staging)
        if len(offsets) + len(gone) == 0:
            return base
        if len(offsets) + len(gone) <= CUTS:
            return _sliced(base, offsets, values, gone)
        copied = _copied(base, offsets, values, gone)
        self._unread(entry.fragment)
        return copied

    def _edits(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None) -> tuple[Ints, pa.Array]:
        """Edited offsets, ascending, and their newest values."""
        offsets: list[Any] = []
        values: list[pa.Array] = []
        for overlay in entry.overlays:
            table = self.overlay(overlay, staging)
            offsets.append(numpy_of_all(table.column("_offset")).astype(np.int64))
            values.append(typed_column(table, name, kind).combine_chunks())
        if not offsets:
            return np.empty(0, np.int64), pa.nulls(0, kind)
        return newest(np.concatenate(offsets), pa.concat_arrays([_flat_chunk(value) for value in values]))

    def overlay(self, overlay: Overlay, staging: Staging | None = None) -> pa.Table:
        """The edited rows of one overlay."""
        found = self._overlays.get(overlay.pointer)
        if found is None:
            found = self._overlays[overlay.pointer] = unpack_table(self.objects.read(overlay.pointer, staging))
            while len(self._overlays) > OVERLAYS:
                self._overlays.popitem(last=False)
        self._overlays.move_to_end(overlay.pointer)
        return found


def newest(offsets: Ints, values: pa.Array) -> tuple[Ints, pa.Array]:
    """Each offset once, ascending, with the last value given for it."""
    backwards = offsets[::-1]
    unique, last = np.unique(backwards, return_index=True)
    return unique, values.take(arrow_of(len(offsets) - 1 - last))


def _flat_chunk(value: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(value.chunks) if isinstance(value, pa.ChunkedArray) else value


def typed_column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    """The column, or what stands for it where the rows are older than the tensor, or none refers to chunk files."""
    if name not in table.column_names:
        return pa.chunked_array([absent(kind, table.num_rows)], kind)
    column = table.column(name)
    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        # Left by a deleted tensor whose column name came back with a merge or a revert.
        return pa.chunked_array([absent(kind, table.num_rows)], kind)


def absent(kind: pa.DataType, rows: int) -> pa.Array:
    """Cells of a physical column in rows that have no sample."""
    return pa.nulls(rows, kind) if kind == REF_TYPE else empty_column(kind, rows)


def _sliced(base: pa.ChunkedArray, offsets: Ints, values: pa.Array, gone: Ints) -> pa.ChunkedArray:
    """Slices of the column with the edited rows between them."""
    edited = dict(zip(offsets.tolist(), range(len(offsets)), strict=True))
    deleted = set(gone.tolist())
    places = np.union1d(offsets, gone)
    parts: list[pa.Array] = []
    first = 0
    for chunk in base.chunks:
        start = 0
        for place in places[(places >= first) & (places < first + len(chunk))].tolist():
            if place - first > start:
                parts.append(chunk.slice(start, place - first - start))
            if place not in deleted:
                parts.append(values.slice(edited[place], 1))
            start = place - first + 1
        if start < len(chunk):
            parts.append(chunk.slice(start))
        first += len(chunk)
    return pa.chunked_array(parts, base.type)


def _copied(base: pa.ChunkedArray, offsets: Ints, values: pa.Array, gone: Ints) -> pa.ChunkedArray:
    order = np.arange(len(base), dtype=np.int64)
    order[offsets] = len(base) + np.arange(len(offsets))
    order = np.delete(order, gone)
    both = pa.concat_arrays([*base.chunks, values])
    return pa.chunked_array([both.take(arrow_of(order))], base.type)
