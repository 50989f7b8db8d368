"""A snapshot: one version of the dataset, read-only, with its rows in dataset order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints, in_order, is_ascending, join, take_rows
from .big_cells import brought_in, may_be_big
from .cells import decoded, fetch_cells
from .commits import Tree
from .context import Context
from .errors import RangeError, StateError
from .fragment_cache import Patched
from .htypes import htype_of
from .manifest import Entry, Manifest, read_manifest
from .objects import Staging
from .payloads import REF_SUFFIX, REF_TYPE
from .schema import Schema, TensorSpec
from .source import Failures
from .zones import entry_codes, entry_zone

UNLANDED = 1 << 62
"""Rows that have not landed show ids from here on; they get their permanent ids from the log."""
FEW = 8
"""Up to one row in so many of a fragment is read by itself; of more the whole column is made, and kept."""


def tensor_fields(spec: TensorSpec) -> dict[str, pa.DataType]:
    """Physical columns of a tensor by suffix, the reference to chunk files included."""
    fields = htype_of(spec).fields(spec)
    return {**fields, REF_SUFFIX: REF_TYPE} if may_be_big(spec, fields[""]) else fields


def physical_fields(schema: Schema) -> dict[str, pa.DataType]:
    """All physical columns of a schema and their types."""
    return {spec.column + suffix: kind for spec in schema for suffix, kind in tensor_fields(spec).items()}


def stored_fields(schema: Schema, refs: Collection[str]) -> dict[str, pa.DataType]:
    """The same for rows that are written anew: of the references to chunk files only those in the columns `refs`."""
    return {name: kind for name, kind in physical_fields(schema).items() if kind != REF_TYPE or name in refs}


class Snapshot:
    """All rows of one version; implements `SampleSource`.

    A snapshot of landed state pickles as a few pointers and reopens anywhere; it stays readable for ever.
    """

    def __init__(self, context: Context, tree: Tree, commit_id: str | None, staging: Staging | None = None) -> None:
        self.context = context
        self.tree = tree
        self.commit_id = commit_id
        """The commit this is, or None for a working snapshot."""
        self.staging = staging

    def __reduce__(self) -> tuple[Any, ...]:
        if self.staging is not None:
            raise StateError(
                "rows that have not landed cannot be handed to another process",
                kind="unlanded",
                hint="call ds.flush() or ds.commit() first",
            )
        return Snapshot, (self.context, self.tree, self.commit_id)

    @cached_property
    def schema(self) -> Schema:
        pointer = self.tree.schema
        return self.context.schemas.get(
            pointer, lambda: Schema.from_json(self.context.objects.read_json(pointer, self.staging))
        )

    @cached_property
    def infos(self) -> dict[str, dict[str, Any]]:
        """Info per tensor, and of the dataset under ""."""
        found: dict[str, dict[str, Any]] = self.context.objects.read_json(self.tree.info, self.staging)
        return found

    @cached_property
    def manifest(self) -> Manifest:
        return read_manifest(self.context.objects, self.tree.manifest, self.staging)

    @cached_property
    def fields(self) -> dict[str, pa.DataType]:
        """Physical columns and their types."""
        return physical_fields(self.schema)

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        """Info of a tensor, or of the dataset for ""."""
        if tensor:
            self.schema[tensor]
        return self.infos.get(tensor, {})

    def __len__(self) -> int:
        return self.tree.rows

    @cached_property
    def row_ids(self) -> Ints:
        """Permanent id of each row, int64 (n,)."""
        parts = []
        unlanded = UNLANDED
        for entry in self.manifest.entries:
            if entry.pending:
                parts.append(np.arange(unlanded, unlanded + entry.live, dtype=np.int64))
                unlanded += entry.rows
            else:
                parts.append(self.context.fragments.ids(entry, self.staging))
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def info_or_none(self, tensor: str) -> Mapping[str, Any] | None:
        """Info as stored, also of a tensor that this version lacks."""
        return self.infos.get(tensor) or None

    def entry_ids(self, entry: Entry) -> Ints:
        """Row ids of an entry's live rows; none if they have not landed."""
        return np.empty(0, np.int64) if entry.pending else self.context.fragments.ids(entry, self.staging)

    def column(self, name: str) -> pa.ChunkedArray:
        """One physical column over all rows."""
        kind = self.fields[name]
        fragments = self.context.fragments
        chunks: list[pa.Array] = []
        for entry in self.manifest.entries:
            chunks += fragments.column(entry, name, kind, self.staging).chunks
        return pa.chunked_array(chunks, kind)

    def table(self, columns: Sequence[str], rows: Sequence[int] | Ints | None = None) -> pa.Table:
        """Physical columns of all rows or of chosen ones, zero-copy where nothing was edited; see `SampleSource`."""
        chosen = None if rows is None else checked_rows(rows, len(self))
        return pa.table([self._whole(name, chosen) for name in columns], names=list(columns))

    # --- fragment by fragment ----------------------------------------------------------------------------------------

    def fragment_rows(self) -> list[int]:
        """How many rows each fragment has."""
        return [entry.live for entry in self.manifest.entries]

    def patched(self, number: int, column: str) -> Patched | None:
        """A physical column of one fragment in pieces, for those who need not have it put together; None where nothing
        was edited or deleted, and where cells may lie in chunk files."""
        entry = self.manifest.entries[number]
        changed = entry.overlays or entry.deletions is not None
        if not changed or (column in self._maybe_big and column + REF_SUFFIX in self._refs_of(number)):
            return None
        return self.context.fragments.patched(entry, column, self.fields[column], self.staging)

    def fragment(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Physical columns of the rows of one fragment, with big cells as `table` has them."""
        first = sum(self.fragment_rows()[:number])
        held = [self._whole_part(number, name, first) for name in columns]
        return pa.table(held, names=list(columns))

    def _part(self, number: int, name: str) -> pa.ChunkedArray:
        """A physical column of the rows of one fragment, as stored."""
        return self.context.fragments.column(self.manifest.entries[number], name, self.fields[name], self.staging)

    def _whole_part(self, number: int, name: str, first: int) -> pa.ChunkedArray:
        found, refs = self._part(number, name), name + REF_SUFFIX
        if name not in self._maybe_big or refs not in self._refs_of(number):
            return found
        return brought_in(
            self.context.store, found, self._part(number, refs), self._place_of(name, lambda n: first + n)
        )

    def _refs_of(self, number: int) -> frozenset[str]:
        return self.context.fragments.refs(self.manifest.entries[number], self.staging)

    def zones(self, column: str) -> list[tuple[Any, Any] | None]:
        """The least and the greatest value of a column of single numbers in each fragment, where that is known."""
        return [entry_zone(self.context.fragments, e, column, self.staging) for e in self.manifest.entries]

    def label_codes(self, column: str) -> list[Ints | None]:
        """The codes in a label column in each fragment, where that is known."""
        return [entry_codes(self.context.fragments, e, column, self.staging) for e in self.manifest.entries]

    # --- chosen rows -------------------------------------------------------------------------------------------------

    def stored(self, tensor: str, rows: Sequence[int] | Ints) -> dict[str, pa.Array]:
        """Physical cells of chosen rows by suffix, as stored; `.ref` is left out where no cell lies in a chunk file."""
        chosen = checked_rows(rows, len(self))
        spec = self.schema[tensor]
        fields = tensor_fields(spec)
        if REF_SUFFIX in fields and not self._refers(spec.column + REF_SUFFIX, chosen):
            del fields[REF_SUFFIX]
        return {suffix: self._take(spec.column + suffix, kind, chosen) for suffix, kind in fields.items()}

    def cells(self, tensor: str, rows: Sequence[int] | Ints, failed: Failures | None = None) -> dict[str, pa.Array]:
        """Cells of chosen rows by suffix, links fetched and big ones brought in; see `SampleSource.cells`."""
        return fetch_cells(self.context, self.schema[tensor], self.stored(tensor, rows), rows, failed)

    def read(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        """Decoded samples of chosen rows."""
        spec = self.schema[tensor]
        return decoded(spec, self.cells(tensor, rows), rows)

    def _whole(self, name: str, rows: Ints | None) -> pa.ChunkedArray:
        """A physical column, of all rows if `rows` is None, with its big cells unless these are files."""
        found = self._chosen(name, rows)
        if name not in self._maybe_big or not self._refers(name + REF_SUFFIX, rows):
            return found
        refs = self._chosen(name + REF_SUFFIX, rows)
        row_of = (lambda number: number) if rows is None else (lambda number: int(rows[number]))
        return brought_in(self.context.store, found, refs, self._place_of(name, row_of))

    def _place_of(self, name: str, row_of: Callable[[int], int]) -> Callable[[int], str]:
        """Whose cells those of a value column are, for messages; `row_of` gives the row of the n-th."""
        tensor = self._maybe_big[name].name
        return lambda number: f"tensor {tensor!r}, row {row_of(number)}"

    @cached_property
    def _maybe_big(self) -> dict[str, TensorSpec]:
        """Tensors that are no files and may have cells in chunk files, by their value column."""
        return {
            spec.column: spec
            for spec in self.schema
            if REF_SUFFIX in tensor_fields(spec) and not htype_of(spec).is_payload
        }

    def _refers(self, name: str, rows: Ints | None) -> bool:
        """Whether a row may refer to chunk files in the column `name`; a single row is looked for in its entry only."""
        entries = self.manifest.entries
        if rows is not None and len(rows) == 1 and entries:
            entries = (entries[self.manifest.locate(int(rows[0]))[0]],)
        return any(name in self.context.fragments.refs(entry, self.staging) for entry in entries)

    def _chosen(self, name: str, rows: Ints | None) -> pa.ChunkedArray:
        if rows is None:
            return self.column(name)
        kind = self.fields[name]
        if is_ascending(rows):
            return pa.chunked_array(list(self._parts(name, kind, rows)), kind)
        return pa.chunked_array([self._take(name, kind, rows)], kind)

    def _take(self, name: str, kind: pa.DataType, rows: Ints) -> pa.Array:
        if is_ascending(rows):
            return join(list(self._parts(name, kind, rows)), kind)
        ascending, back = in_order(rows)
        return self._take(name, kind, ascending).take(back)

    def _parts(self, name: str, kind: pa.DataType, rows: Ints) -> Iterator[pa.Array]:
        """A physical column at ascending rows, fragment by fragment; those that hold none of them stay closed."""
        fragments = self.context.fragments
        cuts = np.searchsorted(rows, self._starts)
        for number in np.flatnonzero(np.diff(cuts)).tolist():
            entry = self.manifest.entries[number]
            live = rows[cuts[number] : cuts[number + 1]] - self._starts[number]
            if len(live) * FEW < entry.live:
                yield fragments.at(entry, name, kind, fragments.offsets(entry, live, self.staging), self.staging)
            else:
                yield take_rows(fragments.column(entry, name, kind, self.staging), live)

    @cached_property
    def _starts(self) -> Ints:
        """The first row of each fragment, and the number of rows."""
        return np.concatenate([[0], np.cumsum(self.fragment_rows(), dtype=np.int64)])


def checked_rows(rows: Sequence[int] | Ints, count: int) -> Ints:
    """Row numbers as int64, negative ones counted from the end.

    Raises:
        RangeError: a number is outside the rows.
    """
    chosen = np.asarray(rows, dtype=np.int64).reshape(-1)
    outside = chosen[(chosen < -count) | (chosen >= count)]
    if len(outside):
        raise RangeError(f"row {int(outside[0])} is outside the {count} rows there are", place=f"row {int(outside[0])}")
    return np.where(chosen < 0, chosen + count, chosen)
