"""Images: image, image.rgb, image.gray."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..codecs.arrays import decode_array, encode_array
from ..codecs.formats import COMPRESSIONS, sniff_format
from ..codecs.header import ImageHeader, check_size, read_header
from ..codecs.image import check_pixels, decode_image, encode_image, ends_whole, header_info
from ..errors import SampleError
from ..schema import TensorSpec
from .base import Payload
from .payload import Facts, PayloadHtype

Array = np.ndarray[Any, np.dtype[Any]]


class Image(PayloadHtype):
    """Samples are uint8 (H, W, C) in RGB order, C = 1 (gray), 3 or 4 (alpha); stored as image files.

    A file whose format is the tensor's is kept byte for byte; another, or an array, is encoded.
    """

    name: ClassVar[str] = "image"
    default_dtype: ClassVar[str | None] = "uint8"
    kinds: ClassVar[tuple[str, ...]] = ("image", "array")
    needs_compression: ClassVar[bool] = True
    mode: ClassVar[str | None] = None
    """The channels forced on decoding: "rgb", "gray" or None."""

    def from_file(self, data: bytes, spec: TensorSpec) -> Payload:
        codec = codec_of(spec)
        header = read_header(data, complete=True)
        check_size(header.height, header.width)
        if codec not in {header.format, _ALSO.get(header.format)}:
            return self._encoded(decode_image(data, mode=self.mode), codec, header)
        if not ends_whole(data, header.format):
            decode_image(data)
        return Payload(data, self._shape(header), header_info(header, len(data)))

    def from_array(self, array: Array, spec: TensorSpec) -> Payload:
        pixels = check_pixels(array)
        codec = codec_of(spec)
        if codec == "jpeg" and pixels.shape[2] == 4 and self.mode is None:
            raise SampleError(
                "found an array with alpha, which jpeg cannot hold",
                kind="cannot-encode",
                hint="use sample_compression='png', htype='image.rgb', or drop the fourth channel",
            )
        return self._encoded(pixels, codec, None)

    def _encoded(self, pixels: Array, codec: str, source: ImageHeader | None) -> Payload:
        forced = force_mode(pixels, self.mode)
        if COMPRESSIONS[codec].kind == "array":
            return Payload(encode_array(forced, codec), forced.shape, {"format": codec})
        data = encode_image(forced, codec)
        header = read_header(data, complete=True)
        info = header_info(header, len(data))
        if source is not None and source.orientation is not None:
            # The pixels are as they were stored, so what the source said of its rotation still holds.
            info["orientation"] = source.orientation
        return Payload(data, self._shape(header), info)

    def _shape(self, header: ImageHeader) -> tuple[int, int, int]:
        channels = {"rgb": 3, "gray": 1, None: header.channels}[self.mode]
        return (header.height, header.width, channels)

    def inspect(self, head: bytes, size: int, spec: TensorSpec, *, complete: bool) -> Facts | None:
        header = read_header(head, complete=complete)
        if header is None:
            return None
        check_size(header.height, header.width)
        return self._shape(header), header_info(header, size)

    def decode(self, data: memoryview, shape: tuple[int, ...] | None, spec: TensorSpec) -> Any:
        if sniff_format(bytes(data[:16])) in {"lz4", "zstd", "npy"}:
            return force_mode(decode_array(data), self.mode)
        return decode_image(data, mode=self.mode)

    def empty(self, spec: TensorSpec) -> Any:
        return np.zeros((0, 0, 1 if self.mode == "gray" else 3), np.uint8)


class ImageRGB(Image):
    """Images that always have 3 channels: gray is repeated, alpha dropped."""

    name: ClassVar[str] = "image.rgb"
    mode: ClassVar[str | None] = "rgb"


class ImageGray(Image):
    """Images that always have 1 channel, the ITU-R 601 luma of colours."""

    name: ClassVar[str] = "image.gray"
    mode: ClassVar[str | None] = "gray"


_ALSO = {"jpeg": "mpo", "bmp": "dib"}
"""Formats that begin like another one, and are read as it: a multi-picture JPEG is a JPEG followed by others."""


def codec_of(spec: TensorSpec) -> str:
    """The compression of the samples; for links that were given none, PNG, which loses nothing."""
    return spec.sample_compression or spec.chunk_compression or "png"


def force_mode(pixels: Array, mode: str | None) -> Array:
    """The pixels with the channels that `mode` asks for."""
    channels = pixels.shape[2]
    if mode == "rgb" and channels != 3:
        return np.repeat(pixels, 3, axis=2) if channels == 1 else np.ascontiguousarray(pixels[:, :, :3])
    if mode == "gray" and channels != 1:
        luma = pixels[:, :, :3] @ np.array([0.299, 0.587, 0.114])
        return np.asarray(np.rint(luma), np.uint8)[:, :, None]
    return pixels
