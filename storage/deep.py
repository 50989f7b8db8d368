"""The deepest level of verify: whether the values make sense, not only whether the bytes are the ones written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa

from ..errors import LakebedError
from .commits import Commit
from .context import Context
from .fragment import label_codes, zone_maps
from .manifest import Entry, Fragment, read_deletions
from .objects import Pointer
from .reach import Edges, Node, Progress
from .snapshot import Snapshot

BATCH = 256
"""Samples decoded at once."""

Finding = tuple[Node, str]
"""What does not make sense, and why."""


def deep_problems(
    context: Context, edges: Edges, broken: Collection[Node], tips: Sequence[Pointer], tell: Progress
) -> Iterator[Finding]:
    """Values that contradict each other or cannot be decoded.

    Args:
        broken: what cannot be read anyway; it is left out, and so are the versions that need it.
        tips: commits and working snapshots whose samples are decoded.
    """
    bad = set(broken)
    whole = [node for node in edges if node.pointer is not None and not _needs(edges, node, bad)]
    for done, node in enumerate(whole, 1):
        for finding in _check(context, node):
            bad.add(node)
            yield finding
        tell("checking values", done, len(whole))
    for done, tip in enumerate(tips, 1):
        if not _needs(edges, Node("commit", tip), bad):
            yield from _undecodable(context, tip)
        tell("decoding samples", done, len(tips))


def _needs(edges: Edges, node: Node, broken: Collection[Node]) -> bool:
    """Whether anything below a node, parents of commits left out, is broken."""
    seen, waiting = {node}, [node]
    while waiting:
        now = waiting.pop()
        if now in broken:
            return True
        below = [child for child in edges.get(now, ()) if child not in seen and child.kind != "commit"]
        seen |= set(below)
        waiting += below
    return False


def _check(context: Context, node: Node) -> Iterator[Finding]:
    assert node.pointer is not None
    messages: Iterator[str] = iter(())
    if node.kind == "fragment":
        messages = _fragment(context, node.pointer)
    elif node.kind == "page":
        messages = _page(context, node.pointer)
    elif node.kind == "commit":
        messages = _version(context, node.pointer)
    try:
        for message in messages:
            yield node, message
    except (LakebedError, pa.ArrowException, ValueError) as error:
        yield node, f"it cannot be read: {error}"


def _fragment(context: Context, pointer: Pointer) -> Iterator[str]:
    """Arrow's own checks, and the descriptor against the rows."""
    fragment: Fragment = context.fragments.descriptor(pointer)
    table = context.fragments.table(pointer)
    table.validate(full=True)
    if table.num_columns and table.num_rows != fragment.rows:
        yield f"it has {table.num_rows} rows, its descriptor says {fragment.rows}"
    if zone_maps(table) != {name: list(ends) for name, ends in fragment.zones.items()}:
        yield "the smallest and largest values in its descriptor are not those of its rows"
    if label_codes(table, set(fragment.labels)) != {name: list(codes) for name, codes in fragment.labels.items()}:
        yield "the labels in its descriptor are not those of its rows"


def _page(context: Context, pointer: Pointer) -> Iterator[str]:
    """Overlays, deletions and ids against the fragments they belong to."""
    for item in context.objects.read_json(pointer)["entries"]:
        entry = Entry.from_json(item, pointer.bundle)
        if context.fragments.descriptor(entry.fragment).rows != entry.rows:
            yield "an entry and its fragment differ in the number of rows"
        gone = read_deletions(context.objects, entry)
        if len(gone) != entry.deleted or (len(gone) and gone.max() >= entry.rows):
            yield "deleted rows lie outside their fragment"
        if len(context.fragments.all_ids(entry)) != entry.rows:
            yield "a fragment has more or fewer row ids than rows"
        for overlay in entry.overlays:
            table = context.fragments.overlay(overlay)
            table.validate(full=True)
            places = table.column("_offset").to_numpy()
            if len(places) != overlay.rows or (np.diff(places.astype(np.int64)) <= 0).any() or places[-1] >= entry.rows:
                yield "edited rows lie outside their fragment or out of order"


def _version(context: Context, pointer: Pointer) -> Iterator[str]:
    """Row ids are unique and as many as rows."""
    snapshot = _snapshot(context, pointer)
    ids = snapshot.row_ids
    if len(ids) != len(snapshot):
        yield f"it has {len(ids)} rows, {len(snapshot)} are recorded"
    if len(np.unique(ids)) != len(ids):
        yield "a row id occurs twice"


def _snapshot(context: Context, pointer: Pointer) -> Snapshot:
    commit = Commit.from_json(context.objects.read_json(pointer), pointer.bundle)
    return Snapshot(context, commit.tree, None)


def _undecodable(context: Context, pointer: Pointer) -> Iterator[Finding]:
    """Samples of a version that its htypes cannot decode; linked files are not fetched."""
    snapshot = _snapshot(context, pointer)
    for spec in snapshot.schema:
        for start in range(0, 0 if spec.link else len(snapshot), BATCH):
            rows = range(start, min(start + BATCH, len(snapshot)))
            try:
                snapshot.read(spec.name, rows)
            except (LakebedError, pa.ArrowException, ValueError) as error:
                yield Node("commit", pointer), f"tensor {spec.name!r}, rows {rows.start} to {rows.stop - 1}: {error}"


def unnamed_labels(context: Context, tips: Sequence[Pointer]) -> Iterator[str]:
    """Labels without a class name: allowed, but rarely meant."""
    for tip in tips:
        snapshot = _snapshot(context, tip)
        for spec in snapshot.schema:
            names = snapshot.info(spec.name).get("class_names") or ()
            if spec.column in snapshot.schema.label_columns and names:
                codes = np.concatenate([[-1], *(c.flatten().to_numpy() for c in snapshot.column(spec.column).chunks)])
                if codes.max() >= len(names):
                    yield f"tensor {spec.name!r} holds label {int(codes.max())}, but has {len(names)} class names"
