"""File formats of samples: what a file is, what its header says, and how it is decoded and encoded.

Nothing here knows tensors or rows: errors are `SampleError` with an empty place, which the caller fills in.
"""

from __future__ import annotations

from .formats import COMPRESSIONS, Compression, normalise_compression, sniff_format
from .header import MAX_PIXELS, ImageHeader, read_header
from .image import decode_image, encode_image

__all__ = [
    "COMPRESSIONS",
    "MAX_PIXELS",
    "Compression",
    "ImageHeader",
    "decode_image",
    "encode_image",
    "normalise_compression",
    "read_header",
    "sniff_format",
]
