"""Samples that are n items of a fixed size: boxes, 3-d boxes, points, camera intrinsics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from ..errors import SchemaError
from ..schema import TensorSpec
from .base import EncodeContext, Htype
from .cast import CastError, cast_safely
from .columns import fixed_list_column, flat_copy, join_rows, lengths_of, list_lengths, split_rows
from .place import bad_sample, describe

Array = np.ndarray[Any, np.dtype[Any]]


class ItemsHtype(Htype):
    """Samples are (n, *item) arrays of one dtype; a single item is taken as n = 1, None and [] as n = 0.

    The column is ``list<fixed_size_list<dtype, prod(item)>>``.
    """

    dtype: ClassVar[np.dtype[Any]]

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        return replace(spec, ndim=1 + len(self.item(spec)))

    @abstractmethod
    def item(self, spec: TensorSpec) -> tuple[int, ...]:
        """Shape of one item."""

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return {"": pa.list_(pa.list_(pa.from_numpy_dtype(self.dtype), prod(self.item(spec))))}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        spec = self.fix_width(values, spec, context)
        flat = self._joined(values, self.item(spec))
        if flat is not None:
            return spec, split_rows(flat, lengths_of(values))
        arrays = self._arrays(values, spec, context)
        return spec, split_rows(join_rows(arrays, self.dtype, self.item(spec)), lengths_of(arrays))

    def fix_width(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> TensorSpec:
        """`spec` with its width fixed by the first sample, for htypes that leave it open."""
        return spec

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        flat = join_rows(prepared, self.dtype, self.item(spec))
        return {"": fixed_list_column(flat, lengths_of(prepared), self.fields(spec)[""])}

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        column = cells[""]
        flat = flat_copy(column.flatten().flatten(), self.dtype).reshape(-1, *self.item(spec))
        return split_rows(flat, list_lengths(column))

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        item = self.item(spec)
        return [(length, *item) for length in list_lengths(cells[""]).tolist()]

    def _joined(self, values: Sequence[Any], item: tuple[int, ...]) -> Array | None:
        """All rows in one array if each is plainly (n, *item), or None where a row needs a closer look."""
        if set(map(type, values)) != {np.ndarray} or {value.shape[1:] for value in values} != {item}:
            return None
        try:
            flat = np.concatenate(values)
            return cast_safely(flat, self.dtype)
        except CastError:
            return None

    def _arrays(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> list[Array]:
        item = self.item(spec)
        return [self._one(value, item, spec, context.first_row + row) for row, value in enumerate(values)]

    def _one(self, value: Any, item: tuple[int, ...], spec: TensorSpec, row: int) -> Array:
        expected = f"an array of shape (n, {', '.join(map(str, item))}) and dtype {self.dtype}"
        if value is None:
            return np.zeros((0, *item), self.dtype)
        try:
            array = cast_safely(np.asarray(value), self.dtype)
        except CastError as error:
            raise bad_sample(spec, row, f"{describe(value)}: {error}", expected) from error
        except (ValueError, TypeError) as error:
            raise bad_sample(spec, row, f"{describe(value)} of unequal parts", expected) from error
        return self._shaped(array, item, spec, row, expected)

    def _shaped(self, array: Array, item: tuple[int, ...], spec: TensorSpec, row: int, expected: str) -> Array:
        if array.shape[1:] == item and array.ndim:
            return array
        if array.shape == item:
            return array[None]
        if array.shape in {(0,), (1, 0)}:
            return np.zeros((0, *item), self.dtype)
        raise bad_sample(spec, row, describe(array), expected)


class BBox(ItemsHtype):
    """Boxes, float32 (n, 4); what the four numbers mean stands in ``info["coords"]``, if anywhere."""

    name: ClassVar[str] = "bbox"
    default_dtype: ClassVar[str | None] = "float32"
    dtype = np.dtype("float32")

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        check_coords(info, spec, {"type": _BOX_TYPES, "mode": _BOX_MODES})
        return super().check_spec(spec, info)

    def item(self, spec: TensorSpec) -> tuple[int, ...]:
        return (4,)

    def data(self, sample: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        return {"value": sample, "coords": info.get("coords")}


_BOX_TYPES = ("pixel", "fractional")
_BOX_MODES = ("LTRB", "LTWH", "CCWH")
_SOLID_MODES = ("center", "vertex")


class BBox3D(ItemsHtype):
    """Solid boxes, float32: (n, 9) centre, size, rotation in degrees, or (n, 8, 3) with coords mode "vertex"."""

    name: ClassVar[str] = "bbox.3d"
    default_dtype: ClassVar[str | None] = "float32"
    dtype = np.dtype("float32")

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        check_coords(info, spec, {"mode": _SOLID_MODES})
        mode = (info.get("coords") or {}).get("mode", "center")
        return super().check_spec(replace(spec, width=24 if mode == "vertex" else 9), info)

    def item(self, spec: TensorSpec) -> tuple[int, ...]:
        return (8, 3) if spec.width == 24 else (9,)

    def data(self, sample: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        return {"value": sample, "coords": info.get("coords")}


class Intrinsics(ItemsHtype):
    """Camera matrices, float32 (n, 3, 3); one (3, 3) matrix is taken as n = 1."""

    name: ClassVar[str] = "intrinsics"
    default_dtype: ClassVar[str | None] = "float32"
    dtype = np.dtype("float32")

    def item(self, spec: TensorSpec) -> tuple[int, ...]:
        return (3, 3)


class Point(ItemsHtype):
    """Points, int32 (n, 2) or (n, 3); the first sample that holds a point fixes which."""

    name: ClassVar[str] = "point"
    default_dtype: ClassVar[str | None] = "int32"
    dtype = np.dtype("int32")

    def item(self, spec: TensorSpec) -> tuple[int, ...]:
        return (spec.width or 2,)

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return super().fields(spec) if spec.width else {"": pa.null()}

    def fix_width(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> TensorSpec:
        return spec if spec.width else replace(spec, width=first_width(values))

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        if not spec.width:
            return {"": pa.nulls(len(prepared))}
        # Rows prepared before the width was known are empty, and of the wrong width.
        return super().pack([points.reshape(-1, spec.width) for points in prepared], spec)

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        if pa.types.is_null(cells[""].type):
            return [np.zeros((0, *self.item(spec)), self.dtype) for _ in range(len(cells[""]))]
        return super().unpack(cells, spec)

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        if pa.types.is_null(cells[""].type):
            return [(0, *self.item(spec))] * len(cells[""])
        return super().shapes(cells, spec)


def first_width(values: Sequence[Any]) -> int | None:
    """The last axis of the first sample that has 2 or 3 there; None if no sample holds a point."""
    for value in values:
        array = None if value is None else np.asarray(value)
        if array is not None and array.size:
            return 3 if array.shape[-1:] == (3,) else 2
    return None


def check_coords(info: dict[str, Any], spec: TensorSpec, allowed: Mapping[str, tuple[str, ...]]) -> None:
    """Check ``info["coords"]`` against the values that each of its keys may take.

    Raises:
        SchemaError: an unknown key or value.
    """
    coords = info.get("coords")
    if coords is None:
        return
    if not isinstance(coords, Mapping):
        raise SchemaError(
            f"coords must be a dictionary, found {coords!r}",
            kind="bad-coords",
            place=f"tensor {spec.name!r}",
            hint="use " + " and ".join(f"{name!r}: one of {', '.join(values)}" for name, values in allowed.items()),
        )
    for key, value in coords.items():
        if value not in allowed.get(key, ()):
            said = "; ".join(f"{name}: {', '.join(values)}" for name, values in allowed.items())
            raise SchemaError(
                f"coords has {key}={value!r}", kind="bad-coords", place=f"tensor {spec.name!r}", hint=f"use {said}"
            )
