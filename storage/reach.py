"""What refers to what: the graph of stored objects below the log, for verify, repair and gc."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ..errors import LakebedError
from .commits import Commit
from .context import Context
from .errors import DamageError
from .log import Entry as LogEntry
from .log import entry_key, newest_entry, read_entry
from .manifest import Entry, Fragment, pointers_of
from .objects import Objects, Pointer, plain_json
from .refs import Refs
from .stores.base import Store
from .views import ViewRecord

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is (0 if that is not known)."""

INDEX_META = b"lakebed.view"
"""Metadata key of the index of a materialised view; its JSON lists the chunk files."""


@dataclass(frozen=True, slots=True)
class Node:
    """One stored thing: a small object (`pointer`) or a file (`key`)."""

    kind: str
    pointer: Pointer | None = None
    key: str = ""
    size: int = -1
    """Bytes the file must have; -1 if its referrer does not say."""
    digest: str = ""
    """XXH3-128 the file must have; "" if its referrer does not say."""

    @property
    def place(self) -> str:
        if self.pointer is not None:
            return f"meta/{self.pointer.bundle}, byte {self.pointer.offset}"
        return self.key


Edges = dict[Node, tuple[Node, ...]]
"""Every node met, and what it refers to."""
OnProblem = Callable[[Node, LakebedError], None]


def walk(context: Context, roots: Iterable[Node], blobs: bool = False, on_problem: OnProblem | None = None) -> Edges:
    """Follow references from `roots` to everything.

    Args:
        blobs: read objects that refer to nothing too, so that their hashes are checked.
        on_problem: called with a node that cannot be read; without it the error is raised.
    """
    edges: Edges = {}
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node in edges:
            continue
        edges[node] = ()
        try:
            edges[node] = tuple(_links(context, node, blobs))
        except LakebedError as error:
            if on_problem is None:
                raise
            on_problem(node, error)
        waiting += edges[node]
    return edges


def _links(context: Context, node: Node, blobs: bool) -> Iterator[Node]:
    if node.kind == "index":
        return _index_links(context.store, node)
    if node.pointer is None or (node.kind == "blob" and not blobs):
        return iter(())
    data = context.objects.read(node.pointer)
    if node.kind == "blob":
        return iter(())
    return _LINKS[node.kind](json.loads(plain_json(data)), node.pointer.bundle)


def refs_node(pointer: Pointer) -> Node:
    return Node("refs", pointer)


def _refs(raw: Any, bundle: str) -> Iterator[Node]:
    refs = Refs.from_json(raw, bundle)
    for branch in refs.branches.values():
        if branch.head:
            yield Node("commit", branch.head.pointer)
        if branch.working:
            yield Node("commit", branch.working)
    for tag in refs.tags.values():
        yield Node("commit", tag.pointer)
    if refs.views:
        yield Node("views", refs.views)


def _views(raw: Any, bundle: str) -> Iterator[Node]:
    return (Node("view", Pointer.from_json(pointer, bundle)) for pointer in raw.values())


def _view(raw: Any, bundle: str) -> Iterator[Node]:
    record = ViewRecord.from_json(raw, bundle)
    yield Node("commit", record.commit.pointer)
    yield Node("blob", record.rows)
    if record.computed:
        yield Node("blob", record.computed)
    if record.index:
        yield Node("index", key=index_key(record))


def index_key(record: ViewRecord) -> str:
    """Where the index of a materialised view lies."""
    return record.index if record.index.startswith("views/") else f"views/{record.id}/{record.index}"


def _index_links(store: Store, node: Node) -> Iterator[Node]:
    prefix = node.key.rpartition("/")[0]
    try:
        meta = json.loads(pa.ipc.open_file(store.buffer(node.key)).schema.metadata[INDEX_META])
        chunks = [(str(key), int(size), str(digest)) for key, size, digest, _ in meta["chunks"]]
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise DamageError(
            "the index of a view is not what was written", kind="index-damaged", place=f"{store.url}: {node.key}"
        ) from error
    return (Node("file", key=f"{prefix}/{key}", size=size, digest=digest) for key, size, digest in chunks)


def _commit(raw: Any, bundle: str) -> Iterator[Node]:
    commit = Commit.from_json(raw, bundle)
    yield from tree_nodes(commit)
    for parent in commit.parents:
        yield Node("commit", parent.pointer)


def tree_nodes(commit: Commit) -> Iterator[Node]:
    """What the version itself is made of, without its parents."""
    yield Node("json", commit.tree.schema)
    yield Node("json", commit.tree.info)
    yield Node("manifest", commit.tree.manifest)


def _manifest(raw: Any, bundle: str) -> Iterator[Node]:
    return (Node("page", Pointer.from_json(page, bundle)) for page in raw["pages"])


def _page(raw: Any, bundle: str) -> Iterator[Node]:
    for item in raw["entries"]:
        yield from _entry(Entry.from_json(item, bundle))


def _entry(entry: Entry) -> Iterator[Node]:
    for pointer in pointers_of(entry):
        yield Node("fragment" if pointer == entry.fragment else "blob", pointer)
    for overlay in entry.overlays:
        yield from (Node("chunk", key=key) for key in overlay.chunks)


def _fragment(raw: Any, bundle: str) -> Iterator[Node]:
    fragment = Fragment.from_json(raw, bundle)
    if fragment.inline:
        yield Node("blob", fragment.inline)
    else:
        yield Node("rows", key=fragment.key, size=fragment.length, digest=fragment.xxh3)
    if fragment.blocks:
        yield Node("blob", fragment.blocks)
    yield from (Node("chunk", key=key) for key in fragment.chunks)


def _nothing(raw: Any, bundle: str) -> Iterator[Node]:
    return iter(())


_LINKS: dict[str, Callable[[Any, str], Iterator[Node]]] = {
    "refs": _refs,
    "views": _views,
    "view": _view,
    "commit": _commit,
    "json": _nothing,
    "manifest": _manifest,
    "page": _page,
    "fragment": _fragment,
}


def bundles(edges: Edges) -> set[str]:
    """Names of the bundles in which the nodes lie."""
    return {node.pointer.bundle for node in edges if node.pointer is not None}


def files(edges: Edges) -> set[str]:
    """Keys of the files among the nodes."""
    return {node.key for node in edges if node.key}


def log_entries(store: Store) -> Iterator[LogEntry]:
    """All entries, newest first. Raises DamageError at a damaged one."""
    last = newest_entry(store)
    for number in range(last.number if last else -1, -1, -1):
        entry = read_entry(store, number)
        if entry is None:
            raise DamageError("a log entry is missing", kind="log-gap", place=f"{store.url}: {entry_key(number)}")
        yield entry


def read_refs(objects: Objects, entry: LogEntry) -> Refs:
    """The refs map of a log entry."""
    return Refs.from_json(objects.read_json(entry.refs), entry.refs.bundle)
