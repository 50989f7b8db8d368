"""Resizing of uint8 images: OpenCV where it is installed, Pillow otherwise."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

Image = np.ndarray[Any, np.dtype[np.uint8]]


def resize_image(image: Image, height: int, width: int, out: Image | None = None) -> Image:
    """`image` (H, W, C) at (height, width, C), bilinear; averaged over areas first when shrinking by more than two.

    Written into `out` if that is given; it must be uint8, C-contiguous, of the resulting shape.
    """
    if image.shape[:2] == (height, width):
        return _copied(image, out)
    while image.shape[0] >= 4 * height and image.shape[1] >= 4 * width:
        image = _halved(image)
    cv2 = _cv2()
    if cv2 is None:
        return _copied(_pillow(image, height, width), out)
    target = out if out is not None else np.empty((height, width, image.shape[2]), np.uint8)
    # OpenCV drops the axis of a single channel; a view without it takes the result.
    flat = target[:, :, 0] if target.shape[2] == 1 else target
    got = cv2.resize(image, (width, height), dst=flat, interpolation=cv2.INTER_LINEAR)
    if not np.shares_memory(got, flat):
        flat[...] = got
    return target


def _halved(image: Image) -> Image:
    """Every 2x2 block averaged: cheap, and it keeps thin lines that bilinear sampling would skip."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    cv2 = _cv2()
    if cv2 is not None:
        small: Image = cv2.resize(image[:height, :width], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        return small.reshape(height // 2, width // 2, image.shape[2])
    blocks = image[:height, :width].reshape(height // 2, 2, width // 2, 2, image.shape[2])
    means: Image = np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
    return means


def _copied(image: Image, out: Image | None) -> Image:
    if out is None:
        return image
    np.copyto(out, image)
    return out


def _pillow(image: Image, height: int, width: int) -> Image:
    from PIL import Image as Pillow

    plain = Pillow.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    array = np.asarray(plain.resize((width, height), Pillow.Resampling.BILINEAR), np.uint8)
    return array[:, :, None] if array.ndim == 2 else array


@cache
def _cv2() -> ModuleType | None:
    try:
        import cv2
    except ImportError:
        return None
    # Loaders bring their own threads; OpenCV's would fight them for the same cores.
    cv2.setNumThreads(1)
    return cv2
