"""What an image file is, read from its first bytes without decoding."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, overload

from ..errors import SampleError
from .formats import COMPRESSIONS, sniff_format


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Facts of an image file; `height` and `width` are as stored, before any EXIF rotation."""

    format: str
    height: int
    width: int
    channels: int
    """Channels of the decoded array: 1 gray, 3 RGB (also for CMYK and palettes), 4 RGB and alpha."""
    mode: str
    """Pillow's name of the stored pixels: L, RGB, RGBA, CMYK, P, I;16, ..."""
    orientation: int | None = None
    """EXIF orientation 1 to 8, if the file says one."""
    progressive: bool = False


MAX_PIXELS = 178_956_970
"""Larger images are refused unless the caller allows them: a small file may unpack to gigabytes. 512 MiB as RGB."""


def check_size(height: int, width: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse an image of more than `max_pixels`.

    Raises:
        SampleError: kind "image-too-large".
    """
    if height * width > max_pixels:
        raise SampleError(
            f"the image has {width} x {height} pixels, at most {max_pixels} are decoded",
            kind="image-too-large",
            hint="make the image smaller, or pass a larger max_pixels",
        )


class _MoreNeeded(Exception):
    """The header goes on after the bytes at hand."""


@overload
def read_header(head: bytes, *, complete: Literal[True]) -> ImageHeader: ...


@overload
def read_header(head: bytes, *, complete: bool = False) -> ImageHeader | None: ...


def read_header(head: bytes, *, complete: bool = False) -> ImageHeader | None:
    """The header of an image file from its first bytes, or None if more bytes are needed.

    With `complete` the bytes are the whole file, and the answer is never None.

    Raises:
        SampleError: kind "not-an-image", "empty-file" or "bad-image".
    """
    if not head and complete:
        raise SampleError("the file is empty", kind="empty-file", hint="copy or download the file again")
    name = sniff_format(head)
    try:
        if name == "jpeg":
            return _read_jpeg(head)
        if name == "png":
            return _read_png(head)
        if name == "tiff" and not complete:
            _expect_tiff_directory(head)
        return _read_with_pillow(head, name)
    except _MoreNeeded:
        if not complete:
            return None
        raise SampleError(f"the {name} file ends inside its header", kind="truncated-image") from None


def _read_jpeg(head: bytes) -> ImageHeader:
    """Walk the segments up to the start of the scan: frame size and kind, EXIF orientation, Adobe marker."""
    orientation: int | None = None
    adobe = False
    frame: tuple[int, int, int, int] | None = None
    for marker, start, end in _jpeg_segments(head):
        if marker in _FRAME_MARKERS:
            frame = (marker, *struct.unpack_from(">HHB", head, start + 1))
        elif marker == 0xE1 and orientation is None and head[start : start + 6] == b"Exif\0\0":
            orientation = exif_orientation(head[start + 6 : end])
        elif marker == 0xEE and head[start : start + 5] == b"Adobe":
            adobe = True
    if frame is None:
        raise SampleError("the jpeg file has no image in it", kind="bad-image")
    return _jpeg_header(frame, orientation, adobe)


_FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = {0x01, *range(0xD0, 0xD9)}


def _jpeg_segments(head: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment's content, until the scan or the end of the image."""
    position = 2
    while True:
        position = head.find(b"\xff", position)
        if position < 0 or position + 4 > len(head):
            raise _MoreNeeded
        marker = head[position + 1]
        if marker in {0x00, 0xFF} or marker in _BARE_MARKERS:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in {0xDA, 0xD9}:
            return
        end = position + 2 + int.from_bytes(head[position + 2 : position + 4], "big")
        if end > len(head):
            raise _MoreNeeded
        yield marker, position + 4, end
        position = end


def _jpeg_header(frame: tuple[int, int, int, int], orientation: int | None, adobe: bool) -> ImageHeader:
    marker, height, width, components = frame
    if components not in {1, 3, 4} or width == 0 or height == 0:
        raise SampleError(f"the jpeg file says {width} x {height} pixels of {components} components", kind="bad-image")
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[components]
    channels = 1 if components == 1 else 3
    return ImageHeader(
        "jpeg", height, width, channels, mode, orientation, progressive=marker in {0xC2, 0xC6, 0xCA, 0xCE}
    )


def exif_orientation(tiff: bytes) -> int | None:
    """The orientation (1 to 8) of an EXIF block; None if it says none or makes no sense."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return None
    try:
        (offset,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, offset)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == 0x0112 and kind in {3, 4}:
                return value if 1 <= value <= 8 else None
    except struct.error:
        return None
    return None


_PNG_MODES = {0: ("L", 1), 2: ("RGB", 3), 3: ("P", 3), 4: ("LA", 4), 6: ("RGBA", 4)}


def _read_png(head: bytes) -> ImageHeader:
    """IHDR, then the chunks before the pixels: transparency of a palette, EXIF orientation."""
    if len(head) < 33:
        raise _MoreNeeded
    width, height, depth, color, _, _, interlaced = struct.unpack_from(">IIBBBBB", head, 16)
    if head[12:16] != b"IHDR" or color not in _PNG_MODES or width == 0 or height == 0:
        raise SampleError("the png file has a broken header", kind="bad-image")
    mode, channels = _PNG_MODES[color]
    mode = {(0, 1): "1", (0, 16): "I;16"}.get((color, depth), mode)
    orientation: int | None = None
    for name, start, end in _png_chunks(head):
        if name == b"tRNS" and color == 3:
            channels = 4
        elif name == b"eXIf":
            orientation = exif_orientation(head[start:end])
    return ImageHeader("png", height, width, channels, mode, orientation, progressive=bool(interlaced))


def _png_chunks(head: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, end) of each chunk's content between IHDR and the first IDAT."""
    position = 33
    while True:
        if position + 8 > len(head):
            raise _MoreNeeded
        length, name = struct.unpack_from(">I4s", head, position)
        if name in {b"IDAT", b"IEND"}:
            return
        if position + 12 + length > len(head):
            raise _MoreNeeded
        yield name, position + 8, position + 8 + length
        position += 12 + length


_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


def _expect_tiff_directory(head: bytes) -> None:
    """Raise `_MoreNeeded` where the first directory or its values go on after `head`; Pillow would warn of damage."""
    order = "<" if head[:2] == b"II" else ">"
    try:
        if struct.unpack_from(order + "H", head, 2)[0] != 42:  # BigTIFF: rare enough to be read whole
            raise _MoreNeeded
        (offset,) = struct.unpack_from(order + "I", head, 4)
        (count,) = struct.unpack_from(order + "H", head, offset)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            _, kind, number, at = struct.unpack_from(order + "HHII", head, entry)
            size = _TIFF_SIZES.get(kind, 0) * number
            if size > 4 and at + size > len(head):
                raise _MoreNeeded
    except struct.error:
        raise _MoreNeeded from None


def _read_with_pillow(head: bytes, name: str | None) -> ImageHeader:
    """Every other format: Pillow reads the header, from a part of the file where the format allows it."""
    from PIL import Image, UnidentifiedImageError

    if name is not None and (name not in COMPRESSIONS or COMPRESSIONS[name].kind != "image"):
        raise SampleError(f"found a {name} file, expected an image", kind="not-an-image")
    try:
        with Image.open(io.BytesIO(head)) as image:
            return pillow_header(image, name)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SampleError(f"the image is too large: {error}", kind="image-too-large") from error
    except (*_PILLOW_FAULTS, UnidentifiedImageError) as error:
        if name is not None and not _hopeless(head, name):
            raise _MoreNeeded from error
        raise SampleError("the file is no image of a known format", kind="not-an-image") from error


_PILLOW_FAULTS = (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, TypeError, Warning)
"""What Pillow's plug-ins raise for broken headers; warnings where the caller has made them errors."""


def _hopeless(head: bytes, name: str) -> bool:
    """Whether more bytes cannot help: the size stands in the first bytes, and it is zero."""
    return name == "gif" and len(head) >= 10 and 0 in struct.unpack_from("<HH", head, 6)


def pillow_header(image: Any, name: str | None = None) -> ImageHeader:
    """The header of an opened Pillow image."""
    orientation = image.getexif().get(0x0112)
    known = name or str(image.format).lower()
    return ImageHeader(
        format=known,
        height=image.height,
        width=image.width,
        channels=decoded_channels(image),
        mode=image.mode,
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else None,
    )


def decoded_channels(image: Any) -> int:
    """Channels that the decoded array of a Pillow image has."""
    if image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or (image.mode == "P" and "transparency" in image.info):
        return 4
    return 1 if image.mode in {"1", "L"} or image.mode.startswith("I;16") or image.mode in {"I", "F"} else 3
