"""A difference between two versions as text for people and as a dictionary for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .indexing import RowArray
from .shapes import shape_of
from .storage.diff import Diff
from .storage.htypes import htype_of
from .storage.snapshot import Snapshot

SHOWN = 10
"""Rows of each kind that the text lists."""


def diff_dict(found: Diff) -> dict[str, Any]:
    """Everything that changed; rows are numbers in the version that has them."""
    return {
        "from": found.before.commit_id,
        "to": found.after.commit_id,
        "rows": {
            "added": _positions(found.after, found.added).tolist(),
            "deleted": _positions(found.before, found.deleted).tolist(),
        },
        "updated": {name: _changes(found, name, ids) for name, ids in found.updated.items()},
        "tensors": {
            "created": list(found.tensors_added),
            "deleted": list(found.tensors_deleted),
            "renamed": [list(pair) for pair in found.tensors_renamed],
        },
        "info": list(found.info_changed),
    }


def diff_text(found: Diff, before: str, after: str) -> str:
    """What changed from `before` to `after`, a few lines a kind; long lists and values are cut short."""
    lines = [f"{before} -> {after}"]
    added, deleted = _positions(found.after, found.added), _positions(found.before, found.deleted)
    if len(added):
        lines.append(f"  rows added      {_numbers(added)}")
    if len(deleted):
        lines.append(f"  rows deleted    {_numbers(deleted)}")
    for name, ids in found.updated.items():
        lines.append(f"  {name}: {_plural(len(ids), 'row')} updated")
        lines += [
            f"    row {change['row']}: {_short(change['before'])} -> {_short(change['after'])}"
            for change in _changes(found, name, ids[:SHOWN])
        ]
        if len(ids) > SHOWN:
            lines.append(f"    ... and {len(ids) - SHOWN} more")
    lines += [f"  tensor created  {name}" for name in found.tensors_added]
    lines += [f"  tensor deleted  {name}" for name in found.tensors_deleted]
    lines += [f"  tensor renamed  {old} -> {new}" for old, new in found.tensors_renamed]
    lines += [f"  info changed    {name or '(dataset)'}" for name in found.info_changed]
    return "\n".join(lines) if len(lines) > 1 else f"{lines[0]}\n  no changes"


def _changes(found: Diff, name: str, ids: RowArray) -> list[dict[str, Any]]:
    old, new = _positions(found.before, ids), _positions(found.after, ids)
    column = found.after.schema[name].column
    former = next(spec.name for spec in found.before.schema if spec.column == column)
    pairs = zip(new.tolist(), _values(found.before, former, old), _values(found.after, name, new), strict=True)
    return [{"row": row, "before": before, "after": after} for row, before, after in pairs]


def _values(snapshot: Snapshot, name: str, rows: RowArray) -> list[Any]:
    """What a difference shows of cells: URLs of links, shapes of payloads, else the samples themselves."""
    spec = snapshot.schema[name]
    if spec.link:
        urls: list[Any] = snapshot.stored(name, rows)[""].to_pylist()
        return urls
    samples = snapshot.read(name, rows)
    if htype_of(spec).is_payload:
        return [f"{spec.htype} {shape_of(sample)}" for sample in samples]
    return samples


def _positions(snapshot: Snapshot, ids: RowArray) -> RowArray:
    """Row numbers of permanent ids; the order of `ids` is kept."""
    everything = snapshot.row_ids
    order = np.argsort(everything, kind="stable")
    places: RowArray = order[np.searchsorted(everything[order], ids)] if len(ids) else np.zeros(0, dtype=np.int64)
    return places


def _numbers(rows: Sequence[int] | RowArray) -> str:
    numbers = np.asarray(rows)
    if len(numbers) > SHOWN and (np.diff(numbers) == 1).all():
        return f"{numbers[0]} to {numbers[-1]} ({len(numbers)} rows)"
    shown = ", ".join(str(number) for number in numbers[:SHOWN].tolist())
    return shown if len(numbers) <= SHOWN else f"{shown}, ... ({len(numbers)} rows)"


def _short(value: Any, limit: int = 60) -> str:
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=1, suppress_small=True, threshold=12, separator=" ").replace("\n", "")
        if value.ndim > 1 and len(text) > limit:
            return f"{value.dtype} {value.shape}"
    else:
        text = value if isinstance(value, str) else repr(value)
    # The end of a URL tells more than its middle.
    return text if len(text) <= limit else f"{text[: limit // 2 - 5]}...{text[-limit // 2 - 2 :]}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
