"""JPEG through libjpeg-turbo (simplejpeg), which decodes twice as fast as Pillow, outside the GIL, and says more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import SampleError
from .header import check_size, read_header
from .optional import maybe_import

Image = np.ndarray[Any, np.dtype[np.uint8]]

JPEG_QUALITY = 95
"""Quality at which arrays are written as JPEG, with 4:2:0 colour."""

_DAMAGE = ("premature end of data segment", "bad huffman", "instead of rst", "inconsistent progression")

_PADDING = 16
"""Stray bytes before the end marker that are let through: some cameras pad. More of them are lost picture data."""


def maybe_decode_jpeg(
    data: bytes | memoryview, mode: str | None, min_side: int | None, max_pixels: int
) -> Image | None:
    """Decode a JPEG; None where Pillow should: CMYK, a missing end, oddities that do not touch the pixels.

    Arguments are those of `decode_image`.

    Raises:
        SampleError: kind "bad-image" where pixels are damaged (libjpeg itself would go on with gray or shifted
            blocks), "image-too-large".
    """
    simplejpeg = maybe_import("simplejpeg")
    if simplejpeg is None:
        return None
    try:
        height, width, colors, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):  # KeyError: a header cut off before the colours are known
        return None
    if colors in {"CMYK", "YCCK"}:
        return None
    check_size(height, width, max_pixels)
    space = "GRAY" if mode == "gray" or (mode is None and colors == "Gray") else "RGB"
    side, factor = (min_side, 2) if min_side else (0, 1)

    def decode(file: bytes | memoryview) -> Image:
        image: Image = simplejpeg.decode_jpeg(file, space, min_height=side, min_width=side, min_factor=factor)
        return image

    try:
        return decode(data)
    except ValueError as error:
        return _second_try(data, str(error), decode)


def _second_try(data: bytes | memoryview, warning: str, decode: Callable[[bytes], Image]) -> Image | None:
    """What the first warning leaves to do. A file without its end marker may hold all its pixels, as the decoder
    tells when it is given the marker; but not so a progressive one, of which whole scans may be missing."""
    if _is_damage(warning):
        raise SampleError(f"the jpeg file is damaged: {warning}", kind="bad-image")
    if "premature end of jpeg" not in warning.lower() or read_header(bytes(data), complete=True).progressive:
        return None
    try:
        return decode(bytes(data) + b"\xff\xd9")
    except ValueError as error:
        if _is_damage(str(error)):
            hint = "copy or download the file again"
            raise SampleError(f"the jpeg file is cut off: {error}", kind="truncated-image", hint=hint) from error
        return None


def _is_damage(warning: str) -> bool:
    """Whether a warning of libjpeg means that pixels are wrong."""
    text = warning.lower()
    stray = re.search(r"(\d+) extraneous bytes before marker 0xd9", text)
    return any(known in text for known in _DAMAGE) or (stray is not None and int(stray[1]) > _PADDING)


def maybe_encode_jpeg(pixels: Image, quality: int) -> bytes | None:
    """Pixels of shape (H, W, 1 | 3 | 4) as a JPEG, alpha left out; None if simplejpeg is not installed."""
    simplejpeg = maybe_import("simplejpeg")
    if simplejpeg is None:
        return None
    space, sampling = ("GRAY", "Gray") if pixels.shape[2] == 1 else ("RGB", "420")
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels[:, :, :3]), quality, space, sampling)
    return data
