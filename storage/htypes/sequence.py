"""sequence[X]: samples that are lists of samples of an inner htype; every column becomes a list of the inner one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from ...errors import LakebedError
from ..schema import TensorSpec
from .base import EncodeContext, Htype
from .columns import lengths_of, list_column, list_lengths
from .place import UnpackError, bad_sample, describe, row_place


class SequenceHtype(Htype):
    """Lists of inner samples; None and [] are the empty sequence. A row's files are one cell (`list<large_binary>`)."""

    name: ClassVar[str] = "sequence"

    def __init__(self, inner: Htype) -> None:
        self.inner = inner

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        return replace(self.inner.check_spec(inner_spec(spec), info), sequence=True)

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return {suffix: pa.list_(type) for suffix, type in self.inner.fields(inner_spec(spec)).items()}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        rows = [_as_items(value, spec, context.first_row + row) for row, value in enumerate(values)]
        flat = list(chain.from_iterable(rows))
        inner = EncodeContext(context.info, 0, context.fetch, context.head)
        try:
            done, prepared = self.inner.prepare(flat, inner_spec(spec), inner)
        except LakebedError as error:
            raise _renumbered(error, rows, spec, context) from error
        items = iter(prepared)
        return replace(done, sequence=True), [[next(items) for _ in row] for row in rows]

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        packed = self.inner.pack(list(chain.from_iterable(prepared)), inner_spec(spec))
        return unflatten(packed, lengths_of(prepared).tolist())

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        flat, lengths = flatten(cells)
        try:
            return regroup(self.inner.unpack(flat, inner_spec(spec)), lengths)
        except UnpackError as error:
            row, item = _locate(error.index, lengths)
            place = f"tensor {spec.name!r}, sample {row} of those read, item {item}"
            raise UnpackError(error.message, kind=error.kind, place=place, hint=error.hint, index=row) from error

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        """(length, *largest inner shape) of each row."""
        flat, lengths = flatten(cells)
        shapes = self.inner.shapes(flat, inner_spec(spec))
        if shapes is None:
            return None
        return [(len(group), *_largest(group)) for group in regroup(shapes, lengths)]

    def data(self, sample: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        return {"value": sample}


def inner_spec(spec: TensorSpec) -> TensorSpec:
    """The spec of one item of the sequence."""
    return replace(spec, sequence=False)


def flatten(cells: Mapping[str, pa.Array]) -> tuple[dict[str, pa.Array], list[int]]:
    """Cells of all items one after the other, and how many items each row has.

    Readers of ``sequence[link[X]]`` flatten, put payloads in the place of links, and `unflatten`.
    """
    lengths: list[int] = list_lengths(cells[""]).tolist()
    return {suffix: column.flatten() for suffix, column in cells.items()}, lengths


def unflatten(cells: Mapping[str, pa.Array], lengths: Sequence[int]) -> dict[str, pa.Array]:
    """The inverse of `flatten`: columns whose rows are lists of `lengths` items."""
    counts = np.asarray(lengths, np.int64)
    return {suffix: list_column(items, counts, pa.list_(items.type)) for suffix, items in cells.items()}


def regroup(items: Sequence[Any], lengths: Sequence[int]) -> list[list[Any]]:
    """The same for decoded items."""
    rest = iter(items)
    return [[next(rest) for _ in range(length)] for length in lengths]


def _as_items(value: Any, spec: TensorSpec, row: int) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return list(value)
    raise bad_sample(spec, row, describe(value), f"a list of {spec.htype} samples")


def _largest(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    if not shapes or len({len(shape) for shape in shapes}) > 1:
        return ()
    return tuple(max(sizes) for sizes in zip(*shapes, strict=True))


def _renumbered(
    error: LakebedError, rows: Sequence[Sequence[Any]], spec: TensorSpec, context: EncodeContext
) -> LakebedError:
    """The inner error, with the row and the item in place of the item's flat number."""
    head, _, rest = error.place.removeprefix(f"tensor {spec.name!r}, row ").partition(",")
    place = error.place
    if head.split(" ")[0].isdigit():
        number, _, tail = head.partition(" ")
        row, item = _locate(int(number), [len(items) for items in rows])
        more = f" {tail}" if tail else ""
        place = f"{row_place(spec, context.first_row + row)}, item {item}{more}" + (f",{rest}" if rest else "")
    return type(error)(error.message, kind=error.kind, place=place, hint=error.hint)


def _locate(number: int, lengths: Sequence[int]) -> tuple[int, int]:
    """Row and item of an item's flat number."""
    for row, length in enumerate(lengths):
        if number < length:
            return row, number
        number -= length
    return len(lengths), number
