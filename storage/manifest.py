"""The manifest: the ordered list of a version's fragments, with their edits and deletions, in pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyroaring import BitMap

from .objects import Objects, Pointer, Staging

PAGE = 4
"""Entries per page: a one-row edit rewrites one page, about a kilobyte, and the list of pages."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """The immutable part of an entry: where its rows lie and what is known of them. Stored once.

    `key` is the Arrow IPC file, or "" if the rows lie in the bundle at `inline`.
    """

    key: str
    inline: Pointer | None
    length: int
    """Bytes of the file or object."""
    xxh3: str
    """XXH3-128 of the file, hex; "" for inline rows, whose pointer carries a hash."""
    rows: int
    zones: Mapping[str, Sequence[Any]]
    """Physical scalar column -> [lowest, highest]; absent if all null, or if one is infinite."""
    labels: Mapping[str, Sequence[int]]
    """Physical label column -> the codes that occur."""
    chunks: Sequence[str] = ()
    """Keys of the chunk files that its rows refer to."""
    blocks: Pointer | None = None
    """XXH3-64 of every `blocks.BLOCK` bytes of the file, little-endian uint64: which rows of a damaged file are
    whole. None for inline rows."""

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "inline": self.inline.to_json() if self.inline else None,
            "length": self.length,
            "xxh3": self.xxh3,
            "rows": self.rows,
            "zones": dict(self.zones),
            "labels": dict(self.labels),
            "chunks": list(self.chunks),
            "blocks": self.blocks.to_json() if self.blocks else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], bundle: str) -> Fragment:
        inline, blocks = data["inline"], data["blocks"]
        return cls(
            data["key"], Pointer.from_json(inline, bundle) if inline else None, data["length"], data["xxh3"],
            data["rows"], data["zones"], data["labels"], data["chunks"],
            Pointer.from_json(blocks, bundle) if blocks else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overlay:
    """Edited rows of a fragment: a compressed Arrow IPC stream of `_offset` (place in it) and whole new rows."""

    pointer: Pointer
    rows: int
    chunks: tuple[str, ...] = ()
    """Keys of the chunk files that its rows refer to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One fragment as a version sees it: later overlays win, deleted offsets are left out."""

    fragment: Pointer
    rows: int
    """Rows in the file, deleted ones included."""
    first: int | None
    """Row id of offset 0 if ids are consecutive; None for rows that have not landed (ids are given out then)."""
    ids: Pointer | None = None
    """The ids of all offsets, where they are not consecutive."""
    overlays: tuple[Overlay, ...] = ()
    deletions: Pointer | None = None
    """A roaring bitmap of deleted offsets."""
    deleted: int = 0

    @property
    def live(self) -> int:
        return self.rows - self.deleted

    @property
    def edits(self) -> int:
        """Rows in overlays; a row edited twice counts twice until overlays are merged."""
        return sum(overlay.rows for overlay in self.overlays)

    @property
    def pending(self) -> bool:
        return self.first is None and self.ids is None

    def to_json(self) -> dict[str, Any]:
        raw: dict[str, Any] = {"f": self.fragment.to_json(), "n": self.rows, "first": self.first}
        if self.ids:
            raw["ids"] = self.ids.to_json()
        if self.overlays:
            raw["ov"] = [[ov.pointer.to_json(), ov.rows, list(ov.chunks)] for ov in self.overlays]
        if self.deletions:
            raw["del"] = [self.deletions.to_json(), self.deleted]
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], bundle: str) -> Entry:
        deletions = raw.get("del")
        return cls(
            Pointer.from_json(raw["f"], bundle),
            raw["n"],
            raw["first"],
            Pointer.from_json(raw["ids"], bundle) if "ids" in raw else None,
            tuple(
                Overlay(Pointer.from_json(ptr, bundle), rows, tuple(chunks)) for ptr, rows, chunks in raw.get("ov", ())
            ),
            Pointer.from_json(deletions[0], bundle) if deletions else None,
            deletions[1] if deletions else 0,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """All entries of a version, and the pages they were read from (so that unchanged pages are not written again)."""

    entries: tuple[Entry, ...] = ()
    pages: tuple[tuple[Pointer, tuple[Entry, ...]], ...] = ()

    @property
    def rows(self) -> int:
        return sum(entry.live for entry in self.entries)

    def with_entries(self, entries: Sequence[Entry]) -> Manifest:
        return replace(self, entries=tuple(entries))

    def locate(self, row: int) -> tuple[int, int]:
        """Index of the entry that holds dataset position `row`, and the position among the entry's live rows."""
        for number, entry in enumerate(self.entries):
            if row < entry.live:
                return number, row
            row -= entry.live
        raise AssertionError("position checked by the caller")


def read_manifest(objects: Objects, root: Pointer, staging: Staging | None = None) -> Manifest:
    """The manifest whose root lies at `root`."""
    pages = []
    for raw in objects.read_json(root, staging)["pages"]:
        pointer = Pointer.from_json(raw, root.bundle)
        entries = objects.read_json(pointer, staging)["entries"]
        pages.append((pointer, tuple(Entry.from_json(entry, pointer.bundle) for entry in entries)))
    return Manifest(tuple(entry for _, page in pages for entry in page), tuple(pages))


def write_manifest(manifest: Manifest, staging: Staging) -> Pointer:
    """Stage the pages that changed and a new root."""
    known = {page: pointer for pointer, page in manifest.pages}
    pointers = []
    for start in range(0, len(manifest.entries), PAGE):
        page = manifest.entries[start : start + PAGE]
        pointer = known.get(page) or staging.add_json({"entries": [entry.to_json() for entry in page]})
        pointers.append(pointer.to_json())
    return staging.add_json({"pages": pointers})


def read_deletions(objects: Objects, entry: Entry, staging: Staging | None = None) -> BitMap:
    """The deleted offsets of an entry, as a bitmap the caller may change."""
    if entry.deletions is None:
        return BitMap()
    return BitMap.deserialize(objects.read(entry.deletions, staging))


def pointers_of(entry: Entry) -> Iterator[Pointer]:
    """Everything small that an entry refers to, for verify and gc."""
    yield entry.fragment
    if entry.ids:
        yield entry.ids
    yield from (overlay.pointer for overlay in entry.overlays)
    if entry.deletions:
        yield entry.deletions
