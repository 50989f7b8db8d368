"""Image files to uint8 arrays and back.

Decoded images are always (height, width, channels) in RGB order: 1 channel for gray, 3 for colour, 4 with alpha.
CMYK, Lab and YCbCr become RGB; palettes become RGB, or RGBA where an entry is transparent; a colour key of a gray or
RGB PNG (tRNS) is left out. 16-bit samples keep their upper 8 bits, so that full white stays full white. Of an animation
or a multi-page file the first picture is taken. EXIF rotation is not applied.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..errors import SampleError
from .formats import COMPRESSIONS, PILLOW_NAMES
from .header import MAX_PIXELS, ImageHeader, check_size, read_header
from .jpeg import JPEG_QUALITY, maybe_decode_jpeg, maybe_encode_jpeg

Image = np.ndarray[Any, np.dtype[np.uint8]]


def decode_image(
    data: bytes | memoryview, *, mode: str | None = None, min_side: int | None = None, max_pixels: int = MAX_PIXELS
) -> Image:
    """Decode an image file to a writable, C-contiguous uint8 array of shape (H, W, C).

    Args:
        mode: "rgb" for 3 channels (alpha dropped, gray repeated), "gray" for 1; None keeps what the file has.
        min_side: a hint: a JPEG may be decoded at a fraction of its size, as long as its shorter side keeps at
            least this many pixels.
        max_pixels: height times width above this is refused.

    Raises:
        SampleError: kind "not-an-image", "truncated-image", "bad-image", "image-too-large", "empty-file".
            A file whose pixels are damaged or missing is refused, never returned in part.
    """
    # Arrow's buffers show themselves as signed bytes, which the fast decoder does not take.
    view = data if isinstance(data, bytes) else memoryview(data).cast("B")
    if bytes(view[:3]) == b"\xff\xd8\xff":
        fast = maybe_decode_jpeg(view, mode, min_side, max_pixels)
        if fast is not None:
            return fast
    return _decode_with_pillow(bytes(data), mode, max_pixels)


def _decode_with_pillow(data: bytes, mode: str | None, max_pixels: int) -> Image:
    header = read_header(data, complete=True)
    check_size(header.height, header.width, max_pixels)
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(data)) as image:
            image.load()
            return _pixels(image, mode)
    except SampleError:
        raise
    except Pillow.DecompressionBombError as error:
        raise SampleError(f"the image is too large: {error}", kind="image-too-large") from error
    except Exception as error:  # Pillow's plug-ins raise a dozen kinds of exception for broken files
        kind = "truncated-image" if "truncated" in str(error) else "bad-image"
        raise SampleError(f"the {header.format} file cannot be decoded: {error}", kind=kind) from error


_DIRECT = {"L", "RGB", "RGBA"}


def _pixels(image: Any, mode: str | None) -> Image:
    """The pixels of a loaded Pillow image, in the mode asked for."""
    plain = _plain(image)
    wanted = {"rgb": "RGB", "gray": "L", None: plain.mode}[mode]
    if plain.mode != wanted:
        plain = plain.convert(wanted)
    array = np.array(plain, np.uint8)
    return array[:, :, None] if array.ndim == 2 else array


def _plain(image: Any) -> Any:
    """The image as L, RGB or RGBA."""
    if image.mode in _DIRECT:
        return image
    if image.mode.startswith("I;16"):
        return _from_16_bit(np.asarray(image))
    if image.mode == "I":
        return _from_16_bit(_within_16_bit(np.asarray(image)))
    if image.mode == "F":
        raise SampleError(
            "the image holds 32-bit floats, which have no 8-bit form", kind="bad-image", hint="use htype 'generic'"
        )
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    return image.convert(_TARGETS.get(image.mode) or ("RGBA" if "transparency" in image.info else "RGB"))


_TARGETS = {
    "1": "L",
    "LA": "RGBA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "La": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
}


def _from_16_bit(array: np.ndarray[Any, np.dtype[Any]]) -> Any:
    from PIL import Image as Pillow

    return Pillow.fromarray((array >> 8).astype(np.uint8))


def _within_16_bit(array: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    if array.size and (array.min() < 0 or array.max() > 65535):
        raise SampleError(
            "the image holds 32-bit integers, which have no 8-bit form", kind="bad-image", hint="use htype 'generic'"
        )
    return array


def _lab_to_rgb(image: Any) -> Any:
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")


def encode_image(array: Image, compression: str, *, quality: int = JPEG_QUALITY) -> bytes:
    """Write a uint8 array of shape (H, W) or (H, W, 1 | 3 | 4) as an image file.

    JPEG is written at `quality` with 4:2:0 colour; formats without alpha get the colours alone. WebP has no gray: it
    reads back with three channels.

    Raises:
        SampleError: kind "bad-array" or "cannot-encode".
    """
    pixels = check_pixels(array)
    if not COMPRESSIONS[compression].encodes:
        raise SampleError(f"arrays cannot be written as {compression}", kind="cannot-encode", hint="append files")
    if compression == "jpeg":
        data = maybe_encode_jpeg(pixels, quality)
        if data is not None:
            return data
    return _encode_with_pillow(pixels, compression, quality)


def check_pixels(array: Image) -> Image:
    """The array as uint8 (H, W, C) with C one of 1, 3, 4.

    Raises:
        SampleError: kind "bad-array".
    """
    pixels = array[:, :, None] if array.ndim == 2 else array
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in {1, 3, 4} or 0 in pixels.shape:
        raise SampleError(
            f"found an array of shape {array.shape}, {array.dtype}, expected uint8 (H, W) or (H, W, 1 | 3 | 4)",
            kind="bad-array",
            hint=_how_to_fit(array),
        )
    return pixels


def _how_to_fit(array: Image) -> str:
    """What makes pixels of the commonest other kinds fit; "" where nothing is known."""
    if array.dtype.kind == "f":
        return "scale it to 0 to 255 and cast: (image * 255).astype(np.uint8)"
    if array.dtype != np.uint8:
        return "images have 8 bits a channel; keep others in a tensor of htype 'generic'"
    if array.ndim == 3 and array.shape[0] in {1, 3, 4}:
        return "channels come last: np.transpose(image, (1, 2, 0))"
    return ""


def _encode_with_pillow(pixels: Image, compression: str, quality: int) -> bytes:
    from PIL import Image as Pillow

    image = Pillow.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    options: dict[str, Any] = {"quality": quality} if compression in {"jpeg", "webp"} else {}
    if image.mode == "RGBA" and compression not in _KEEPS_ALPHA:
        image = image.convert("RGB")
    out = io.BytesIO()
    try:
        image.save(out, PILLOW_NAMES.get(compression, compression.upper()), **options)
    except (OSError, ValueError, KeyError) as error:
        shape = "x".join(map(str, pixels.shape))
        raise SampleError(
            f"a {shape} array cannot be written as {compression}: {error}", kind="cannot-encode"
        ) from error
    return out.getvalue()


_KEEPS_ALPHA = {"png", "webp", "tiff", "gif", "ico", "jpeg2000", "tga", "sgi"}


def ends_whole(data: bytes, format: str) -> bool:
    """A cheap sign that a file was not cut off: its end marker is there. False only means: decode it to know."""
    if format == "jpeg":
        return data.rfind(b"\xff\xd9", max(0, len(data) - 4096)) > 0
    if format == "png":
        return b"IEND" in data[-64:]
    return False


def header_info(header: ImageHeader, size: int) -> dict[str, Any]:
    """The sample info that is stored beside an image of `size` bytes."""
    info: dict[str, Any] = {"format": header.format, "mode": header.mode, "bytes": size}
    if header.orientation is not None:
        info["orientation"] = header.orientation
    if header.progressive:
        info["progressive"] = True
    return info
