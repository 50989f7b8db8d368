"""A snapshot: one version of the dataset, read-only, with its rows in dataset order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints, take_rows
from .cells import decoded, fetch_cells
from .commits import Tree
from .context import Context
from .errors import RangeError, StateError
from .htypes import htype_of
from .manifest import Entry, Manifest, read_manifest
from .objects import Staging
from .payloads import REF_SUFFIX, REF_TYPE
from .schema import Schema, TensorSpec
from .zones import entry_codes, entry_zone

UNLANDED = 1 << 62
"""Rows that have not landed show ids from here on; they get their permanent ids from the log."""


def tensor_fields(spec: TensorSpec) -> dict[str, pa.DataType]:
    """Physical columns of a tensor by suffix, the reference to chunk files included."""
    htype = htype_of(spec)
    fields = htype.fields(spec)
    return {**fields, REF_SUFFIX: REF_TYPE} if htype.is_payload else fields


def physical_fields(schema: Schema) -> dict[str, pa.DataType]:
    """All physical columns of a schema and their types."""
    return {spec.column + suffix: kind for spec in schema for suffix, kind in tensor_fields(spec).items()}


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
        return Schema.from_json(self.context.objects.read_json(self.tree.schema, self.staging))

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

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Physical columns of all rows, zero-copy where nothing was edited."""
        return pa.table([self.column(name) for name in columns], names=list(columns))

    # --- fragment by fragment ----------------------------------------------------------------------------------------

    def fragment_rows(self) -> list[int]:
        """How many rows each fragment has."""
        return [entry.live for entry in self.manifest.entries]

    def fragment(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Physical columns of the rows of one fragment."""
        entry = self.manifest.entries[number]
        held = [self.context.fragments.column(entry, name, self.fields[name], self.staging) for name in columns]
        return pa.table(held, names=list(columns))

    def zones(self, column: str) -> list[tuple[Any, Any] | None]:
        """The least and the greatest value of a column of single numbers in each fragment, where that is known."""
        return [entry_zone(self.context.fragments, e, column, self.staging) for e in self.manifest.entries]

    def label_codes(self, column: str) -> list[Ints | None]:
        """The codes in a label column in each fragment, where that is known."""
        return [entry_codes(self.context.fragments, e, column, self.staging) for e in self.manifest.entries]

    # --- chosen rows -------------------------------------------------------------------------------------------------

    def stored(self, tensor: str, rows: Sequence[int] | Ints) -> dict[str, pa.Array]:
        """Physical cells of chosen rows by suffix, as stored."""
        chosen = checked_rows(rows, len(self))
        spec = self.schema[tensor]
        return {suffix: self._take(spec.column + suffix, kind, chosen) for suffix, kind in tensor_fields(spec).items()}

    def cells(self, tensor: str, rows: Sequence[int] | Ints) -> dict[str, pa.Array]:
        """Cells of chosen rows by suffix, links fetched and payloads inline."""
        return fetch_cells(self.context, self.schema[tensor], self.stored(tensor, rows), rows)

    def read(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        """Decoded samples of chosen rows."""
        spec = self.schema[tensor]
        return decoded(spec, self.cells(tensor, rows), rows)

    def _take(self, name: str, kind: pa.DataType, rows: Ints) -> pa.Array:
        entries = self.manifest.entries
        if len(rows) == 1 and entries:
            number, live = self.manifest.locate(int(rows[0]))
            offset = self.context.fragments.offset(entries[number], live, self.staging)
            return self.context.fragments.at(entries[number], name, kind, np.array([offset], np.int64), self.staging)
        return self.taken(name, rows)

    def taken(self, name: str, rows: Ints) -> pa.Array:
        """One physical column of chosen rows; fragments that hold none of them stay closed."""
        starts = np.concatenate([[0], np.cumsum(self.fragment_rows(), dtype=np.int64)])
        owner = np.searchsorted(starts, rows, side="right") - 1
        touched = np.unique(owner)
        if len(touched) == len(starts) - 1:
            return take_rows(self.column(name), rows)
        columns = [self.fragment(number, [name]).column(0) for number in touched.tolist()]
        held = pa.chunked_array([chunk for column in columns for chunk in column.chunks], self.fields[name])
        inner = np.concatenate([[0], np.cumsum([len(column) for column in columns], dtype=np.int64)])
        return take_rows(held, rows - starts[owner] + inner[np.searchsorted(touched, owner)])


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
