"""A draft: what a transaction has changed so far on top of a snapshot; nobody else sees it until it lands."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from .arrow import Ints, put
from .big_cells import FEATURE as BIG_CELLS
from .commits import Tree
from .context import Context
from .errors import InvalidInputError
from .fold import folded, merged_tail, with_overlay
from .fragment import ROWS, write_fragment
from .htypes import htype_of
from .htypes.base import EncodeContext
from .links.base import StoredLink
from .manifest import Entry, Manifest, read_deletions, write_manifest
from .moments import Moment
from .objects import Pointer, Staging, check_json
from .packing import Packer, weight
from .payloads import IN_ROW, ChunkWriter
from .schema import Schema, TensorSpec
from .snapshot import Snapshot, checked_rows, stored_fields

SEAL_BYTES = 64 << 20
"""Buffered bytes at which rows are written out as a fragment, so that memory stays bounded."""


class Draft:
    """Changes on top of `base`, in memory and in staged objects.

    Appended samples wait in `_buffer` as prepared values; edits wait by place; both become staged fragments and
    overlays when a reader asks (`snapshot`) or the draft lands (`stage`).
    """

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        self.context: Context = base.context
        self.staging = Staging()
        self.schema: Schema = base.schema
        self.infos: dict[str, dict[str, Any]] = dict(base.infos)
        """Info per tensor. What is in it is replaced, never changed in place: versions share it."""
        self.entries: list[Entry] = list(base.manifest.entries)
        self.began = Moment.now()
        self.appended = 0
        """Rows appended so far, sealed ones included."""
        self._buffer: dict[str, list[Any]] = {}
        self._buffered = 0
        self._buffered_bytes = 0
        self._edits: dict[Pointer, dict[int, dict[str, Any]]] = {}
        self._chunks = ChunkWriter(self.context.store)
        self._seen: Snapshot | None = None

    def fork(self) -> Draft:
        """A savepoint: changes to this draft from now on do not show in the copy."""
        twin = copy.copy(self)
        twin.infos = dict(self.infos)
        twin.entries = list(self.entries)
        twin._buffer = {name: list(values) for name, values in self._buffer.items()}
        twin._edits = {
            fragment: {offset: dict(values) for offset, values in rows.items()}
            for fragment, rows in self._edits.items()
        }
        return twin

    # --- what it holds ---

    def __len__(self) -> int:
        return self._sealed_rows + self._buffered

    @property
    def _sealed_rows(self) -> int:
        return sum(entry.live for entry in self.entries)

    @property
    def weight(self) -> int:
        """About the bytes of the samples waiting."""
        return self._buffered_bytes

    def changed(self) -> bool:
        """Whether landing would change anything."""
        return bool(
            self._buffered
            or self._edits
            or tuple(self.entries) != self.base.manifest.entries
            or self.schema != self.base.schema
            or self.infos != self.base.infos
        )

    def snapshot(self) -> Snapshot:
        """The rows as they would be after landing."""
        if not self.changed():
            return self.base
        self._seal()
        if self._seen is None:
            self._seen = self._view_of_sealed()
        return self._seen

    def read(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        """Decoded samples; a single edited row is answered from the edit itself."""
        spec = self.schema[tensor]
        if len(rows) != 1 or spec.link:
            return self.snapshot().read(tensor, rows)
        waiting, value = self._waiting(tensor, int(checked_rows(rows, len(self))[0]))
        if waiting:
            htype = htype_of(spec)
            return htype.unpack(htype.pack([value], spec), spec)
        return self._view_of_sealed().read(tensor, rows)

    def _waiting(self, tensor: str, row: int) -> tuple[bool, Any]:
        """Whether this cell waits unsealed, and its prepared sample."""
        sealed = self._sealed_rows
        if row >= sealed:
            return True, self._buffer[tensor][row - sealed]
        if not self._edits:
            return False, None
        number, offsets, _ = next(self._places(np.array([row])))
        edited = self._edits.get(self.entries[number].fragment, {}).get(int(offsets[0]), {})
        return tensor in edited, edited.get(tensor)

    def _view_of_sealed(self) -> Snapshot:
        """The sealed rows, waiting edits left out. Properties are set directly: staging objects for every look would
        fill the bundle."""
        seen = Snapshot(self.context, replace(self.base.tree, rows=self._sealed_rows), None, self.staging)
        seen.__dict__.update(schema=self.schema, infos=dict(self.infos), manifest=self._manifest)
        return seen

    @property
    def _manifest(self) -> Manifest:
        return Manifest(tuple(self.entries))

    # --- rows ---

    def extend(self, samples: Mapping[str, Sequence[Any]], count: int) -> None:
        """Append `count` rows; tensors that are not given get empty samples. Nothing is added if one does not fit.

        Raises:
            SampleError: a sample does not fit; names tensor and row.
            NotFoundError: there is no such tensor.
            InvalidInputError: kind "length-mismatch"; kind "no-tensors".
        """
        self._check_lengths(samples, count)
        if self._buffered >= ROWS or self._buffered_bytes >= SEAL_BYTES:
            self._seal()  # before anything is taken: if the disk is full, these rows are not half in
        first = len(self)
        infos = {name: _own_copy(info) for name, info in self.infos.items()}
        schema, prepared = self.schema, {}
        for spec in self.schema:
            values = samples.get(spec.name)
            fitted, prepared[spec.name] = self._prepare(
                spec, [None] * count if values is None else values, infos, first
            )
            schema = schema.with_tensor(fitted)
        self._check_infos(infos)
        self.schema, self.infos = schema, infos
        for name, values in prepared.items():
            self._buffer.setdefault(name, []).extend(values)
            self._buffered_bytes += weight(values)
        self._buffered += count
        self.appended += count
        self._seen = None

    def _check_lengths(self, samples: Mapping[str, Sequence[Any]], count: int) -> None:
        for name, values in samples.items():
            self.schema[name]
            if len(values) != count:
                raise InvalidInputError(
                    f"{count} rows were given {len(values)} samples", kind="length-mismatch", place=f"tensor {name!r}"
                )
        if count and not self.schema:
            raise InvalidInputError(
                "rows need a tensor",
                kind="no-tensors",
                hint='make one first: ds.create_tensor("images", htype="image")',
            )

    def update(self, rows: Sequence[int] | Ints, samples: Mapping[str, Sequence[Any]]) -> None:
        """Replace samples of rows; nothing is changed if one does not fit.

        Raises:
            RangeError, SampleError, NotFoundError
        """
        chosen = checked_rows(rows, len(self))
        self._check_lengths(samples, len(chosen))
        infos = {name: _own_copy(info) for name, info in self.infos.items()}
        schema, prepared = self.schema, {}
        for name, values in samples.items():
            spec = self.schema[name]
            fitted, prepared[name] = self._prepare(spec, values, infos, int(chosen[0]) if len(chosen) else 0)
            schema = schema.with_tensor(fitted)
        self._check_infos(infos)
        self.schema, self.infos, self._seen = schema, infos, None
        self._edit_buffered(chosen, prepared)
        for entry, offsets, own in self._places(chosen):
            edits = self._edits.setdefault(self.entries[entry].fragment, {})
            for offset, number in zip(offsets.tolist(), own.tolist(), strict=True):
                edits.setdefault(offset, {}).update({name: values[number] for name, values in prepared.items()})

    def _check_infos(self, infos: Mapping[str, Mapping[str, Any]]) -> None:
        """Samples may bring new class names."""
        for tensor, info in infos.items():
            if info != self.infos.get(tensor):
                check_json(info, f"the info of tensor {tensor!r}", "bad-info")

    def _edit_buffered(self, rows: Ints, prepared: Mapping[str, Sequence[Any]]) -> None:
        sealed = self._sealed_rows
        for number in np.flatnonzero(rows >= sealed).tolist():
            for name, values in prepared.items():
                self._buffer[name][int(rows[number]) - sealed] = values[number]

    def _places(self, rows: Ints) -> Iterator[tuple[int, Ints, Ints]]:
        """Of those of the rows that are sealed: the number of each entry that holds some, their offsets in it, and
        which of `rows` they are."""
        ends = np.cumsum([entry.live for entry in self.entries], dtype=np.int64)
        owner = np.searchsorted(ends, rows, side="right")
        for number in np.unique(owner[owner < len(ends)]).tolist():
            own, entry = np.flatnonzero(owner == number), self.entries[number]
            live = rows[own] - (ends[number] - entry.live)
            yield number, self.context.fragments.offsets(entry, live, self.staging), own

    def pop(self, rows: Sequence[int] | Ints) -> None:
        """Remove rows; later ones move up.

        Raises:
            RangeError: a row is not there.
            InvalidInputError: a row is named twice.
        """
        chosen = np.sort(checked_rows(rows, len(self)))
        if len(np.unique(chosen)) != len(chosen):
            raise InvalidInputError("a row to pop is named twice", kind="duplicate-row")
        sealed = self._sealed_rows
        for row in chosen[chosen >= sealed][::-1].tolist():
            for values in self._buffer.values():
                del values[row - sealed]
            self._buffered -= 1
        for number, offsets, _ in list(self._places(chosen)):
            self.entries[number] = self._without(self.entries[number], offsets.tolist())
        self.entries = [entry for entry in self.entries if entry.live]
        self._seen = None

    def _without(self, entry: Entry, offsets: Sequence[int]) -> Entry:
        gone = read_deletions(self.context.objects, entry, self.staging) | BitMap(offsets)
        waiting = self._edits.get(entry.fragment, {})
        for offset in offsets:
            waiting.pop(offset, None)
        if not waiting:
            self._edits.pop(entry.fragment, None)
        return replace(entry, deletions=self.staging.add(gone.serialize()), deleted=len(gone))

    # --- encoding ---

    def _prepare(
        self, spec: TensorSpec, values: Sequence[Any], infos: dict[str, dict[str, Any]], first: int
    ) -> tuple[TensorSpec, list[Any]]:
        links = self.context.links
        return htype_of(spec).prepare(
            values,
            spec,
            EncodeContext(
                infos.setdefault(spec.name, {}),
                first,
                lambda url, creds: links.fetch(StoredLink(url, creds)),
                links.head,
            ),
        )

    def _pack(self, spec: TensorSpec, prepared: Sequence[Any]) -> dict[str, pa.Array]:
        """Physical arrays by full column name; big cells go to chunk files."""
        return Packer(self._chunks, IN_ROW, BIG_CELLS in self.context.features).pack(spec, prepared)

    # --- sealing ---

    def _seal(self) -> None:
        """Turn what waits into staged fragments and overlays."""
        self._seal_edits()
        while self._buffered:
            self._seal_rows(min(self._buffered, ROWS))
        self.entries = merged_tail(self.context, self.entries, self.schema, self.staging)

    def _seal_rows(self, count: int) -> None:
        columns: dict[str, pa.Array] = {}
        for spec in self.schema:
            columns.update(self._pack(spec, self._buffer.get(spec.name, [])[:count]))
        # A failure up to here, such as a full disk, leaves the buffer whole.
        pointer = write_fragment(pa.table(columns), self.context.store, self.staging, self.schema.label_columns)
        self.entries.append(Entry(pointer, count, None))
        self._buffered -= count
        # Emptied altogether at the end, so that a tensor deleted later leaves no list that stops growing.
        self._buffer = {name: values[count:] for name, values in self._buffer.items()} if self._buffered else {}
        self._buffered_bytes = 0

    def _seal_edits(self) -> None:
        by_fragment = {entry.fragment: number for number, entry in enumerate(self.entries)}
        for fragment, rows in self._edits.items():
            number = by_fragment[fragment]
            self.entries[number] = self._overlaid(self.entries[number], rows)
        self._edits = {}

    def _overlaid(self, entry: Entry, rows: Mapping[int, Mapping[str, Any]]) -> Entry:
        """The entry with one more overlay: whole new rows for every edited offset."""
        offsets = np.array(sorted(rows), dtype=np.int64)
        changes: dict[str, tuple[list[int], pa.Array]] = {}
        for spec in self.schema:
            places = [number for number, offset in enumerate(offsets.tolist()) if spec.name in rows[offset]]
            if places:
                fresh = self._pack(spec, [rows[int(offsets[number])][spec.name] for number in places])
                changes.update({name: (places, array) for name, array in fresh.items()})
        return self._with_overlay(entry, offsets, changes)

    def _with_overlay(
        self, entry: Entry, offsets: Ints, changes: Mapping[str, tuple[Sequence[int], pa.Array]]
    ) -> Entry:
        """The entry with the rows at `offsets` (ascending) written anew; `changes` gives, by physical column, which of
        the offsets get which values."""
        columns: dict[str, pa.Array] = {"_offset": pa.array(offsets, pa.uint32())}
        refs = self.context.fragments.refs(entry, self.staging)
        new = (name for name, (_, array) in changes.items() if array.null_count < len(array))
        for name, kind in stored_fields(self.schema, refs.union(new)).items():
            held = self.context.fragments.at(entry, name, kind, offsets, self.staging)
            columns[name] = put(held, *changes[name]) if name in changes else held
        overlays = with_overlay(self.context, entry.overlays, pa.table(columns), self.schema, self.staging)
        return replace(entry, overlays=overlays)

    def put_cells(self, rows: Ints, columns: Mapping[str, pa.Array]) -> None:
        """Replace physical cells of sealed rows, as a rebase or merge does; `columns` is aligned with `rows`."""
        self._seal()
        for number, offsets, own in list(self._places(rows)):
            order = np.argsort(offsets)
            chosen = pa.array(own[order])
            changes = {name: (range(len(own)), array.take(chosen)) for name, array in columns.items()}
            self.entries[number] = self._with_overlay(self.entries[number], offsets[order], changes)
        self._seen = None

    # --- schema and info ---

    def set_schema(self, schema: Schema) -> None:
        """Change the tensors; waiting samples are sealed first, under the schema they were prepared for."""
        check_json(schema.to_json(), "the tensors", "bad-name")
        self._seal()
        self.schema = schema
        self._seen = None

    def set_info(self, tensor: str, info: Mapping[str, Any]) -> None:
        check_json(info, f"the info of {tensor or 'the dataset'!r}", "bad-info")
        self.infos[tensor] = dict(info)
        self._seen = None

    # --- landing ---

    def stage(self, staging: Staging, first_id: int) -> tuple[Tree, int]:
        """Stage everything into `staging`, a fork of this draft's; returns the new tree and the next free row id.

        May be called again with another `first_id` when another writer was faster.
        """
        entries = [folded(self.context, entry, self.schema, staging) for entry in self.entries]
        next_id = first_id
        for number, entry in enumerate(entries):
            if entry.pending:
                entries[number] = replace(entry, first=next_id)
                next_id += entry.rows
        entries = merged_tail(self.context, entries, self.schema, staging)
        base, tree = self.base, self.base.tree
        manifest = base.manifest.with_entries(entries)
        return (
            Tree(
                tree.schema if self.schema == base.schema else staging.add_json(self.schema.to_json()),
                tree.info if self.infos == base.infos else staging.add_json(self.infos),
                tree.manifest if manifest.entries == base.manifest.entries else write_manifest(manifest, staging),
                manifest.rows,
            ),
            next_id,
        )

    def new_files(self) -> set[str]:
        """Keys of the files that this draft wrote and refers to."""
        keys: set[str] = set()
        for entry in self.entries:
            if not entry.fragment.bundle:
                fragment = self.context.fragments.descriptor(entry.fragment, self.staging)
                keys |= {fragment.key, *fragment.chunks} - {""}
            for overlay in entry.overlays:
                keys |= set() if overlay.pointer.bundle else set(overlay.chunks)
        return keys

    def seal(self) -> Staging:
        """Turn what waits into staged objects; returns a fork of the staging to land with."""
        self._seal()
        return self.staging.fork()


def _own_copy(info: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose lists may grow; cheaper than a deep copy, and made for every appended row."""
    return {key: list(value) if isinstance(value, list) else value for key, value in info.items()}
