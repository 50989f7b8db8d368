"""The index of a materialised view: which rows lie where, and everything a reader must know before it opens a chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from ..storage.errors import DamageError, FormatError
from ..storage.schema import Schema
from ..storage.vectors import numpy_of_all
from .chunks import ChunkEntry

Ints = np.ndarray[Any, np.dtype[np.int64]]

FORMAT = 1
_META = b"lakebed.view"


@dataclass(frozen=True)
class Index:
    """A materialised view's table of contents; immutable.

    Attributes:
        schema: the tensors, with links turned into the files' own htype.
        info: info by tensor name; the dataset's own under "".
        chunks: the chunk files, in stored order.
        view_rows: source row of each stored row, int64 (n,).
        row_ids: permanent id of each row, in view order, int64 (n,).
        storage: stored position of each row, in view order, int64 (n,).
        facts: by tensor what is known of its payloads: ``shape`` (if all are alike), ``bytes``, ``formats``.
        failures: rows that could not be read: source row, row id, tensor, url, error, and what was done.
        options: the choices it was made with.
    """

    schema: Schema
    info: Mapping[str, Mapping[str, Any]]
    chunks: tuple[ChunkEntry, ...]
    view_rows: Ints
    row_ids: Ints
    storage: Ints
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row_ids)

    @cached_property
    def data(self) -> pa.Buffer:
        """The index as an Arrow IPC file."""
        meta = {
            "format": FORMAT,
            "schema": self.schema.to_json(),
            "info": self.info,
            "chunks": [chunk.to_json() for chunk in self.chunks],
            "facts": self.facts,
            "failures": list(self.failures),
            "options": self.options,
        }
        table = pa.table({"view_row": self.view_rows, "row_id": self.row_ids, "storage": self.storage})
        table = table.replace_schema_metadata({_META: json.dumps(meta, sort_keys=True)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    @cached_property
    def key(self) -> str:
        """File name below the view's prefix: the hash of the content, so that racing writers cannot clash."""
        return f"index-{xxhash.xxh3_128_hexdigest(self.data)}.arrow"

    @property
    def nbytes(self) -> int:
        """Bytes of all chunk files."""
        return sum(chunk.nbytes for chunk in self.chunks)


def read_index(data: pa.Buffer, place: str) -> Index:
    """The index in `data`, checked against the hash in its name `place`.

    Raises:
        DamageError: the bytes are not what was written.
        FormatError: it was written by a later version.
    """
    if f"index-{xxhash.xxh3_128_hexdigest(data)}.arrow" != place.rsplit("/", 1)[-1]:
        raise DamageError("the index of a view is not what was written", kind="index-damaged", place=place)
    table = pa.ipc.open_file(data).read_all()
    meta = json.loads(table.schema.metadata[_META])
    if meta["format"] > FORMAT:
        raise FormatError(
            f"the view has format {meta['format']}, this Lakebed reads up to {FORMAT}",
            place=place,
            hint="update Lakebed, or materialise the view again",
        )
    return Index(
        schema=Schema.from_json(meta["schema"]),
        info=meta["info"],
        chunks=tuple(ChunkEntry.from_json(chunk) for chunk in meta["chunks"]),
        view_rows=_ints(table, "view_row"),
        row_ids=_ints(table, "row_id"),
        storage=_ints(table, "storage"),
        facts=meta["facts"],
        failures=tuple(meta["failures"]),
        options=meta["options"],
    )


def _ints(table: pa.Table, name: str) -> Ints:
    column: Ints = numpy_of_all(table.column(name))
    return column
