"""Repair: makes a damaged dataset usable again by one new log entry; nothing stored is changed or removed.

A branch whose rows are damaged gets a commit without the rows that are lost. A branch whose metadata is damaged goes
back to the newest state of it that is whole. Tags and views that cannot be opened any more are dropped; what they
pointed at stays in the store. (One exception: a damaged FORMAT file is replaced, for nothing opens without it.)
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import LakebedError
from .arrow import Ints
from .commits import Commit
from .context import Context
from .draft import Draft
from .errors import DamageError
from .handle import author, stage_version
from .links.base import LinkReader
from .log import Entry as LogEntry
from .log import append_entry, entry_key
from .manifest import Entry
from .mending import leave_out_lost_rows
from .objects import Pointer, Staging, object_hash
from .reach import Edges, Node, Progress, read_refs, refs_node, tree_nodes, walk
from .refs import Branch, CommitRef, Refs
from .repository import FORMAT_KEY, Repository, write_format
from .snapshot import Snapshot
from .stores.base import ObjectStat, Store
from .verify import Problem, Survey, check_bytes, described, look, survey_refs
from .views import stage_view_map, view_map


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What was wrong and what was done about it."""

    url: str
    dry_run: bool
    problems: tuple[Problem, ...]
    actions: tuple[str, ...]
    """What was done, or would be."""
    lost_rows: dict[str, tuple[int, ...]]
    """Branch -> ids of the rows that its newest version no longer has."""

    def __str__(self) -> str:
        if not self.problems:
            return f"{self.url}: nothing wrong, nothing done"
        lines = [f"{self.url}: {len(self.problems)} problems", *(f"  {problem}" for problem in self.problems)]
        lines.append("would do:" if self.dry_run else "done:")
        lines += [f"  {action}" for action in self.actions] or ["  nothing: no branch, tag or view is affected"]
        return "\n".join(lines)


@dataclass
class _Plan:
    """The repair under construction."""

    survey: Survey
    refs: Refs
    staging: Staging
    history: list[LogEntry]
    """Whole log entries, newest first."""
    actions: list[str] = field(default_factory=list)
    lost: dict[str, tuple[int, ...]] = field(default_factory=dict)


def repair(store: Store, links: LinkReader, dry_run: bool = False, progress: Progress | None = None) -> RepairReport:
    """Repair the dataset in `store`; takes no `Repository`, because a damaged FORMAT file keeps one from opening.

    Raises:
        DamageError: kind "beyond-repair": no log entry or no refs map can be read.
        StorageError: the store refused.
        ObjectExistsError: another writer landed meanwhile; nothing was done, try again.
    """
    tell = progress or (lambda *_: None)
    survey = look(Repository(_Scratch(store) if dry_run else store, links, ""), tell)
    history = [survey.entries[number] for number in sorted(survey.entries, reverse=True)]
    base, refs = _newest_whole_refs(survey, history, store.url)
    if not survey.edges.get(refs_node(base.refs)):
        survey_refs(survey, base.refs, tell)
    check_bytes(survey, tell)
    problems = tuple(described(survey))
    plan = _Plan(survey, refs, Staging(), [entry for entry in history if entry.number <= base.number])
    if problems:
        _plan_all(plan, base)
    if not dry_run:
        _carry_out(plan, store, refs)
    return RepairReport(store.url, dry_run, problems, tuple(plan.actions), plan.lost)


def _newest_whole_refs(survey: Survey, history: list[LogEntry], url: str) -> tuple[LogEntry, Refs]:
    for entry in history:
        try:
            return entry, read_refs(survey.context.objects, entry)
        except LakebedError:  # already among the problems if it is the newest; older ones are needed only now
            continue
    raise DamageError("no log entry leads to a whole state", kind="beyond-repair", place=url)


def _plan_all(plan: _Plan, base: LogEntry) -> None:
    if any(node.kind == "format" for node, _, _ in plan.survey.problems):
        plan.actions.append("write FORMAT anew")
    if base.number != plan.survey.last:
        plan.actions.append(f"go back to the state of log entry {base.number} (the newest is {plan.survey.last})")
    for name in list(plan.refs.branches):
        _mend_branch(plan, name)
    _drop_tags(plan)
    _mend_views(plan)


def _carry_out(plan: _Plan, store: Store, before: Refs) -> None:
    if any(node.kind == "format" for node, _, _ in plan.survey.problems):
        store.delete(FORMAT_KEY)
        write_format(store)
    newest = plan.survey.entries.get(plan.survey.last)
    if plan.refs == before and newest is not None and plan.history[0] is newest:
        return
    pointer = plan.staging.add_json(plan.refs.to_json())
    bundle = plan.survey.context.objects.publish(plan.staging)
    # The chain goes on from the bytes that are there, damaged or not.
    last = Pointer("", 0, 0, "")
    after = LogEntry(plan.survey.last, "", "", "", 0.0, last, object_hash(store.get(entry_key(plan.survey.last))))
    append_entry(store, after, uuid.uuid4().hex, "repair", replace(pointer, bundle=bundle))


# --- branches ---


def _mend_branch(plan: _Plan, name: str) -> None:
    branch = plan.refs.branches[name]
    states = list(_tips(plan, name))
    # Only if each state lacks edits or deletions of some fragment is that fragment given up altogether.
    for number, (strict, (tip, said)) in enumerate(product((True, False), states)):
        damage = _damage(plan, tip, strict)
        if damage is None:
            continue
        if (head := tip.head) is not None and not _readable(plan, head):
            # What is not committed can be read, the commit below it cannot: it becomes a commit upon an older one.
            tip, damage = replace(tip, head=_whole_head(plan, states)), damage or {Node("commit", head.pointer)}
        if number % len(states):
            plan.actions.append(f"branch {name!r}: back to {said}")
        mended = _salvaged(plan, name, tip, damage) if damage else tip
        if mended != branch:
            plan.refs = plan.refs.with_branch(name, mended)
        return
    plan.actions.append(f"branch {name!r}: no state of it is whole; it is left as it is")


def _tips(plan: _Plan, name: str) -> Iterator[tuple[Branch, str]]:
    """What the branch showed, newest first, and then the commits before that."""
    seen: set[Pointer | None] = set()
    for entry in plan.history:
        try:
            branch = read_refs(plan.survey.context.objects, entry).branches.get(name)
        except LakebedError:  # an older state is as good
            continue
        if branch is not None and (tip := _pointer(branch)) not in seen:
            seen.add(tip)
            yield branch, f"its state of log entry {entry.number}"
    for commit in _ancestors(plan, plan.refs.branches[name].head):
        yield Branch(commit, None), f"commit {commit.id[:12]}"


def _readable(plan: _Plan, head: CommitRef) -> bool:
    try:
        _commit(plan.survey.context, head.pointer)
    except LakebedError:  # that is the answer
        return False
    return True


def _whole_head(plan: _Plan, states: Sequence[tuple[Branch, str]]) -> CommitRef | None:
    return next((state.head for state, _ in states if state.head is not None and _readable(plan, state.head)), None)


def _ancestors(plan: _Plan, head: CommitRef | None) -> Iterator[CommitRef]:
    waiting, seen = [head] if head else [], set()
    while waiting:
        ref = waiting.pop(0)
        if ref.id in seen:
            continue
        seen.add(ref.id)
        yield ref
        try:
            waiting += _commit(plan.survey.context, ref.pointer).parents
        except LakebedError:  # nobody knows what came before it
            continue


def _pointer(branch: Branch) -> Pointer | None:
    return branch.working or (branch.head.pointer if branch.head else None)


def _damage(plan: _Plan, tip: Branch, strict: bool) -> set[Node] | None:
    """Damaged fragments and row data below a version; None if other metadata is not whole.

    Not strict: edits, deletions and ids of fragments count as row data.
    """
    broken = {node for node, _, _ in plan.survey.problems}
    pointer = _pointer(tip)
    try:
        assert pointer is not None
        commit = _commit(plan.survey.context, pointer)
    except LakebedError:
        return None
    found: set[Node] = set()
    unreadable: list[Node] = []
    roots = list(tree_nodes(commit))
    edges = walk(plan.survey.context, roots, blobs=True, on_problem=lambda node, _: unreadable.append(node))
    for node, children in edges.items():
        if node.kind == "fragment" or (node.kind == "page" and not strict):
            found |= {child for child in children if child in broken or child in unreadable}
    info = Node("json", commit.tree.info)
    found |= {node for node in unreadable if node.kind == "fragment" or node == info}
    found |= _files_in_doubt(plan, edges)
    return None if set(unreadable) - found else found


def _files_in_doubt(plan: _Plan, edges: Edges) -> set[Node]:
    """Files that are damaged, gone or of another size; states that only older log entries name were not surveyed."""
    broken, sizes = {node for node, _, _ in plan.survey.problems}, plan.survey.sizes
    named = {node for node in edges if node.key}
    return {node for node in named if node in broken or node.key not in sizes or node.size not in {-1, sizes[node.key]}}


def _commit(context: Context, pointer: Pointer) -> Commit:
    return Commit.from_json(context.objects.read_json(pointer), pointer.bundle)


def _salvaged(plan: _Plan, name: str, tip: Branch, damage: set[Node]) -> Branch:
    """Stage a commit on top of `tip` without the rows that are lost."""
    context, pointer = plan.survey.context, _pointer(tip)
    assert pointer is not None
    base = Snapshot(context, _commit(context, pointer).tree, None)
    info_lost = Node("json", base.tree.info) in damage
    if info_lost:
        base.__dict__["infos"] = _older_infos(plan, name)
        plan.actions.append(f"branch {name!r}: info such as class names from an older state, as far as there is one")
    draft = Draft(base)
    draft.staging = plan.staging
    if info_lost:
        base.__dict__["infos"] = None  # unlike the draft's, so that those are written
    before = _ids(context, draft.entries)
    leave_out_lost_rows(draft, damage, plan.survey.edges)
    plan.lost[name] = tuple(np.setdiff1d(before, draft.snapshot().row_ids).tolist())
    lost = base.tree.rows - len(draft)
    said = f"repair: {lost} of {base.tree.rows} rows were damaged and are not in this version"
    plan.actions.append(f"branch {name!r}: commit {len(draft)} whole rows, leave out {lost}")
    tree, _ = draft.stage(plan.staging, plan.refs.next_row_id)
    parents = (tip.head,) if tip.head else ()
    return stage_version(Commit(tree, parents, author(), time.time(), said, name), tip.head, plan.staging)


def _older_infos(plan: _Plan, name: str) -> dict[str, dict[str, Any]]:
    """The newest info of a branch that can be read; none if there is none."""
    for state, _ in _tips(plan, name):
        try:
            pointer = _pointer(state)
            assert pointer is not None
            found: dict[str, dict[str, Any]] = plan.survey.context.objects.read_json(
                _commit(plan.survey.context, pointer).tree.info
            )
        except LakebedError:  # an older one is better than none
            continue
        return found
    return {}


def _ids(context: Context, entries: Sequence[Entry]) -> Ints:
    """Row ids of entries, less those of entries whose ids are lost."""
    parts = [np.empty(0, np.int64)]
    for entry in entries:
        try:
            parts.append(context.fragments.ids(entry))
        except LakebedError:  # then their number is all that can be told
            continue
    return np.concatenate(parts)


# --- tags and views ---


def _drop_tags(plan: _Plan) -> None:
    for name, tag in list(plan.refs.tags.items()):
        try:
            _commit(plan.survey.context, tag.pointer)
        except LakebedError:  # then nobody can go there
            plan.actions.append(f"tag {name!r}: dropped, its commit {tag.id[:12]} cannot be read")
            plan.refs = replace(plan.refs, tags={key: kept for key, kept in plan.refs.tags.items() if key != name})


def _mend_views(plan: _Plan) -> None:
    """The newest map of views that can be read, less the views that cannot."""
    objects = plan.survey.context.objects
    for entry in plan.history:
        refs = plan.refs if entry is plan.history[0] else None
        try:
            refs = refs or read_refs(objects, entry)
            views = view_map(objects, refs)
        except LakebedError:  # an older map is as good
            continue
        if refs.views != plan.refs.views:
            plan.actions.append(f"views: back to those of log entry {entry.number}")
            plan.refs = replace(plan.refs, views=refs.views)
        _drop_views(plan, views)
        return


def _drop_views(plan: _Plan, views: dict[str, Pointer]) -> None:
    unreadable: list[Node] = []
    gone = []
    for name, pointer in views.items():
        unreadable.clear()
        walk(plan.survey.context, [Node("view", pointer)], on_problem=lambda node, _: unreadable.append(node))
        if any(node.kind in {"view", "commit"} for node in unreadable):
            gone.append(name)
            plan.actions.append(f"view {name!r}: dropped, it cannot be read")
    if gone:
        kept = {name: pointer for name, pointer in views.items() if name not in gone}
        plan.refs = replace(plan.refs, views=stage_view_map(kept, plan.staging))


class _Scratch:
    """A store whose writes stay in memory, so that a dry run can plan with what it would write."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._written: dict[str, bytes] = {}
        self.url = inner.url

    def get(self, key: str) -> bytes:
        return self._written[key] if key in self._written else self._inner.get(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if key in self._written:
            return self._written[key][start : start + length]
        return self._inner.get_range(key, start, length)

    def buffer(self, key: str) -> pa.Buffer:
        return pa.py_buffer(self._written[key]) if key in self._written else self._inner.buffer(key)

    def put(self, key: str, data: bytes | memoryview | pa.Buffer) -> None:
        self._written[key] = bytes(data)

    def create(self, key: str, data: bytes) -> None:
        raise AssertionError("a dry run does not land")

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectStat]:
        return self._inner.list(prefix, start_after)

    def delete(self, key: str) -> None:
        raise AssertionError("a dry run removes nothing")

    def stat(self, key: str) -> ObjectStat | None:
        return ObjectStat(key, len(self._written[key]), 0.0) if key in self._written else self._inner.stat(key)
