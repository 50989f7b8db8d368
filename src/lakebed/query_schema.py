"""Tensors as the query language sees them: which kind of column each htype is, and where its parts lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .storage.schema import TensorSpec
from .storage.source import SampleSource
from .tql.schema import ColumnInfo, DatasetSchema, Kind

KINDS = {
    "class_label": Kind.LABEL,
    "bbox": Kind.BOX,
    "text": Kind.TEXT,
    "json": Kind.JSON,
    "list": Kind.JSON,
    "tag": Kind.TAG,
}
PAYLOADS = frozenset(
    {"segment_mask", "binary_mask", "instance_label", "video", "audio", "dicom", "nifti", "mesh", "point_cloud"}
)


def schema_of(source: SampleSource) -> DatasetSchema:
    """The columns that a query over `source` may name; hidden tensors are left out."""
    return DatasetSchema(tuple(column_of(spec, source.info(spec.name)) for spec in source.schema if not spec.hidden))


def column_of(spec: TensorSpec, info: Mapping[str, Any]) -> ColumnInfo:
    """One tensor as a column."""
    kind = kind_of(spec)
    coords = info.get("coords") or {}
    payload = kind is Kind.IMAGE
    has_shape = payload or (kind is Kind.ARRAY and spec.ndim != 1)
    return ColumnInfo(
        name=spec.name,
        kind=kind,
        value=spec.column,
        dtype=spec.dtype or ("str" if kind in (Kind.TEXT, Kind.TAG) else ""),
        ndim=spec.ndim,
        shape=f"{spec.column}.shape" if has_shape and (not payload or spec.create_shape_tensor) else None,
        info=f"{spec.column}.info" if payload and spec.create_sample_info_tensor else None,
        url=spec.column if spec.link else None,
        class_names=tuple(map(str, info.get("class_names") or ())),
        coords=(str(coords.get("type", "pixel")), str(coords.get("mode", "LTWH"))),
    )


def kind_of(spec: TensorSpec) -> Kind:
    """How the cells of a tensor behave in a query."""
    if spec.link or spec.sequence or spec.htype.startswith("image") or spec.htype in PAYLOADS:
        return Kind.IMAGE
    if spec.htype in KINDS:
        return KINDS[spec.htype]
    return Kind.SCALAR if spec.ndim == 0 and spec.htype == "generic" else Kind.ARRAY
