"""Merge by its definition, on the plain values of `storage_model`: no code of the storage engine is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from storage_model import EMPTY, Column, Conflicted, Row, Schema, Version, changes

Decide = Callable[[int, str], str]
"""Row number and column key ("" for a row deleted on one side and changed on the other) -> "ours", "theirs", "base"."""


class Contested(Conflicted):
    """The sides disagree on rows and cells, and nobody decides."""

    def __init__(self, clashes: set[tuple[int, str]]) -> None:
        self.clashes = clashes


@dataclass
class Graph:
    """Commits with their parents, oldest first."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)

    def add(self, commit: str, version: Version, *parents: str | None) -> None:
        self.versions[commit] = version
        self.parents[commit] = tuple(parent for parent in parents if parent)

    def below(self, *commits: str | None) -> set[str]:
        """The commits and all before them."""
        found: set[str] = set()
        waiting = [commit for commit in commits if commit]
        while waiting:
            commit = waiting.pop()
            if commit not in found:
                found.add(commit)
                waiting += self.parents[commit]
        return found

    def common(self, ours: set[str], theirs: set[str]) -> Version:
        """What both sides descend from; several newest common versions are merged, leaving open what they contest."""
        common = ours & theirs
        newest = [c for c in self.versions if c in common and not any(c in self.parents[d] for d in common)][::-1]
        if not newest:
            return Version()
        found, seen = self.versions[newest[0]], self.below(newest[0])
        for commit in newest[1:]:
            base = self.common(seen, self.below(commit))
            found = merged(base, found, self.versions[commit], lambda *_: "base")
            seen |= self.below(commit)
        return found


def merged(base: Version, ours: Version, theirs: Version, decide: Decide | None, drop: bool = False) -> Version:
    """Ours with what they changed since `base`.

    Raises:
        Contested: rows or cells are contested and there is no `decide`.
        Conflicted: tensors or notes are.
    """
    base, ours, theirs = settled(base), settled(ours), settled(theirs)
    schema = _schema(base.schema, ours.schema, theirs.schema, drop)
    notes = {key: _note(key, base, ours, theirs) for key in ["", *(column.key for column in schema.columns)]}
    clashes = _clashes(base, ours, theirs)
    if clashes and decide is None:
        raise Contested(clashes)
    said = {clash: decide(*clash) for clash in sorted(clashes)} if decide else {}
    mine, their, old = ours.as_rows(), theirs.as_rows(), base.as_rows()
    rows: list[tuple[int, Row]] = []
    for number in ours.numbers():
        verdict = said.get((number, ""))
        if number in their or number not in old:
            rows.append((number, _row(number, schema, (base, ours, theirs), said)))
        elif verdict == "ours":
            rows.append((number, mine[number]))
        elif verdict == "base":
            rows.append((number, {**mine[number], **old[number]}))
    theirs_alone = [number for number in theirs.numbers() if number not in mine]
    rows += [(n, their[n]) for n in theirs_alone if n not in old or said.get((n, "")) == "theirs"]
    rows += [(n, old[n]) for n in base.numbers() if n not in mine and said.get((n, "")) == "base"]
    every = {column.key for column in schema.columns}
    shown = tuple((number, {key: value for key, value in cells.items() if key in every}) for number, cells in rows)
    return Version(schema, shown, {key: note for key, note in notes.items() if note is not None})


def _row(number: int, schema: Schema, sides: tuple[Version, ...], said: dict[tuple[int, str], str]) -> Row:
    """The cells of a row that we have, and perhaps they."""
    cells = {}
    for column in schema.columns:
        before, mine, their = (_cell(side, number, column) for side in sides)
        verdict = said.get((number, column.key))
        if column.key not in _keys(sides[1]):
            cells[column.key] = EMPTY[column.kind] if their is None else their[0]
        elif their is None or verdict == "ours" or number not in sides[0].as_rows():
            assert mine is not None
            cells[column.key] = mine[0]
        elif verdict is not None:
            cells[column.key] = their[0] if verdict == "theirs" else _was(before, column)
        else:
            assert mine is not None
            cells[column.key] = their[0] if mine[0] == _was(before, column) else mine[0]
    return cells


def _was(before: tuple[Any] | None, column: Column) -> Any:
    return before[0] if before is not None else EMPTY[column.kind]


def _cell(version: Version, number: int, column: Column) -> tuple[Any] | None:
    """The value in a tuple of one, or None where the row or the tensor is not there."""
    rows = version.as_rows()
    if number not in rows or column.key not in _keys(version):
        return None
    return (version.cell(rows[number], column),)


def _keys(version: Version) -> set[str]:
    return {column.key for column in version.schema.columns}


def _clashes(base: Version, ours: Version, theirs: Version) -> set[tuple[int, str]]:
    mine, their = changes(base, ours), changes(base, theirs)
    found = {(number, "") for number in (mine.deleted & their.touched) | (their.deleted & mine.touched)}
    everywhere = base.as_rows().keys() & ours.as_rows().keys() & theirs.as_rows().keys()
    shared = _keys(ours) & _keys(theirs)
    for column in (column for column in ours.schema.columns if column.key in shared):
        for number in everywhere:
            before, left, right = (_cell(side, number, column) for side in (base, ours, theirs))
            assert left is not None
            assert right is not None
            if left != right and _was(before, column) not in (left[0], right[0]):
                found.add((number, column.key))
    return found


def _note(key: str, base: Version, ours: Version, theirs: Version) -> int | None:
    if key and key not in _keys(ours):
        return theirs.notes.get(key)
    if key and key not in _keys(theirs):
        return ours.notes.get(key)
    kept: int | None = _one(base.notes.get(key), ours.notes.get(key), theirs.notes.get(key))
    return kept


def _one(base: Any, ours: Any, theirs: Any) -> Any:
    if ours in (base, theirs):
        return theirs
    if theirs == base:
        return ours
    raise Conflicted


def _schema(base: Schema, ours: Schema, theirs: Schema, drop: bool) -> Schema:
    before, mine, their = ({c.key: c for c in side.columns} for side in (base, ours, theirs))
    columns = []
    for key, column in mine.items():
        if key in their:
            columns.append(_one(before.get(key), column, their[key]))
        elif not (drop and key in before):
            columns.append(column)
    columns += [column for key, column in their.items() if key not in mine and not (drop and key in before)]
    if len({column.name for column in columns}) < len(columns):
        raise Conflicted
    kept = {column.key for column in columns}
    retired = [key for key in (*ours.retired, *mine, *theirs.retired) if key not in kept]
    return Schema(tuple(columns), tuple(dict.fromkeys(retired)))


def settled(version: Version) -> Version:
    """A version with every cell written out, so that equal versions are equal."""
    rows = tuple((n, {c.key: version.cell(cells, c) for c in version.schema.columns}) for n, cells in version.rows)
    return replace(version, rows=rows)
