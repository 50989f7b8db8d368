"""A materialised view: reads the rows of a view from chunk files, every byte checked before it is used."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from ..storage.errors import InvalidInputError, ObjectMissingError, RangeError
from ..storage.htypes import htype_of
from ..storage.schema import Schema
from ..storage.source import Failures
from ..storage.stores.base import Store
from ..storage.stores.mapped import digest_of
from ..storage.vectors import arrow_of
from .chunks import HASH_SUFFIX, URL_SUFFIX, damaged, read_batch
from .index import Index, read_index
from .payload_view import PayloadColumn, payload_views
from .recipe import payload_columns, view_schema
from .stats import FileReads

Ints = np.ndarray[Any, np.dtype[np.int64]]

_KEPT_BATCHES = 4096
"""Open record batches; each is a few kilobytes of pointers into a mapped file."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where chosen rows lie: batch number over all chunks, and row in the batch, int64 each."""

    batch: Ints
    row: Ints


class MaterialisedView:
    """The rows of a materialised view in the order of the view; implements `SampleSource`.

    Picklable: a copy opens the same files again. Safe to use from several threads.

    Args:
        store: the dataset's store.
        prefix: ``"views/<id>"``.
        key: file name of the index, `Index.key`.
    """

    def __init__(self, store: Store, prefix: str, key: str) -> None:
        self.store = store
        self.prefix = prefix
        self.key = key
        self._lock = threading.Lock()
        self._files: dict[int, pa.Buffer] = {}
        self._opening: dict[int, threading.Lock] = {}
        self._batches: OrderedDict[int, pa.RecordBatch] = OrderedDict()
        self._payloads: OrderedDict[tuple[int, str], PayloadColumn] = OrderedDict()
        self._reads = FileReads()

    def __reduce__(self) -> tuple[Any, ...]:
        return MaterialisedView, (self.store, self.prefix, self.key)

    @cached_property
    def index(self) -> Index:
        """The table of contents. Raises DamageError, FormatError, ObjectMissingError."""
        path = f"{self.prefix}/{self.key}"
        return read_index(self.store.buffer(path), path)

    @property
    def schema(self) -> Schema:
        return self.index.schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        """Info of a tensor, or of the dataset for ""."""
        if tensor:
            self.schema[tensor]
        return self.index.info.get(tensor, {})

    def __len__(self) -> int:
        return len(self.index)

    @property
    def row_ids(self) -> Ints:
        return self.index.row_ids

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Columns of the chunk files."""
        return view_schema(self.schema, self.index.options["linked"])

    @cached_property
    def payloads(self) -> frozenset[str]:
        """Payload columns."""
        return payload_columns(self.schema)

    @cached_property
    def block_rows(self) -> Ints:
        """Rows of each chunk file, in stored order: what epochs are shuffled by."""
        return np.array([chunk.rows for chunk in self.index.chunks], dtype=np.int64)

    def stored_to_view(self, stored: Ints) -> Ints:
        """Rows of this view at stored positions, int64."""
        rows: Ints = self._view_of_stored[stored]
        return rows

    def table(self, columns: Sequence[str], rows: Sequence[int] | Ints | None = None) -> pa.Table:
        """Physical columns of every row in view order, or of chosen rows; payloads are null, use `cells` for those."""
        wanted = [name for name in columns if name not in self.payloads]
        tables = [
            pa.Table.from_batches([self.batch(n).select(wanted) for n in range(len(self._starts) - 1)])
            if len(self._starts) > 1
            else self.arrow_schema.empty_table().select(wanted)
        ]
        stored = self.index.storage if rows is None else self.index.storage[np.asarray(rows, np.int64)]
        ordered = tables[0].take(arrow_of(stored))
        for name in columns:
            if name in self.payloads:
                ordered = ordered.append_column(name, pa.nulls(len(stored), self.arrow_schema.field(name).type))
        return ordered.select(list(columns))

    def cells(self, tensor: str, rows: Sequence[int] | Ints, failed: Failures | None = None) -> dict[str, pa.Array]:
        """Cells of chosen rows by suffix, payloads checked; nothing is a link here, so `failed` stays empty.

        Raises:
            DamageError: stored bytes are not what was written.
        """
        spec = self.schema[tensor]
        places = self.locate(rows)
        cells = {suffix: self._take(spec.column + suffix, places) for suffix in htype_of(spec).fields(spec)}
        if spec.column in self.payloads:
            self._check(spec.column, cells[""], self._take(spec.column + HASH_SUFFIX, places), places)
        return cells

    def read(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        """Decoded samples of chosen rows."""
        spec = self.schema[tensor]
        return htype_of(spec).unpack(self.cells(tensor, rows), spec)

    def urls(self, tensor: str, rows: Sequence[int] | Ints) -> list[str | None]:
        """The URLs that the payloads of a linked tensor were read from; None for tensors that were not linked."""
        spec = self.schema[tensor]
        if spec.name not in self.index.options["linked"]:
            return [None] * len(rows)
        found: list[str | None] = self._take(spec.column + URL_SUFFIX, self.locate(rows)).to_pylist()
        return found

    def locate(self, rows: Sequence[int] | Ints) -> Places:
        """Where rows of this view are stored.

        Raises:
            RangeError: a row is outside the view.
        """
        chosen = np.asarray(rows, dtype=np.int64).reshape(-1)
        outside = chosen[(chosen < -len(self)) | (chosen >= len(self))]
        if len(outside):
            raise RangeError(f"row {int(outside[0])} is outside the {len(self)} rows there are")
        stored = self.index.storage[chosen]
        batch = np.searchsorted(self._starts, stored, side="right") - 1
        return Places(batch, stored - self._starts[batch])

    def batch(self, number: int) -> pa.RecordBatch:
        """One record batch, its frame checked when it is first read."""
        with self._lock:
            held = self._batches.get(number)
        if held is None:
            chunk, inner = self._owners[number]
            entry = self.index.chunks[chunk]
            place = f"{self.store.url}: {self.prefix}/{entry.key}"
            held = read_batch(self._awaited(chunk), entry.batches[inner], self.arrow_schema, self.payloads, place)
            with self._lock:
                self._batches[number] = held
                if len(self._batches) > _KEPT_BATCHES:
                    self._batches.popitem(last=False)
        return held

    def payload_column(self, number: int, column: str) -> PayloadColumn:
        """The payloads of one record batch, for reading single cells without touching their neighbours."""
        key = (number, column)
        with self._lock:
            held = self._payloads.get(key)
        if held is None:
            batch = self.batch(number)
            held = PayloadColumn(batch.column(column), batch.column(column + HASH_SUFFIX), self.place(number))
            with self._lock:
                self._payloads[key] = held
                if len(self._payloads) > _KEPT_BATCHES:
                    self._payloads.popitem(last=False)
        return held

    def chunk_of(self, number: int) -> int:
        """Chunk file of a record batch."""
        return self._owners[number][0]

    def place(self, number: int) -> str:
        """Name of the file that a record batch is in, for messages."""
        return f"{self.store.url}: {self.prefix}/{self.index.chunks[self._owners[number][0]].key}"

    def file(self, chunk: int) -> pa.Buffer:
        """A chunk file, mapped or held by the store's cache.

        Raises:
            ObjectMissingError, StorageError: it cannot be read.
            DamageError: it has another length than was written.
        """
        with self._lock:
            held = self._files.get(chunk)
            opening = self._opening.setdefault(chunk, threading.Lock())
        if held is not None:
            return held
        with opening:  # one thread fetches the file, the others wait for it
            with self._lock:
                held = self._files.get(chunk)
            if held is None:
                held = self._open(chunk)
                with self._lock:
                    self._files[chunk] = held
        return held

    def take_file_reads(self) -> FileReads:
        """What opening files cost since the last call."""
        with self._lock:
            found, self._reads = self._reads, FileReads()
        return found

    @property
    def open_files(self) -> int:
        """Chunk files that are held."""
        return len(self._files)

    def refetch(self, chunk: int) -> None:
        """Drop a chunk file that was found damaged, from the store's local cache as well if it has one."""
        self.forget(chunk)
        forget = getattr(self.store, "forget", None)
        if forget is not None:
            forget(f"{self.prefix}/{self.index.chunks[chunk].key}")

    def forget(self, chunk: int) -> None:
        """Drop a chunk file from memory; it is opened again when it is needed."""
        first, last = np.searchsorted(self._batch_chunks, [chunk, chunk + 1])
        with self._lock:
            self._files.pop(chunk, None)
            for number in range(int(first), int(last)):
                self._batches.pop(number, None)
                for column in self.payloads:
                    self._payloads.pop((number, column), None)

    def verify(self) -> list[str]:
        """Read every byte of every chunk file and compare hashes; one sentence for each file that is not whole."""
        problems = []
        for entry in self.index.chunks:
            path = f"{self.prefix}/{entry.key}"
            try:
                if digest_of(self.store.buffer(path)) != entry.digest:
                    problems.append(f"{path}: not what was written")
            except ObjectMissingError:
                problems.append(f"{path}: missing")
        return problems

    def _awaited(self, chunk: int) -> pa.Buffer:
        """`file` for a reader that can do nothing else meanwhile."""
        began = time.perf_counter()
        found = self.file(chunk)
        with self._lock:
            self._reads += FileReads(waited=time.perf_counter() - began)
        return found

    def _is_fetched(self, path: str) -> bool:
        """Whether opening a file means fetching it."""
        cached = getattr(self.store, "is_cached", None)
        return not cached(path) if cached is not None else self.store.url.startswith("s3://")

    def _open(self, chunk: int) -> pa.Buffer:
        entry = self.index.chunks[chunk]
        path = f"{self.prefix}/{entry.key}"
        fetched = self._is_fetched(path)
        data = self.store.buffer(path)
        with self._lock:
            self._reads += FileReads(1, int(fetched), data.size if fetched else 0)
        if data.size != entry.nbytes:
            raise damaged(f"the file has {data.size} bytes, {entry.nbytes} were written", f"{self.store.url}: {path}")
        return data

    def _take(self, name: str, places: Places) -> pa.Array:
        """Cells of one physical column, in the order of `places`."""
        kind = self.arrow_schema.field(name).type
        if len(places.batch) == 0:
            return pa.array([], kind)
        order = np.argsort(places.batch, kind="stable")
        batches, starts = np.unique(places.batch[order], return_index=True)
        parts = []
        for number, rows in zip(batches, np.split(places.row[order], starts[1:]), strict=True):
            column = self.batch(int(number)).column(name)
            parts.append(column.slice(int(rows[0]), 1) if len(rows) == 1 else column.take(arrow_of(rows)))
        joined = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
        if (order[:-1] < order[1:]).all():
            return joined
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return joined.take(arrow_of(back))

    def _check(self, column: str, values: pa.Array, hashes: pa.Array, places: Places) -> None:
        for position, (data, digest) in enumerate(zip(payload_views(values), hashes.to_pylist(), strict=True)):
            if data is not None and xxhash.xxh3_64_intdigest(data) != digest:
                raise damaged(
                    f"a payload of column {column!r} is not what was written", self.place(int(places.batch[position]))
                )

    @cached_property
    def _batch_chunks(self) -> Ints:
        """Chunk of each record batch."""
        return np.array([chunk for chunk, _ in self._owners], dtype=np.int64)

    @cached_property
    def _owners(self) -> list[tuple[int, int]]:
        """(chunk, batch in the chunk) of each record batch of the view."""
        return [(c, b) for c, chunk in enumerate(self.index.chunks) for b in range(len(chunk.batches))]

    @cached_property
    def _starts(self) -> Ints:
        """First stored position of each record batch, and the end."""
        rows = [batch.rows for chunk in self.index.chunks for batch in chunk.batches]
        return np.concatenate([[0], np.cumsum(rows, dtype=np.int64)]).astype(np.int64)

    @cached_property
    def _view_of_stored(self) -> Ints:
        back = np.empty(len(self), np.int64)
        back[self.index.storage] = np.arange(len(self))
        return back


def check_tensors(schema: Schema, tensors: Sequence[str]) -> None:
    """Refuse names that are not tensors, and lists that name one twice."""
    for name in tensors:
        schema[name]
    if len(set(tensors)) != len(tensors):
        raise InvalidInputError(f"tensors names one of them twice: {', '.join(tensors)}")
