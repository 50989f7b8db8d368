"""Saved views: row ids pinned to a commit, with the query they came from; kept for ever under an id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints, pack_table, table_to_stream, unpack_table
from .errors import DamageError, NotFoundError
from .objects import Objects, Pointer, Staging, decode_ids, encode_ids
from .refs import CommitRef, Refs
from .selection import Selection


@dataclass(frozen=True, slots=True)
class ViewRecord:
    """What is stored of a view. Its rows never change; `index` is set when the view is materialised."""

    id: str
    message: str
    query: str
    commit: CommitRef
    created: float
    count: int
    rows: Pointer
    """Row ids in view order (`objects.encode_ids`)."""
    computed: Pointer | None = None
    """Computed columns, a compressed Arrow IPC stream aligned with the rows."""
    writer: str = ""
    """Name and version of the program that saved it."""
    index: str = ""
    """Key of the index of the materialised files; "" if there are none."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "message": self.message,
            "query": self.query,
            "commit": self.commit.to_json(),
            "created": self.created,
            "count": self.count,
            "rows": self.rows.to_json(),
            "computed": self.computed.to_json() if self.computed else None,
            "writer": self.writer,
            "index": self.index,
            "extra": dict(self.extra),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], bundle: str) -> ViewRecord:
        computed = raw["computed"]
        return cls(
            raw["id"],
            raw["message"],
            raw["query"],
            CommitRef.from_json(raw["commit"], bundle),
            raw["created"],
            raw["count"],
            Pointer.from_json(raw["rows"], bundle),
            Pointer.from_json(computed, bundle) if computed else None,
            raw["writer"],
            raw["index"],
            raw["extra"],
        )


def view_map(objects: Objects, refs: Refs) -> dict[str, Pointer]:
    """View id -> where its record lies."""
    if refs.views is None:
        return {}
    raw = objects.read_json(refs.views)
    return {name: Pointer.from_json(pointer, refs.views.bundle) for name, pointer in raw.items()}


def stage_view_map(views: Mapping[str, Pointer], staging: Staging) -> Pointer:
    return staging.add_json({name: pointer.to_json() for name, pointer in views.items()})


def read_view(objects: Objects, refs: Refs, view_id: str) -> ViewRecord:
    """The record of a view.

    Raises:
        NotFoundError: kind "unknown-view".
    """
    views = view_map(objects, refs)
    if view_id not in views:
        known = ", ".join(sorted(views)[:5]) or "none yet"
        raise NotFoundError(
            f"there is no view {view_id!r}",
            kind="unknown-view",
            place=f"view {view_id!r}",
            hint=f"the saved views are: {known}; ds.get_views() lists them all",
        )
    pointer = views[view_id]
    return ViewRecord.from_json(objects.read_json(pointer), pointer.bundle)


def stage_rows(selection: Selection, staging: Staging) -> tuple[Pointer, Pointer | None]:
    """Stage the row ids and the computed columns of a selection."""
    computed = staging.add(pack_table(selection.computed)) if selection.computed is not None else None
    return staging.add(encode_ids(selection.row_ids)), computed


def content_id(dataset: str, commit_id: str, selection: Selection) -> str:
    """The default id of a view: 24 hex digits of a hash of what it shows."""
    digest = blake2b(f"{dataset} {commit_id} ".encode(), digest_size=12)
    digest.update(selection.row_ids.astype("<i8").tobytes())
    if selection.computed is not None:
        digest.update(table_to_stream(selection.computed))
    return digest.hexdigest()


def positions(row_ids: Ints, wanted: Ints, place: str) -> Ints:
    """Where each wanted row stands in a version.

    Raises:
        DamageError: a row is not there, which a pinned commit excludes.
    """
    ascending = bool((row_ids[1:] > row_ids[:-1]).all())
    order = np.arange(len(row_ids)) if ascending else np.argsort(row_ids, kind="stable")
    found = np.searchsorted(row_ids[order], wanted)
    if len(wanted) and (found.max() >= len(row_ids) or not (row_ids[order[found]] == wanted).all()):
        raise DamageError("a view names rows that its commit does not have", kind="view-damaged", place=place)
    rows: Ints = order[found]
    return rows


def read_rows(objects: Objects, record: ViewRecord) -> tuple[Ints, pa.Table | None]:
    """Row ids and computed columns of a saved view."""
    computed = unpack_table(objects.read(record.computed)) if record.computed else None
    return decode_ids(objects.read(record.rows)), computed
