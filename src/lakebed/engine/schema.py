"""Tensors as the query language sees them: which kind of column each is, and where its parts lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ..storage.htypes import htype_of
from ..storage.htypes.sequence import inner_spec
from ..storage.schema import TensorSpec
from ..storage.source import SampleSource
from ..tql.schema import ColumnInfo, DatasetSchema, Kind

NAMED_KINDS = {
    "class_label": Kind.LABEL,
    "bbox": Kind.BOX,
    "text": Kind.TEXT,
    "json": Kind.JSON,
    "list": Kind.JSON,
    "tag": Kind.TAG,
}


def schema_of(source: SampleSource) -> DatasetSchema:
    """The columns that a query over `source` may name; hidden tensors are left out."""
    return DatasetSchema(tuple(column_of(spec, source.info(spec.name)) for spec in source.schema if not spec.hidden))


def column_of(spec: TensorSpec, info: Mapping[str, Any]) -> ColumnInfo:
    """One tensor as a column."""
    fields = htype_of(spec).fields(spec)
    stored = fields[""].value_type if spec.sequence else fields[""]
    kind = kind_of(spec, stored)
    coords = info.get("coords") or {}
    with_shape = kind in (Kind.ARRAY, Kind.IMAGE)
    return ColumnInfo(
        name=spec.name,
        kind=kind,
        value=spec.column,
        dtype=spec.dtype or ("str" if kind in (Kind.TEXT, Kind.TAG) else ""),
        ndim=spec.ndim,
        shape=f"{spec.column}.shape" if with_shape and ".shape" in fields else None,
        info=f"{spec.column}.info" if kind is Kind.IMAGE and ".info" in fields and not spec.sequence else None,
        url=spec.column if spec.link and not spec.sequence else None,
        class_names=tuple(map(str, info.get("class_names") or ())),
        coords=(str(coords.get("type", "pixel")), str(coords.get("mode", "LTWH"))),
        sequence=spec.sequence,
        item=item_shape(spec, stored) if kind is Kind.ARRAY else (),
    )


def kind_of(spec: TensorSpec, stored: pa.DataType) -> Kind:
    """How the cells of a tensor, or of a sequence's items, behave; what no query looks into (files) is an image."""
    if spec.link:
        return Kind.IMAGE
    if spec.htype in NAMED_KINDS:
        return NAMED_KINDS[spec.htype]
    if pa.types.is_null(stored):
        return Kind.ARRAY
    if pa.types.is_list(stored):
        inner = stored.value_type
        return Kind.IMAGE if pa.types.is_list(inner) else Kind.ARRAY
    return Kind.IMAGE if pa.types.is_large_binary(stored) else Kind.SCALAR


def item_shape(spec: TensorSpec, stored: pa.DataType) -> tuple[int, ...]:
    """Shape of one element of ``list<fixed_size_list>``, else ()."""
    if not pa.types.is_list(stored) or not pa.types.is_fixed_size_list(stored.value_type):
        return ()
    item = getattr(htype_of(inner_spec(spec)), "item", None)
    return tuple(item(spec)) if item is not None else (stored.value_type.list_size,)
