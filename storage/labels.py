"""Label codes and class names: one name may have another code on another branch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from .arrow import Ints
from .snapshot import Snapshot


def united_names(mine: Sequence[str], theirs: Sequence[str]) -> tuple[list[str], Ints]:
    """Their class names, then mine that they lack; and the new code of each of my codes.

    >>> united_names(["car", "cat"], ["car", "dog"])[0]
    ['car', 'dog', 'cat']
    """
    united = [*theirs, *(name for name in mine if name not in theirs)]
    return united, np.array([united.index(name) for name in mine], dtype=np.int64)


def renumber(labels: pa.Array, codes: Ints) -> pa.Array:
    """Labels (list<uint32>) with every code replaced; codes without a name stay as they are."""
    flat = labels.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    known = flat < len(codes)
    flat[known] = codes[flat[known]]
    offsets = np.concatenate([[0], np.cumsum(labels.value_lengths().to_numpy(zero_copy_only=False))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(flat, labels.type.value_type)).cast(
        labels.type
    )


def translation(column: str, source: Snapshot, target: Snapshot) -> Ints | None:
    """The code in `target` of each code in `source` of a label column; None if no code moves, or it holds no labels."""
    if column not in source.schema.label_columns & target.schema.label_columns:
        return None
    names = [
        next(side.info(spec.name).get("class_names") or [] for spec in side.schema if spec.column == column)
        for side in (source, target)
    ]
    codes = united_names(names[0], names[1])[1]
    return codes if (codes != np.arange(len(codes))).any() else None


def translated(cells: pa.Array, column: str, source: Snapshot, target: Snapshot) -> pa.Array:
    """Cells of a physical column of `source` with labels numbered as in `target`, to be compared with cells there."""
    codes = translation(column, source, target)
    return cells if codes is None else renumber(cells, codes)
