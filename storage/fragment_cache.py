"""Fragments opened: mapped, checked, with their edits and deletions applied, and kept for the next reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pyarrow as pa

from .arrow import Ints, column_or_none, empty_column, join, put, take_rows, unpack_table
from .blocks import CheckedRows
from .errors import DamageError, ObjectMissingError
from .manifest import Entry, Fragment, Overlay, read_deletions
from .objects import Objects, Pointer, Staging, decode_ids
from .payloads import REF_TYPE
from .pieces import Edits, edits_of, put_together
from .recent import Recent
from .stores.base import Store
from .stores.mapped import digest_of, give_back
from .vectors import arrow_of, numpy_of_all

V = TypeVar("V")

SLICES = 128
"""A column in more slices than that is copied into one piece when it is asked for a second time: a reader that comes
once pays for no copy, and one that comes often not for the many slices."""
OVERLAYS = 256
"""Opened overlays that are kept: each is asked for every column, and most are a few kilobytes."""
VERSIONS = 4
"""Versions of one fragment that are kept: a long transaction makes one with every edit that is read."""
LOOKS = 256
"""After so many looks at single rows the pages of all files that they touched are given back."""


@dataclass(frozen=True, slots=True)
class Patched:
    """A column of an entry, not put together: its batches as written and then the newest values of edited rows."""

    arrays: Sequence[pa.Array]
    edits: Edits


@dataclass(slots=True)
class _Opened:
    """What was found out about one entry so far."""

    edits: Edits | None = None
    refs: frozenset[str] | None = None
    columns: dict[str, pa.ChunkedArray] = field(default_factory=dict)


class FragmentCache:
    """Opens fragments and keeps what was opened: mapped tables, and columns with edits applied. Threads may share it.

    Keys are entries and pointers, which hold the hashes of what they name: equal keys mean equal bytes.
    """

    def __init__(self, store: Store, objects: Objects) -> None:
        self.store = store
        self.objects = objects
        self._descriptors: dict[Pointer, Fragment] = {}
        self._rows: dict[Pointer, pa.Table | CheckedRows] = {}
        """Whole tables, and files of which some columns are checked."""
        self._files: dict[Pointer, pa.Buffer] = {}
        self._entries: dict[Pointer, Recent[Entry, _Opened]] = {}
        self._overlays: Recent[Pointer, pa.Table] = Recent(OVERLAYS)
        self._looks = 0

    def descriptor(self, pointer: Pointer, staging: Staging | None = None) -> Fragment:
        """The stored description of a fragment."""
        found = self._descriptors.get(pointer)
        if found is None:
            raw = self.objects.read_json(pointer, staging)
            found = self._descriptors[pointer] = Fragment.from_json(raw, pointer.bundle)
        return found

    def forget(self, keep: set[Entry]) -> None:
        """Drop what is known of entries outside `keep`; what somebody still holds stays alive by itself."""
        fragments = {entry.fragment for entry in keep}
        entries = _only(fragments, self._entries)
        for versions in entries.values():
            versions.keep(keep.__contains__)
        self._entries = entries
        self._rows, self._files = _only(fragments, self._rows), _only(fragments, self._files)

    def _opened(self, entry: Entry) -> _Opened:
        versions = self._entries.get(entry.fragment)
        if versions is None:
            versions = self._entries.setdefault(entry.fragment, Recent(VERSIONS))
        return versions.get(entry, _Opened)

    # --- columns -----------------------------------------------------------------------------------------------------

    def column(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None = None) -> pa.ChunkedArray:
        """One physical column of an entry's live rows, edits applied; `kind` is its type in the asking schema."""
        columns = self._opened(entry).columns
        found = columns.get(name)
        if found is None or found.type != kind:
            found = columns[name] = self._column(entry, name, kind, staging)
        elif found.num_chunks > SLICES:
            found = columns[name] = pa.chunked_array([pa.concat_arrays(found.chunks)], kind)
            self._unread(entry.fragment)
        return found

    def _column(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None) -> pa.ChunkedArray:
        if not entry.overlays and entry.deletions is None:
            return self._written(entry, name, kind, staging)
        patched = self.patched(entry, name, kind, staging)
        found = put_together(patched.arrays, patched.edits, kind)
        if found.num_chunks == 1:
            self._unread(entry.fragment)
        return found

    def patched(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None = None) -> Patched:
        """The same column in pieces, for those who need not have it put together."""
        written, edits = self._written(entry, name, kind, staging), self.edits(entry, staging)
        edited = join(self._overlaid(entry, name, kind, staging).chunks, kind).take(arrow_of(edits.newest))
        return Patched([*written.chunks, edited], edits)

    def at(self, entry: Entry, name: str, kind: pa.DataType, offsets: Ints, staging: Staging | None = None) -> pa.Array:
        """One physical column at some offsets (deleted ones included), edits applied.

        Costs the offsets, not the fragment: building the whole column anew after each edit would not.
        """
        self._look()
        found = take_rows(self._written(entry, name, kind, staging), offsets)
        if not entry.overlays:
            return found
        edits = self.edits(entry, staging)
        places = np.minimum(np.searchsorted(edits.at, offsets), len(edits.at) - 1)
        hits = np.flatnonzero(edits.at[places] == offsets)
        if not len(hits):
            return found
        return put(found, hits, take_rows(self._overlaid(entry, name, kind, staging), edits.newest[places[hits]]))

    def _written(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None) -> pa.ChunkedArray:
        return typed_column(self._opened_rows(entry.fragment, staging, name), name, kind)

    def _overlaid(self, entry: Entry, name: str, kind: pa.DataType, staging: Staging | None) -> pa.ChunkedArray:
        """One physical column of all rows in the overlays of an entry."""
        columns = [typed_column(self.overlay(overlay, staging), name, kind) for overlay in entry.overlays]
        return pa.chunked_array([chunk for column in columns for chunk in column.chunks], kind)

    # --- rows --------------------------------------------------------------------------------------------------------

    def edits(self, entry: Entry, staging: Staging | None = None) -> Edits:
        """What was edited and deleted in an entry."""
        opened = self._opened(entry)
        if opened.edits is None:
            opened.edits = self._find_edits(entry, staging)
        return opened.edits

    def _find_edits(self, entry: Entry, staging: Staging | None) -> Edits:
        tables = [self.overlay(overlay, staging) for overlay in entry.overlays]
        offsets = [numpy_of_all(table.column("_offset")) for table in tables]
        sizes = [len(batch) for batch in self._opened_rows(entry.fragment, staging).to_batches()]
        overlaid = np.concatenate([np.empty(0, np.int64), *offsets])
        return edits_of(sizes, overlaid, self.deleted_offsets(entry, staging))

    def refs(self, entry: Entry, staging: Staging | None = None) -> frozenset[str]:
        """Columns by which a row of the entry may refer to chunk files."""
        opened = self._opened(entry)
        if opened.refs is None:
            opened.refs = frozenset(self._find_refs(entry, staging))
        return opened.refs

    def _find_refs(self, entry: Entry, staging: Staging | None) -> Iterator[str]:
        tables = [self.overlay(overlay, staging) for overlay in entry.overlays if overlay.chunks]
        if self.descriptor(entry.fragment, staging).chunks:
            tables.append(self._opened_rows(entry.fragment, staging))
        return (field.name for table in tables for field in table.schema if field.type == REF_TYPE)

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
        if entry.deletions is None:
            return np.empty(0, np.int64)
        return np.array(read_deletions(self.objects, entry, staging).to_array(), dtype=np.int64)

    def offsets(self, entry: Entry, live: Ints, staging: Staging | None = None) -> Ints:
        """The offsets of rows by their number among those that are not deleted."""
        gone = self.deleted_offsets(entry, staging)
        # gone[k] - k rows are live before the k-th deleted offset.
        return live + np.searchsorted(gone - np.arange(len(gone)), live, side="right")

    # --- files -------------------------------------------------------------------------------------------------------

    def table(self, pointer: Pointer, staging: Staging | None = None) -> pa.Table:
        """A fragment's rows as written, mapped, all of them checked.

        Raises:
            DamageError: length or hash differ from the descriptor.
        """
        found = self._rows.get(pointer)
        if not isinstance(found, pa.Table):
            found = self._rows[pointer] = self._whole(pointer, staging)
        return found

    def _opened_rows(self, pointer: Pointer, staging: Staging | None, name: str = "") -> pa.Table:
        """The same rows, of which column `name` is checked; of the others look at names, types and lengths alone."""
        found = self._rows.get(pointer)
        if found is None:
            found = self._rows[pointer] = self._open(pointer, staging)
        if isinstance(found, pa.Table):
            return found
        if not found.checked(name):
            raise self._damage(self.descriptor(pointer, staging))
        return found.table

    def overlay(self, overlay: Overlay, staging: Staging | None = None) -> pa.Table:
        """The edited rows of one overlay."""
        return self._overlays.get(overlay.pointer, lambda: unpack_table(self.objects.read(overlay.pointer, staging)))

    def _open(self, pointer: Pointer, staging: Staging | None) -> pa.Table | CheckedRows:
        fragment = self.descriptor(pointer, staging)
        if fragment.inline is not None or fragment.blocks is None:
            return self._whole(pointer, staging)
        try:
            sums = self.objects.read(fragment.blocks, staging)
        except (DamageError, ObjectMissingError):  # the rows may be whole all the same
            return self._whole(pointer, staging)
        buffer = self._mapped(pointer, fragment)
        found = CheckedRows.open(buffer, sums, fragment.rows) if buffer.size == fragment.length else None
        if found is None:
            raise self._damage(fragment)
        return found

    def _whole(self, pointer: Pointer, staging: Staging | None) -> pa.Table:
        fragment = self.descriptor(pointer, staging)
        if fragment.inline is not None:
            return unpack_table(self.objects.read(fragment.inline, staging))
        buffer = self._mapped(pointer, fragment)
        # Arrow trusts its offsets: a flipped bit would crash the process, so nothing unchecked is opened.
        if buffer.size != fragment.length or digest_of(buffer) != fragment.xxh3:
            raise self._damage(fragment)
        return pa.ipc.open_file(buffer).read_all()

    def _mapped(self, pointer: Pointer, fragment: Fragment) -> pa.Buffer:
        if pointer not in self._files:
            self._files[pointer] = self.store.buffer(fragment.key)
        return self._files[pointer]

    def _damage(self, fragment: Fragment) -> DamageError:
        return DamageError(
            "a file of rows is not what was written",
            kind="rows-damaged",
            place=f"{self.store.url}: {fragment.key}",
            hint="run `lakebed verify` on the dataset, then `lakebed repair`",
        )

    def _look(self) -> None:
        self._looks += 1
        if self._looks % LOOKS == 0:
            for pointer in list(self._files):
                self._unread(pointer)

    def _unread(self, pointer: Pointer) -> None:
        """The pages of a fragment's file are not needed for now."""
        if pointer in self._files:
            give_back(self._files[pointer])


def _only(wanted: set[Pointer], held: dict[Pointer, V]) -> dict[Pointer, V]:
    """What is held of the wanted. `copy` is one step for other threads, which may add meanwhile; a loop is many."""
    return {key: value for key, value in held.copy().items() if key in wanted}


def typed_column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    """The column, or what stands for it where the rows are older than the tensor, or none refers to chunk files."""
    column = column_or_none(table, name)
    if column is None:
        return _absent(kind, table)
    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        # Left by a deleted tensor whose column name came back with a merge or a revert.
        return _absent(kind, table)


def _absent(kind: pa.DataType, table: pa.Table) -> pa.ChunkedArray:
    """In batches as the columns that are there."""
    return pa.chunked_array([absent(kind, len(batch)) for batch in table.to_batches()], kind)


def absent(kind: pa.DataType, rows: int) -> pa.Array:
    """Cells of a physical column in rows that have no sample."""
    return pa.nulls(rows, kind) if kind == REF_TYPE else empty_column(kind, rows)
