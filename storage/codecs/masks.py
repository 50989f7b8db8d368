"""Label masks as image files: pixel values are numbers, so palettes are not turned into colours."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..errors import SampleError
from .header import MAX_PIXELS, check_size, read_header

Array = np.ndarray[Any, np.dtype[Any]]

_ONE_NUMBER = ("L", "P", "1", "I")


def decode_mask(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Array:
    """The pixel values of a one-channel image file: shape (H, W), an unsigned or bool dtype as wide as the file's.

    A palette image gives its indices, not its colours.

    Raises:
        SampleError: the file has several channels, or cannot be decoded.
    """
    header = read_header(data, complete=True)
    check_size(header.height, header.width, max_pixels)
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            one = image.mode in _ONE_NUMBER or image.mode.startswith("I;16")
            pixels = np.array(image) if one else None
            mode = image.mode
    except Exception as error:  # Pillow's plug-ins raise a dozen kinds of exception for broken files
        raise SampleError(f"the {header.format} file cannot be decoded: {error}", kind="bad-image") from error
    if pixels is None:
        raise SampleError(f"found a mask file of mode {mode}, expected one channel", kind="bad-mask")
    return pixels


def encode_mask_png(mask: Array) -> bytes:
    """A mask of shape (H, W) as a gray PNG of 1, 8 or 16 bits.

    Raises:
        SampleError: a value is above 65535.
    """
    from PIL import Image

    top = int(mask.max()) if mask.size else 0
    if top > 0xFFFF or mask.size == 0:
        found = f"the value {top}" if mask.size else "an empty mask"
        raise SampleError(
            f"found {found}, which png cannot hold", kind="cannot-encode", hint="leave sample_compression out"
        )
    plain = mask if mask.dtype == np.bool_ else mask.astype(np.uint8 if top < 256 else np.uint16)
    out = io.BytesIO()
    Image.fromarray(plain).save(out, "PNG", compress_level=4)
    return out.getvalue()
