"""Boxes and points follow their image when it is resized, since pixel coordinates would silently become wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..storage.errors import InvalidInputError
from ..storage.schema import Schema, TensorSpec

Array = np.ndarray[Any, np.dtype[Any]]

_PIXEL_HTYPES = frozenset({"bbox", "point", "polygon", "keypoints_coco"})
_MASK_HTYPES = frozenset({"segment_mask", "binary_mask", "instance_label"})


def pixel_tensors(specs: Iterable[TensorSpec], info: Mapping[str, Mapping[str, Any]]) -> list[TensorSpec]:
    """Tensors whose numbers are pixel coordinates of the row's image."""
    return [
        spec
        for spec in specs
        if spec.htype in _PIXEL_HTYPES and (info.get(spec.name, {}).get("coords") or {}).get("type") != "fractional"
    ]


def check_resizable(schema: Schema, images: int) -> None:
    """Refuse a resize whose effect on the other tensors is unclear.

    Raises:
        InvalidInputError: masks would no longer fit their image, or coordinates refer to one of several images.
    """
    masks = [spec.name for spec in schema if spec.htype in _MASK_HTYPES]
    if masks:
        raise InvalidInputError(
            f"resizing images would leave the masks in {', '.join(masks)} at the old size",
            kind="bad-policy",
            hint="choose other tensors, or resize images and masks together in the transform",
        )
    if images > 1 and any(spec.htype in _PIXEL_HTYPES for spec in schema):
        raise InvalidInputError(
            "with several image tensors it is unclear which one the coordinates belong to",
            kind="bad-policy",
            hint="choose one image tensor, or resize in the transform",
        )


def rescale(value: Any, spec: TensorSpec, before: tuple[int, ...], after: tuple[int, ...]) -> Any:
    """Coordinates of an image of shape `before` as those of the same image at shape `after`."""
    if tuple(before[:2]) == tuple(after[:2]):
        return value
    down, across = after[0] / before[0], after[1] / before[1]
    if spec.htype == "polygon":
        return [_scaled(part, [across, down]) for part in value]
    if spec.htype == "keypoints_coco":
        return _keypoints(value, across, down)
    factors = [across, down, across, down] if spec.htype == "bbox" else [across, down, 1.0][: value.shape[-1]]
    return _scaled(value, factors)


def _scaled(value: Array, factors: list[float]) -> Array:
    scaled = value * np.asarray(factors, np.float64)
    return (np.rint(scaled) if value.dtype.kind in "iu" else scaled).astype(value.dtype)


def _keypoints(value: Array, across: float, down: float) -> Array:
    """(3K, n): rows x, y, visibility in turn."""
    scaled = value.astype(np.float64)
    scaled[0::3] *= across
    scaled[1::3] *= down
    return np.rint(scaled).astype(value.dtype)
