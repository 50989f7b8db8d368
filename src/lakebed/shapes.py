"""Shapes of samples without decoding them: of one row, of many, and the smallest and largest of each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .indexing import RowArray
from .storage.big_cells import elsewhere
from .storage.htypes import htype_of
from .storage.payloads import REF_SUFFIX
from .storage.schema import TensorSpec
from .storage.selection import Selection
from .storage.snapshot import Snapshot
from .storage.source import SampleSource
from .stored import stored_cells

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShapeInterval:
    """The smallest and largest extent of each axis, the row axis first.

    >>> print(ShapeInterval((11, 0, 4), (11, 3, 4)))
    (11, 0:3, 4)
    """

    lower: Shape
    upper: Shape

    @property
    def is_dynamic(self) -> bool:
        return self.lower != self.upper

    def fixed(self) -> tuple[int | None, ...]:
        """The extents, None where samples differ."""
        return tuple(low if low == high else None for low, high in zip(self.lower, self.upper))

    def __str__(self) -> str:
        axes = [str(low) if low == high else f"{low}:{high}" for low, high in zip(self.lower, self.upper)]
        return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"

    __repr__ = __str__


def sample_shapes(source: SampleSource, tensor: str, rows: RowArray) -> list[Shape]:
    """The shape of each sample of `rows`; samples are decoded only if nothing recorded says it."""
    spec = source.schema[tensor]
    known = htype_of(spec).shapes(_shape_cells(source, spec, rows), spec)
    if known is not None:
        return known
    return [shape_of(sample) for sample in source.read(tensor, rows)]


def shape_interval(source: SampleSource, tensor: str, rows: RowArray) -> ShapeInterval:
    """Extents over `rows`; axes that some samples lack count as 0 in the lower bound."""
    shapes = set(sample_shapes(source, tensor, rows))
    if not shapes:
        return ShapeInterval((len(rows),), (len(rows),))
    axes = max(len(shape) for shape in shapes)
    padded = np.zeros((len(shapes), axes), dtype=np.int64)
    for place, shape in enumerate(shapes):
        padded[place, : len(shape)] = shape
    low, high = padded.min(axis=0).tolist(), padded.max(axis=0).tolist()
    return ShapeInterval((len(rows), *low), (len(rows), *high))


def shape_of(sample: Any) -> Shape:
    """The shape of a decoded sample as `numpy()` would give it: text and json count as one element."""
    if isinstance(sample, np.ndarray):
        return tuple(sample.shape)
    if isinstance(sample, (list, tuple)):
        inner = {shape_of(item) for item in sample if isinstance(item, np.ndarray)}
        return (len(sample), *(inner.pop() if len(inner) == 1 else ()))
    return (1,)


def _shape_cells(source: SampleSource, spec: TensorSpec, rows: RowArray) -> dict[str, pa.Array]:
    """Cells that say the shapes; of big ones only that they are there, where that is enough."""
    htype = htype_of(spec)
    if htype.shape_without_value and isinstance(source, (Snapshot, Selection)):
        return _with_stand_ins(source.stored(spec.name, rows))
    cells = stored_cells(source, spec, rows)
    if htype.is_payload and ".shape" in cells:
        # A materialised view shows no files here; a row that has a shape has one.
        cells[""] = pc.if_else(cells[".shape"].is_valid(), b"", pa.scalar(None, pa.binary())).cast(cells[""].type)
    return cells


def _with_stand_ins(cells: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """The cells with an empty text or file where a big one lies in a chunk file; of arrays `.shape` says enough."""
    refs = cells.pop(REF_SUFFIX, None)
    kind = cells[""].type
    if refs is not None and not pa.types.is_list(kind):
        cells[""] = pc.if_else(pa.array(elsewhere(refs)), pa.scalar(b"", pa.binary()).cast(kind), cells[""])
    return cells
