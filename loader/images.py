"""One image on its way into a view: looked at, decoded once to prove it whole, kept or encoded by the policy."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..storage.codecs import (
    COMPRESSIONS,
    ImageHeader,
    decode_image,
    encode_image,
    normalise_compression,
    read_header,
    sniff_format,
)
from ..storage.codecs.image import header_info
from ..storage.schema import TensorSpec
from .decode import decode_stored, is_plain
from .options import ImagePolicy
from .resize import resize_image
from .transcode import maybe_baseline

Image = np.ndarray[Any, np.dtype[np.uint8]]
Done = Literal["kept", "baseline", "encoded", "resized"]

_HEAD_BYTES = 16 << 10
"""What nearly every JPEG says of itself before its pixels begin."""


@dataclass(frozen=True, slots=True)
class ImageCell:
    """An image as the view stores it."""

    data: bytes | memoryview
    shape: tuple[int, int, int]
    info: Mapping[str, Any]
    done: Done
    source_shape: tuple[int, int, int]
    """Shape before resizing: what boxes of the row refer to."""


def is_image(spec: TensorSpec) -> bool:
    """Whether a tensor holds one image per row."""
    return spec.htype.split(".")[0] == "image" and not spec.sequence


def image_mode(spec: TensorSpec) -> str | None:
    """What `decode_image` is to deliver for this tensor."""
    return {"image.rgb": "rgb", "image.gray": "gray"}.get(spec.htype)


def prepare_image(data: bytes | memoryview, spec: TensorSpec, policy: ImagePolicy) -> ImageCell:
    """Check an image file and bring it into the form that `policy` asks for.

    Raises:
        SampleError: it cannot be decoded, or not be encoded as the tensor's `sample_compression`.
    """
    if is_plain(data):
        return _plain(data, spec, policy)
    header = _header_of(data)
    if policy.kind == "verbatim" or (policy.kind == "passthrough" and _fits(header, spec)):
        return _kept(data, header, spec, policy)
    pixels = decode_image(data, mode=image_mode(spec))
    if policy.resizes:
        return _resized(pixels, policy)
    compression = normalise_compression(spec.sample_compression or spec.chunk_compression) or "png"
    return _cell(encode_image(pixels, compression), pixels.shape, "encoded", pixels.shape)


def _header_of(data: bytes | memoryview) -> ImageHeader:
    """The header of a whole file, of which as little as possible is copied."""
    head = bytes(data[:_HEAD_BYTES])
    found = read_header(head) if len(data) > _HEAD_BYTES and sniff_format(head) == "jpeg" else None
    return found if found is not None else read_header(bytes(data), complete=True)


def _plain(data: bytes | memoryview, spec: TensorSpec, policy: ImagePolicy) -> ImageCell:
    """Pixels that the tensor keeps without an image format."""
    pixels = decode_stored(data, image_mode(spec))
    if policy.resizes:
        return _resized(pixels, policy)
    info = {"format": sniff_format(bytes(data[:16])), "bytes": len(data)}
    return ImageCell(data, _shape(pixels), info, "kept", _shape(pixels))


def _resized(pixels: Image, policy: ImagePolicy) -> ImageCell:
    return _raw(pixels, policy) if policy.kind == "raw" else _smaller_jpeg(pixels, policy)


def _fits(header: ImageHeader, spec: TensorSpec) -> bool:
    """Whether the file may stay as it is; a tensor of forced channels forces them when it is read."""
    compression = normalise_compression(spec.sample_compression or spec.chunk_compression)
    if compression is None or COMPRESSIONS[compression].kind != "image":
        return True
    return header.format == compression


def _kept(data: bytes | memoryview, header: ImageHeader, spec: TensorSpec, policy: ImagePolicy) -> ImageCell:
    shape = _proven_shape(data, header, image_mode(spec))
    if policy.kind == "passthrough" and header.format == "jpeg" and header.progressive:
        again = maybe_baseline(bytes(data))
        if again is not None and np.array_equal(decode_image(again), decode_image(data)):
            return _cell(again, shape, "baseline", shape)
    return ImageCell(data, shape, header_info(header, len(data)), "kept", shape)


def _proven_shape(data: bytes | memoryview, header: ImageHeader, mode: str | None) -> tuple[int, int, int]:
    """Shape of the pixels in a file that was decoded to prove it whole."""
    if header.format != "jpeg":
        return _three(decode_image(data, mode=mode).shape)
    # Every bit of a JPEG is read at an eighth of its size and without its colours too, for three fifths of the time.
    decode_image(data, mode="gray", min_side=1)
    return header.height, header.width, {"gray": 1, "rgb": 3}.get(mode or "", header.channels)


def _smaller_jpeg(pixels: Image, policy: ImagePolicy) -> ImageCell:
    height, width = pixels.shape[:2]
    scale = policy.short_side / min(height, width)
    small = pixels
    if scale < 1:
        small = resize_image(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    data = encode_image(small, "jpeg", quality=policy.quality)
    shape = (*small.shape[:2], 1 if small.shape[2] == 1 else 3)
    return _cell(data, shape, "resized", pixels.shape)


def _raw(pixels: Image, policy: ImagePolicy) -> ImageCell:
    fitted = resize_image(pixels, policy.height, policy.width)
    data = npy_bytes(fitted)
    return ImageCell(data, _shape(fitted), {"format": "npy", "bytes": len(data)}, "resized", _shape(pixels))


def npy_bytes(pixels: Image) -> bytes:
    """Plain pixels behind the 128-byte header of NumPy's own file format, which every reader of images here knows."""
    out = io.BytesIO()
    np.save(out, pixels)
    return out.getvalue()


def _cell(data: bytes, shape: tuple[int, ...], done: Done, source: tuple[int, ...]) -> ImageCell:
    header = read_header(data, complete=True)
    return ImageCell(data, _three(shape), header_info(header, len(data)), done, _three(source))


def _shape(pixels: Image) -> tuple[int, int, int]:
    return _three(pixels.shape)


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width, channels = shape
    return height, width, channels
