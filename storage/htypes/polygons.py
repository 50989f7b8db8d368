"""polygon: samples that are lists of point lists of different lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from ..schema import TensorSpec
from .base import EncodeContext, Htype
from .cast import CastError, cast_safely
from .columns import fixed_list_column, flat_copy, join_rows, lengths_of, list_column, list_lengths, split_rows
from .labels import check_class_names
from .place import bad_sample, describe
from .sequence import regroup

Array = np.ndarray[Any, np.dtype[Any]]

_EXPECTED = "a list of polygons, each an array of shape (k, 2) or (k, 3), or flat as x1, y1, x2, y2, ..."
_FLOAT = np.dtype("float32")


class Polygon(Htype):
    """Samples are lists of float32 (k, 2) or (k, 3) arrays; the first polygon fixes 2 or 3. None is the empty list.

    COCO's flat lists (x1, y1, x2, y2, ...) are taken as 2-d points.
    """

    name: ClassVar[str] = "polygon"
    default_dtype: ClassVar[str | None] = "float32"

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        if "class_names" in info:
            check_class_names(info, spec.name)
        return spec

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return {"": pa.list_(pa.list_(pa.list_(pa.float32(), spec.width))) if spec.width else pa.null()}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        prepared = [_polygons(value, spec, context.first_row + row) for row, value in enumerate(values)]
        width = spec.width or next((polygon.shape[1] for polygon in chain.from_iterable(prepared)), None)
        for row, polygons in enumerate(prepared):
            for polygon in polygons:
                if polygon.shape[1] != width:
                    expected = f"points of {width} numbers"
                    raise bad_sample(spec, context.first_row + row, f"points of {polygon.shape[1]} numbers", expected)
        return replace(spec, width=width), prepared

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        if not spec.width:
            return {"": pa.nulls(len(prepared))}
        type = self.fields(spec)[""]
        polygons = list(chain.from_iterable(prepared))
        points = join_rows(polygons, _FLOAT, (spec.width,))
        return {
            "": list_column(
                fixed_list_column(points, lengths_of(polygons), type.value_type), lengths_of(prepared), type
            )
        }

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        column = cells[""]
        if pa.types.is_null(column.type):
            return [[] for _ in range(len(column))]
        polygons = column.flatten()
        points = flat_copy(polygons.flatten().flatten(), _FLOAT).reshape(-1, spec.width or 2)
        return regroup(split_rows(points, list_lengths(polygons)), list_lengths(column).tolist())

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        """(polygons, most points of one, 2 or 3) of each row."""
        column = cells[""]
        if pa.types.is_null(column.type):
            return [(0, 0, spec.width or 2)] * len(column)
        sizes = regroup(list_lengths(column.flatten()).tolist(), list_lengths(column).tolist())
        return [(len(points), max(points, default=0), spec.width or 2) for points in sizes]


def _polygons(value: Any, spec: TensorSpec, row: int) -> list[Array]:
    """The polygons of one sample as (k, width) arrays of our own."""
    if value is None:
        return []
    if not isinstance(value, list | tuple | np.ndarray):
        raise bad_sample(spec, row, describe(value), _EXPECTED)
    single = _maybe_single(value)
    return [_points(polygon, spec, row) for polygon in ([single] if single is not None else value)]


def _maybe_single(value: Any) -> Array | None:
    """The one polygon that a sample is when it is written as a plain (k, 2) or (k, 3) array."""
    if len(value) == 0 or not hasattr(value[0], "__len__") or len(value[0]) not in {2, 3}:
        return None
    return None if any(hasattr(number, "__len__") for number in value[0]) else np.array(value)


def _points(polygon: Any, spec: TensorSpec, row: int) -> Array:
    try:
        points = cast_safely(np.array(polygon, copy=True), _FLOAT)
    except CastError as error:
        raise bad_sample(spec, row, f"{describe(polygon)}: {error}", _EXPECTED) from error
    except (ValueError, TypeError) as error:
        raise bad_sample(spec, row, f"{describe(polygon)} of unequal parts", _EXPECTED) from error
    if points.ndim == 1 and points.size % 2 == 0:
        return points.reshape(-1, 2)
    if points.ndim == 2 and points.shape[1] in {2, 3}:
        return points
    raise bad_sample(spec, row, describe(points), _EXPECTED)
