"""Verify: whether everything that a dataset refers to is there and is what was written. It only reads.

Levels: "quick" reads the log and all small objects and looks at the sizes of all files; "full" hashes every byte that a
version uses; "deep" also checks the values (see `deep`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from ..errors import LakebedError
from .commits import commit_id
from .context import Context
from .deep import deep_problems, unnamed_labels
from .errors import DamageError, InvalidInputError, ObjectMissingError
from .fragment_cache import FragmentCache
from .log import Entry, decode_entry, entry_key
from .manifest import Overlay
from .objects import Pointer, bundle_key, object_hash, plain_json
from .payloads import REF_TYPE, Part, read_part
from .reach import Edges, Node, Progress, bundles, read_refs, refs_node, walk
from .refs import Refs
from .repository import FORMAT_KEY, Repository, check_format
from .stores.mapped import digest_of
from .views import read_view, view_map

Level = Literal["quick", "full", "deep"]
LEVELS: tuple[Level, ...] = ("quick", "full", "deep")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it was written."""

    kind: str
    """"damaged", "missing", "wrong-size", "wrong-values", "log", "format" or "unreadable"."""
    place: str
    message: str
    needed_by: tuple[str, ...] = ()
    """Branches, tags, views and commits that cannot be read whole because of it."""

    def __str__(self) -> str:
        users = f"\n    needed by {', '.join(self.needed_by)}" if self.needed_by else ""
        return f"{self.kind}: {self.place}\n    {self.message}{users}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` looked at and found."""

    url: str
    level: Level
    entries: int
    """Log entries."""
    objects: int
    """Small objects that the newest state refers to."""
    files: int
    """Files of rows, chunks and views that it refers to."""
    size: int
    """Bytes of those files."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What is allowed but rarely meant."""

    @property
    def ok(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        what = f"{self.entries} log entries, {self.objects} objects, {self.files} files of {self.size:,} bytes"
        notes = "".join(f"\n  note: {note}" for note in self.notes)
        if self.ok:
            return f"{self.url}: nothing wrong ({self.level}: {what}){notes}"
        found = "\n".join(f"  {problem}" for problem in self.problems)
        advice = (
            "  what to do: lakebed repair shows what can be saved; older commits that are not named above are whole"
        )
        count = f"{len(self.problems)} {'problem' if len(self.problems) == 1 else 'problems'}"
        return f"{self.url}: {count} ({self.level}: {what})\n{found}\n{advice}{notes}"


@dataclass
class Survey:
    """What was found on the way; shared by verify and repair."""

    context: Context
    entries: dict[int, Entry] = field(default_factory=dict)
    """Whole log entries by number."""
    last: int = -1
    """Number of the newest log entry, whole or not."""
    edges: Edges = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    problems: list[tuple[Node, str, str]] = field(default_factory=list)
    """Node, kind and message."""

    def add(self, node: Node, kind: str, message: str) -> None:
        self.problems.append((node, kind, message))

    def failed(self, node: Node, error: LakebedError) -> None:
        kinds = {DamageError: "damaged", ObjectMissingError: "missing"}
        self.add(node, kinds.get(type(error), "unreadable"), error.message)


def verify(repository: Repository, level: Level = "quick", progress: Progress | None = None) -> VerifyReport:
    """Check a dataset; see the module for the levels. Changes nothing.

    Raises:
        InvalidInputError: there is no such level.
        StorageError: the store cannot be listed at all.
    """
    if level not in LEVELS:
        raise InvalidInputError(f"there is no level {level!r}", kind="bad-level", hint='use "quick", "full" or "deep"')
    tell = progress or (lambda *_: None)
    survey = look(repository, tell)
    if level != "quick":
        check_bytes(survey, tell)
    notes: tuple[str, ...] = ()
    if level == "deep":
        broken = {node for node, _, _ in survey.problems}
        for node, message in deep_problems(survey.context, survey.edges, broken, _tips(survey), tell):
            survey.add(node, "wrong-values", message)
        notes = () if survey.problems else tuple(dict.fromkeys(unnamed_labels(survey.context, _tips(survey))))
    used = [node.key for node in survey.edges if node.key]
    return VerifyReport(
        repository.store.url,
        level,
        survey.last + 1,
        sum(node.pointer is not None for node in survey.edges),
        len(used),
        sum(survey.sizes.get(key, 0) for key in used),
        tuple(described(survey)),
        notes,
    )


def look(repository: Repository, tell: Progress) -> Survey:
    """Read the log and all small objects of the newest whole state; look at the sizes of its files."""
    # A context of its own: what is cached was checked when it was read, which may be long ago.
    survey = Survey(Context(repository.store, repository.context.links))
    _check_format_file(survey)
    _read_log(survey, tell)
    newest = survey.entries.get(max(survey.entries, default=-1))
    if newest is not None:
        survey_refs(survey, newest.refs, tell)
    return survey


def survey_refs(survey: Survey, refs: Pointer, tell: Progress) -> None:
    """Read all small objects below a refs map; look at the sizes of its files."""
    edges = walk(survey.context, [refs_node(refs)], blobs=True, on_problem=survey.failed)
    survey.edges = {**survey.edges, **edges}
    tell("reading metadata", len(edges), len(edges))
    store = survey.context.store
    survey.sizes = {s.key: s.size for prefix in ("rows/", "chunks/", "views/") for s in store.list(prefix)}
    for node in edges:
        if node.key and node.key not in survey.sizes:
            survey.add(node, "missing", "the file is not there")
        elif node.key and node.size not in {-1, survey.sizes[node.key]}:
            survey.add(node, "wrong-size", f"it has {survey.sizes[node.key]} bytes, {node.size} were written")


def _check_format_file(survey: Survey) -> None:
    store = survey.context.store
    try:
        check_format(store.get(FORMAT_KEY), store.url)
    except LakebedError as error:
        survey.add(Node("format", key=FORMAT_KEY), "format", error.message)


def _read_log(survey: Survey, tell: Progress) -> None:
    numbers = _entry_numbers(survey)
    survey.last = numbers[-1] if numbers else -1
    previous: str | None = ""
    expected = 0
    for done, number in enumerate(numbers, 1):
        if number > expected:
            survey.add(Node("log", key=entry_key(expected)), "log", f"{number - expected} entries are missing here")
            previous = None
        previous = _read_entry(survey, Node("log", key=entry_key(number)), number, previous)
        expected = number + 1
        tell("reading the log", done, len(numbers))


def _entry_numbers(survey: Survey) -> list[int]:
    """Numbers of the entries that are there, ascending; files of other names, or beyond 63 bits, are not the log's."""
    found = (stat.key for stat in survey.context.store.list("log/") if stat.key[4:].isdigit())
    return sorted(n for key in found if (n := int(key[4:])) < 1 << 63 and key == entry_key(n))


def _read_entry(survey: Survey, node: Node, number: int, previous: str | None) -> str | None:
    """Check one entry against the hash of the one before; returns its own hash, None if it cannot be known."""
    store = survey.context.store
    try:
        data = store.get(node.key)
    except LakebedError as error:
        survey.add(node, "log", error.message)
        return None
    try:
        entry = survey.entries[number] = decode_entry(data, number, store.url)
        if previous not in {None, entry.previous}:
            survey.add(node, "log", "it does not follow the entry before it")
    except DamageError as error:
        survey.add(node, "log", error.message)
    return object_hash(data)


# --- every byte ---


def check_bytes(survey: Survey, tell: Progress) -> None:
    """Hash bundles, files of rows and views, and all payloads that rows refer to."""
    broken = {node for node, _, _ in survey.problems}
    work = [node for node in survey.edges if node.digest and node not in broken]
    names = sorted(bundles(survey.edges))
    total = len(work) + len(names)
    for done, node in enumerate(work, 1):
        _check_file(survey, node)
        tell("hashing files", done, total)
    for done, name in enumerate(names, 1):
        _check_bundle(survey, name)
        tell("hashing files", len(work) + done, total)
    _check_payloads(survey, tell)


def _check_file(survey: Survey, node: Node) -> None:
    try:
        if digest_of(survey.context.store.buffer(node.key)) != node.digest:
            survey.add(node, "damaged", "its bytes are not what was written")
    except LakebedError as error:
        survey.failed(node, error)


def _check_bundle(survey: Survey, name: str) -> None:
    """Also the bytes of a bundle that no living object owns: they say that the disk changes what it keeps."""
    users = [node for node in survey.edges if node.pointer is not None and node.pointer.bundle == name]
    broken = {node for node, _, _ in survey.problems}
    if broken & set(users):
        return
    try:
        if object_hash(survey.context.store.get(bundle_key(name))) != name:
            survey.add(Node("bundle", key=bundle_key(name)), "damaged", "bytes that no version needs have changed")
    except LakebedError as error:
        survey.failed(Node("bundle", key=bundle_key(name)), error)


def _check_payloads(survey: Survey, tell: Progress) -> None:
    broken = {node for node, _, _ in survey.problems}
    seen: set[Part] = set()
    holders = [
        node for node in survey.edges if node not in broken and any(c.kind == "chunk" for c in survey.edges[node])
    ]
    for done, node in enumerate(holders, 1):
        for part, where in parts_of(survey, node):
            if part in seen:
                continue
            seen.add(part)
            try:
                read_part(survey.context.store, part, where)
            except LakebedError as error:
                survey.failed(Node("chunk", key=part.key), error)
        tell("hashing payloads", done, len(holders))


def parts_of(survey: Survey, node: Node) -> Iterator[tuple[Part, str]]:
    """Every part of a payload that the rows of a fragment or the overlays of a page refer to, and where."""
    for table in _tables(survey, node):
        for name, column in zip(table.column_names, table.columns, strict=True):
            if column.type == REF_TYPE:
                for row, parts in enumerate(column.to_pylist()):
                    yield from ((Part(**part), f"column {name!r}, row {row}") for part in parts or ())


def _tables(survey: Survey, node: Node) -> Iterator[pa.Table]:
    """The rows behind a node, if they are whole; that they are not is told elsewhere."""
    fragments = survey.context.fragments
    broken = {found for found, _, _ in survey.problems}
    try:
        if node.kind == "fragment" and node.pointer is not None and not broken & set(survey.edges[node]):
            yield fragments.table(node.pointer)
        elif node.kind == "page" and node.pointer is not None:
            yield from page_overlays(survey.context, fragments, node.pointer)
    except DamageError:
        return


def page_overlays(context: Context, fragments: FragmentCache, page: Pointer) -> Iterator[pa.Table]:
    """The overlays of a page's entries."""
    for item in context.objects.read_json(page)["entries"]:
        for pointer, rows, chunks in item.get("ov", ()):
            yield fragments.overlay(Overlay(Pointer.from_json(pointer, page.bundle), rows, tuple(chunks)))


# --- who needs it ---


def described(survey: Survey) -> Iterator[Problem]:
    """The problems, each once, with the versions that need what is broken."""
    above = _referrers(survey.edges)
    names = _names(survey)
    for node, kind, message in dict.fromkeys(survey.problems):
        yield Problem(kind, node.place, message, tuple(_users(node, above, names)))


def _referrers(edges: Edges) -> dict[Node, list[Node]]:
    above: dict[Node, list[Node]] = {}
    for node, children in edges.items():
        for child in children:
            above.setdefault(child, []).append(node)
    return above


_WHOLE = {"refs": "the newest state of all branches", "views": "all views"}


def _users(node: Node, above: Mapping[Node, Iterable[Node]], names: Mapping[Node, str]) -> list[str]:
    """Names of the versions above a node; a commit's children do not need it."""
    found: dict[str, None] = {}
    seen, waiting = {node}, [node]
    while waiting:
        now = waiting.pop()
        if now.kind in {"commit", "view", "views", "refs"}:
            found[names.get(now, now.place)] = None
            continue
        fresh = [parent for parent in above.get(now, ()) if parent not in seen]
        seen |= set(fresh)
        waiting += fresh
    return sorted(found)


def _names(survey: Survey) -> dict[Node, str]:
    """What users call the commits and views: branches, tags, ids."""
    names = {node: _WHOLE[node.kind] for node in survey.edges if node.kind in _WHOLE}
    for node, children in survey.edges.items():
        if node.kind == "commit" and children:
            assert node.pointer is not None
            data = plain_json(survey.context.objects.read(node.pointer))
            names[node] = f"commit {commit_id(data)[:12]} {json.loads(data)['message']!r}"
    refs = newest_refs(survey)
    if refs is None:
        return names
    for name, tag in refs.tags.items():
        names[Node("commit", tag.pointer)] = f"commit {tag.id[:12]} (tag {name!r})"
    for name, branch in refs.branches.items():
        if branch.head:
            names[Node("commit", branch.head.pointer)] = f"commit {branch.head.id[:12]} (last of branch {name!r})"
        if branch.working:
            names[Node("commit", branch.working)] = f"what is not committed on branch {name!r}"
    return names | _view_names(survey, refs)


def _view_names(survey: Survey, refs: Refs) -> dict[Node, str]:
    try:
        views = view_map(survey.context.objects, refs)
    except LakebedError:  # told as a problem of its own
        return {}
    return {Node("view", pointer): f"view {name!r}" for name, pointer in views.items()}


def newest_refs(survey: Survey) -> Refs | None:
    """The refs map of the newest whole entry, if it can be read."""
    newest = survey.entries.get(max(survey.entries, default=-1))
    try:
        return read_refs(survey.context.objects, newest) if newest else None
    except LakebedError:  # told as a problem of its own
        return None


def _tips(survey: Survey) -> list[Pointer]:
    """Commits and working snapshots whose samples "deep" decodes: what branches, tags and views show."""
    refs = newest_refs(survey)
    if refs is None:
        return []
    tips = [branch.working or (branch.head.pointer if branch.head else None) for branch in refs.branches.values()]
    tips += [tag.pointer for tag in refs.tags.values()]
    for name in _view_names(survey, refs).values():
        try:
            tips.append(read_view(survey.context.objects, refs, name[6:-1]).commit.pointer)
        except LakebedError:  # told as a problem of its own
            continue
    return list(dict.fromkeys(tip for tip in tips if tip is not None))
