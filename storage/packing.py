"""Packing: prepared samples of one tensor become Arrow columns, and cells too big for a row go to chunk files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from .big_cells import may_be_big, moved_out, ref_column
from .htypes import htype_of
from .htypes.base import Payload
from .payloads import REF_SUFFIX, REF_TYPE, ChunkWriter, Part
from .schema import TensorSpec

RUN_BYTES = 256 << 20
"""About the bytes of samples that are packed at once: big ones are in memory once more until they are written."""


@dataclass(frozen=True, slots=True)
class Packer:
    """Packs samples of one transaction.

    Attributes:
        chunks: where big cells go.
        limit: bytes of a cell that stays in its row.
        any_tensor: False leaves all but files in their rows, as datasets without the feature "big-cells" need it.
    """

    chunks: ChunkWriter
    limit: int
    any_tensor: bool

    def pack(self, spec: TensorSpec, prepared: Sequence[Any]) -> dict[str, pa.Array]:
        """Physical columns by full name."""
        htype = htype_of(spec)
        if htype.is_payload:
            columns = self._files(spec, prepared)
        elif may_be_big(spec, htype.fields(spec)[""]):
            columns = self._cells(spec, prepared)
        else:
            columns = htype.pack(prepared, spec)
        return {spec.column + suffix: array for suffix, array in columns.items()}

    def _files(self, spec: TensorSpec, prepared: Sequence[Payload | None]) -> dict[str, pa.Array]:
        """Big files are written before the others are packed, so that they are never copied."""
        parts = [
            self.chunks.add(file.data) if file is not None and len(file.data) > self.limit else None
            for file in prepared
        ]
        self.chunks.flush()
        kept = [
            replace(file, data=b"") if file is not None and found else file
            for file, found in zip(prepared, parts, strict=True)
        ]
        columns = htype_of(spec).pack(kept, spec)
        return {**columns, "": _nulled(columns[""], parts), REF_SUFFIX: ref_column(parts)}

    def _cells(self, spec: TensorSpec, prepared: Sequence[Any]) -> dict[str, pa.Array]:
        runs = [self._run(spec, run) for run in _runs(prepared)]
        return runs[0] if len(runs) == 1 else {name: pa.concat_arrays([run[name] for run in runs]) for name in runs[0]}

    def _run(self, spec: TensorSpec, prepared: Sequence[Any]) -> dict[str, pa.Array]:
        columns = htype_of(spec).pack(prepared, spec)
        kept, refs = columns[""], pa.nulls(len(prepared), REF_TYPE)
        if self.any_tensor:
            kept, refs = moved_out(kept, self.limit, self.chunks)
        return {**columns, "": kept, REF_SUFFIX: refs}


def _runs(prepared: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The samples in runs of about `RUN_BYTES`; one run even of none."""
    count = max(1, len(prepared) * RUN_BYTES // max(1, weight(prepared)))
    for start in range(0, max(1, len(prepared)), count):
        yield prepared[start : start + count]


def _nulled(values: pa.Array, parts: Sequence[Sequence[Part] | None]) -> pa.Array:
    """`values` with null where the file lies in a chunk file."""
    gone = np.array([found is not None for found in parts], bool)
    return values.take(pa.array(np.arange(len(values)), mask=gone)) if gone.any() else values


def weight(values: Sequence[Any]) -> int:
    """About the bytes of prepared samples, from a hundred of them: counting every label would cost as much as packing.

    >>> weight([np.zeros(1000, np.uint8)] * 5000)
    5000000
    """
    some = values[:: max(1, len(values) // 100)]
    return sum(map(_bytes_of, some)) * len(values) // max(1, len(some))


def _bytes_of(value: Any) -> int:
    if isinstance(value, Payload):
        return len(value.data)
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, list | tuple):
        return sum(map(_bytes_of, value))
    return len(value) if isinstance(value, str | bytes) else 8
