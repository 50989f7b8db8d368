"""What a dataset should hold, as plain Python values: the oracle of the storage tests, and how to compare with it.

Versions are immutable. A cell is a plain value: a tuple of class names, a text, a number or None, or an `Img`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from unittest import mock

import numpy as np
from lakebed.storage.htypes import new_spec
from lakebed.storage.links.base import StoredLink
from lakebed.storage.repository import Repository
from lakebed.storage.snapshot import UNLANDED
from lakebed.storage.source import SampleSource
from lakebed.storage.stores.base import Store
from lakebed.storage.workspace import Workspace
from PIL import Image


class NoLinks:
    """A link reader for datasets without links."""

    def head(self, url: str, creds: str | None, length: int) -> Any:
        raise OSError(f"no links here: {url}")

    def fetch(self, link: StoredLink) -> bytes:
        raise OSError(f"no links here: {link.url}")

    def fetch_many(self, links: Sequence[StoredLink | None]) -> list[Any]:
        return [None for _ in links]


def by_profile(quick: int, ci: int, nightly: int) -> int:
    """How often to repeat something, by the profile of the test run."""
    return {"quick": quick, "ci": ci, "nightly": nightly}[os.environ.get("HYPOTHESIS_PROFILE", "quick")]


def created(store: Store) -> Workspace:
    """A handle on a new dataset."""
    return Workspace(Repository.create(store, NoLinks()))


def opened(store: Store, ref: str = "main") -> Workspace:
    """A new handle on an existing dataset."""
    return Workspace(Repository.open(store, NoLinks()), ref)


# --- tensors and cells ---

OPTIONS: dict[str, dict[str, Any]] = {
    "label": {"htype": "class_label"},
    "text": {"htype": "text"},
    "number": {"htype": "generic", "dtype": "int64"},
    "image": {"htype": "image", "sample_compression": "png"},
}
"""Kind of a model tensor -> how it is made."""


@dataclass(frozen=True)
class Img:
    """A picture of a size and a seed. Writings of one big picture lie in different places, yet are equal."""

    size: int
    seed: int
    writing: int = field(default=0, compare=False)


@lru_cache(maxsize=64)
def png(size: int, seed: int) -> bytes:
    """A PNG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


EMPTY = {"label": (), "text": "", "number": None, "image": None}


def given(value: Any) -> Any:
    """A model cell as a user passes it."""
    if isinstance(value, Img):
        return png(value.size, value.seed)
    return list(value) if isinstance(value, tuple) else value


def seen(kind: str, sample: Any, class_names: Sequence[str]) -> Any:
    """A decoded sample as something to compare with `expected`."""
    if kind == "label":
        return tuple(class_names[code] for code in sample)
    if kind == "number":
        return int(sample) if np.size(sample) else None
    if kind == "image":
        return sample.tobytes() if sample.size else None
    return str(sample)


def expected(value: Any) -> Any:
    """A model cell as something to compare with `seen`."""
    return Image.open(io.BytesIO(png(value.size, value.seed))).tobytes() if isinstance(value, Img) else value


def make_tensor(workspace: Workspace, kind: str, name: str) -> None:
    """Create a tensor of a model kind."""
    spec, info = new_spec(name, name, **OPTIONS[kind])
    workspace.create_tensor(spec, info)


# --- versions ---


@dataclass(frozen=True)
class Column:
    """A tensor: its permanent key (the physical column), its present name and its kind."""

    key: str
    name: str
    kind: str


@dataclass(frozen=True)
class Schema:
    columns: tuple[Column, ...] = ()
    retired: tuple[str, ...] = ()

    def named(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def created(self, name: str, kind: str) -> Schema:
        taken = {column.key for column in self.columns} | set(self.retired)
        key, number = name, 1
        while key in taken:
            number += 1
            key = f"{name}#{number}"
        return replace(self, columns=(*self.columns, Column(key, name, kind)))

    def deleted(self, name: str) -> Schema:
        gone = self.named(name)
        return Schema(tuple(c for c in self.columns if c is not gone), (*self.retired, gone.key))

    def renamed(self, old: str, new: str) -> Schema:
        return replace(self, columns=tuple(replace(c, name=new) if c.name == old else c for c in self.columns))


Row = Mapping[str, Any]
"""Cells by column key."""


@dataclass(frozen=True)
class Version:
    """All rows in order, by a number that names the row for ever, with tensors and notes (a model of info)."""

    schema: Schema = Schema()
    rows: tuple[tuple[int, Row], ...] = ()
    notes: Mapping[str, int] = field(default_factory=dict)
    """Column key, or "" for the dataset, -> a number kept in its info."""

    def appended(self, rows: Sequence[tuple[int, Row]]) -> Version:
        return replace(self, rows=(*self.rows, *rows))

    def edited(self, place: int, key: str, value: Any) -> Version:
        number, cells = self.rows[place]
        return replace(self, rows=(*self.rows[:place], (number, {**cells, key: value}), *self.rows[place + 1 :]))

    def popped(self, places: Sequence[int]) -> Version:
        gone = set(places)
        return replace(self, rows=tuple(row for place, row in enumerate(self.rows) if place not in gone))

    def without(self, name: str) -> Version:
        gone = self.schema.named(name).key
        notes = {key: note for key, note in self.notes.items() if key != gone}
        return replace(self, schema=self.schema.deleted(name), notes=notes)

    def cell(self, cells: Row, column: Column) -> Any:
        return cells.get(column.key, EMPTY[column.kind])

    def numbers(self) -> list[int]:
        return [number for number, _ in self.rows]

    def as_rows(self) -> dict[int, Row]:
        return dict(self.rows)


@dataclass(frozen=True)
class Changes:
    """What changed between two versions, by row number."""

    added: set[int]
    deleted: set[int]
    updated: dict[str, set[int]]
    """Column key -> rows."""

    @property
    def touched(self) -> set[int]:
        return set().union(*self.updated.values())


def changes(before: Version, after: Version) -> Changes:
    """The model's diff."""
    old, new = before.as_rows(), after.as_rows()
    kept = {column.key for column in before.schema.columns}
    updated: dict[str, set[int]] = {}
    for column in after.schema.columns:
        if column.key in kept:
            rows = {n for n in old.keys() & new.keys() if before.cell(old[n], column) != after.cell(new[n], column)}
            if rows:
                updated[column.key] = rows
    return Changes(set(new) - set(old), set(old) - set(new), updated)


class Conflicted(Exception):
    """The model says that two writers disagree."""


def rebased(base: Version, mine: Version, theirs: Version) -> Version:
    """My changes on top of theirs.

    Raises:
        Conflicted: both touched the same row, the tensors, or one note.
    """
    ours, others = changes(base, mine), changes(base, theirs)
    if ours.touched & (others.touched | others.deleted) or ours.deleted & others.touched:
        raise Conflicted
    if _filled_twice(base, mine, theirs):
        raise Conflicted
    schema = _merged_schema(base.schema, mine.schema, theirs.schema)
    keys = {"", *(column.key for column in schema.columns)}
    notes = {key: _one(base.notes.get(key), mine.notes.get(key), theirs.notes.get(key)) for key in keys}
    if not ours.updated.keys() <= keys:
        raise Conflicted  # they deleted a tensor whose cells I changed
    my_rows, made = mine.as_rows(), {c.key for c in mine.schema.columns} - {c.key for c in base.schema.columns}
    rows: list[tuple[int, Row]] = []
    shown = {column.key for column in theirs.schema.columns}
    for number, every in theirs.rows:
        cells = {key: value for key, value in every.items() if key in shown}
        if number not in ours.deleted:
            mended = {key: my_rows[number][key] for key, rows in ours.updated.items() if number in rows}
            mended |= {
                key: value
                for key, value in my_rows.get(number, {}).items()
                if key in made and value not in EMPTY.values()
            }
            rows.append((number, {**cells, **mended}))
    kept = keys & {column.key for column in mine.schema.columns}
    for number, every in mine.rows:
        if number in ours.added:
            rows.append((number, {key: value for key, value in every.items() if key in kept}))
    return Version(schema, tuple(rows), {key: note for key, note in notes.items() if note is not None})


def _filled_twice(base: Version, mine: Version, theirs: Version) -> bool:
    """Whether both made one tensor and filled a cell of it differently."""
    before, their_rows = {column.key for column in base.schema.columns}, theirs.as_rows()
    made = [column for column in mine.schema.columns if column.key not in before and column in theirs.schema.columns]
    return any(
        EMPTY[column.kind] not in (left := mine.cell(cells, column), right := theirs.cell(their_rows[number], column))
        and left != right
        for column in made
        for number, cells in mine.rows
        if number in their_rows
    )


def _merged_schema(base: Schema, mine: Schema, theirs: Schema) -> Schema:
    if mine in (base, theirs):
        return theirs
    if theirs == base:
        return mine
    sides = [{column.key: column for column in side.columns} for side in (base, mine, theirs)]
    merged = [_one_column(*(side.get(key) for side in sides)) for key in {**sides[2], **sides[1]}]
    kept = tuple(column for column in merged if column)
    if len({column.name for column in kept}) < len(kept):
        raise Conflicted
    return Schema(kept, tuple(dict.fromkeys((*theirs.retired, *mine.retired))))


def _one_column(base: Column | None, mine: Column | None, theirs: Column | None) -> Column | None:
    found: Column | None = _one(base, mine, theirs)
    return found


def _one(base: Any, mine: Any, theirs: Any) -> Any:
    if mine in (base, theirs):
        return theirs
    if theirs == base:
        return mine
    raise Conflicted


# --- comparing ---


class RowIds:
    """Which row id each model row got; every id belongs to one row for ever."""

    def __init__(self) -> None:
        self.ids: dict[int, int] = {}
        self._owner: dict[int, int] = {}

    def check(self, numbers: Sequence[int], ids: Sequence[int]) -> None:
        assert len(set(ids)) == len(ids) == len(numbers)
        for number, row_id in zip(numbers, ids, strict=True):
            if row_id < UNLANDED:
                assert self.ids.setdefault(number, row_id) == row_id
                assert self._owner.setdefault(row_id, number) == number


def check_source(source: SampleSource, version: Version, ids: RowIds) -> None:
    """Everything that a source shows equals the version."""
    assert source.schema.names == tuple(column.name for column in version.schema.columns)
    assert len(source) == len(version.rows)
    ids.check(version.numbers(), source.row_ids.tolist())
    every = np.arange(len(version.rows))
    for column in version.schema.columns:
        info = source.info(column.name)
        assert info.get("note") == version.notes.get(column.key)
        names = info.get("class_names", ())
        found = [seen(column.kind, sample, names) for sample in source.read(column.name, every)]
        assert found == [expected(version.cell(cells, column)) for _, cells in version.rows], column
    assert source.info().get("note") == version.notes.get("")


# --- small limits ---

SMALL = {
    "draft.ROWS": 16,
    "draft.IN_ROW": 90,
    "fragment.INLINE": 700,
    "fragment_cache.SLICES": 4,
    "fragment_cache.OVERLAYS": 2,
    "fragment_cache.VERSIONS": 1,
    "fragment_cache.LOOKS": 2,
    "pieces.SLICED": 40,
    "fold.FOLD_LEAST": 4,
    "fold.FOLD_SHARE": 0.3,
    "fold.TAIL_ROWS": 12,
    "fold.ROWS": 24,
    "payloads.CHUNK": 700,
    "manifest.PAGE": 2,
    "arrow.BATCH_ROWS": 5,
    "objects.CACHED_BUNDLES": 3,
    "objects.CACHED_BYTES": 3000,
    "log.HINT_EVERY": 4,
    "handle.LAND_SECONDS": float("inf"),
}


@contextmanager
def small_limits(**more: Any) -> Iterator[None]:
    """Every threshold so low that a handful of rows passes it, and nothing lands by the clock."""
    patches = [mock.patch(f"lakebed.storage.{name}", value) for name, value in {**SMALL, **more}.items()]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
