"""Image bytes to pixels: straight into a given buffer, at a fraction of the size where a smaller image is wanted.

Everything slow here (simplejpeg, OpenCV) releases the GIL, so threads decode side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import LakebedError
from ..storage.codecs import MAX_PIXELS, decode_image, sniff_format
from ..storage.codecs.arrays import decode_array
from ..storage.codecs.header import check_size
from ..storage.htypes.images import force_mode
from .resize import resize_image

Image = np.ndarray[Any, np.dtype[np.uint8]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class DecodeHints:
    """What the caller does not need of full-size images.

    Attributes:
        resize: deliver images at exactly (height, width); boxes of the row are scaled with them.
        min_side: JPEGs may be decoded at 1/2, 1/4 or 1/8 while the shorter side keeps this many pixels.
    """

    resize: tuple[int, int] | None = None
    min_side: int | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels, uint8 (H, W, C), writable and C-contiguous, and the shape they had in the file."""

    pixels: Image
    source_shape: tuple[int, ...]


def decode_into(data: Bytes, mode: str | None, hints: DecodeHints, out: Image | None = None) -> Decoded:
    """Decode an image file; `out` takes the pixels if its shape fits, else a fresh array does.

    Args:
        data: the file's bytes, uint8 (n,).
        mode: "rgb", "gray" or None, as for `decode_image`.

    Raises:
        SampleError: the bytes are no whole image.
    """
    start = data[:3].tobytes()
    if start == _JPEG:
        fast = _decode_jpeg(data, mode, hints, out)
        if fast is not None:
            return fast
    pixels = decode_stored(data.data, mode)
    return _fitted(pixels, pixels.shape, hints, out)


def is_plain(data: bytes | memoryview) -> bool:
    """Whether these are pixels without an image format: as they are, or packed by lz4 or zstd."""
    return sniff_format(bytes(data[:16])) in ("npy", "lz4", "zstd")


def decode_stored(data: bytes | memoryview, mode: str | None) -> Image:
    """The pixels of a stored image of any kind. Raises SampleError."""
    if is_plain(data):
        pixels: Image = force_mode(decode_array(memoryview(data)), mode)
        return pixels
    return decode_image(data, mode=mode)


def _decode_jpeg(data: Bytes, mode: str | None, hints: DecodeHints, out: Image | None) -> Decoded | None:
    """None where the careful way must be tried: CMYK, or a fault that need not touch the pixels."""
    codec = _simplejpeg()
    if codec is None:
        return None
    try:
        height, width, space, _ = codec.decode_jpeg_header(data, strict=False)
        if space in ("CMYK", "YCCK"):
            return None
        check_size(height, width, MAX_PIXELS)
        gray = mode == "gray" or (mode is None and space == "Gray")
        shape = (height, width, 1 if gray else 3)
        least = hints.resize or ((hints.min_side, hints.min_side) if hints.min_side else None)
        if least is None:
            target = out if out is not None and out.shape == shape else np.empty(shape, np.uint8)
            codec.decode_jpeg(data, "GRAY" if gray else "RGB", buffer=target)
            return Decoded(target, shape)
        pixels = codec.decode_jpeg(
            data, "GRAY" if gray else "RGB", min_height=least[0], min_width=least[1], min_factor=2
        )
    except (ValueError, KeyError) as error:
        if isinstance(error, LakebedError):
            raise
        return None
    return _fitted(pixels, shape, hints, out)


def _fitted(pixels: Image, source: tuple[int, ...], hints: DecodeHints, out: Image | None) -> Decoded:
    size = hints.resize or pixels.shape[:2]
    target = out if out is not None and out.shape == (*size, pixels.shape[2]) else None
    return Decoded(resize_image(pixels, size[0], size[1], target), source)


@cache
def _simplejpeg() -> ModuleType | None:
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg  # type: ignore[no-any-return]  # the package has no types
