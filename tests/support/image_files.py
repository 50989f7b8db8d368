"""Image files made on the spot: one of each oddity that real collections hold, with what decoding must give."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file, and the outcome of decoding it: a shape and mean, or the kind of the error."""

    name: str
    data: bytes
    shape: tuple[int, int, int] | None = None
    mean: float | None = None
    """Expected mean of the decoded array, None where only the shape is fixed."""
    kind: str = ""


def photo(height: int = 48, width: int = 64) -> Pixels:
    """A smooth colour picture with some texture, always the same."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    grain = np.random.default_rng(7).normal(0, 6, (height, width))
    planes = (x / width * 255, y / height * 255, (x + y) / (width + height) * 255)
    return np.stack([np.clip(plane + grain, 0, 255) for plane in planes], axis=2).astype(np.uint8)


def save(image: Image.Image, format: str, **options: Any) -> bytes:
    """The image as a file of a Pillow format."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def jpeg(pixels: Pixels | None = None, **options: Any) -> bytes:
    """A JPEG of `pixels`, or of `photo()`."""
    return save(Image.fromarray(photo() if pixels is None else pixels), "JPEG", **{"quality": 92, **options})


def png(pixels: Pixels | None = None, **options: Any) -> bytes:
    """A PNG of `pixels`, or of `photo()`."""
    return save(Image.fromarray(photo() if pixels is None else pixels), "PNG", **options)


def rotated_exif(orientation: int) -> bytes:
    """An EXIF block that says only the orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def bomb_png(side: int) -> bytes:
    """A PNG of a few hundred bytes that claims side x side pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def made_files() -> list[MadeFile]:
    """The stand-ins for a collection of odd files."""
    picture = Image.fromarray(photo())
    plain = photo()
    whole = jpeg()
    mean = float(plain.mean())
    gray = np.asarray(picture.convert("L"))
    deep = (np.arange(48 * 64, dtype=np.uint16) * 21).reshape(48, 64)
    alpha = np.dstack([plain, np.full((48, 64, 1), 128, np.uint8)])
    palette = picture.quantize(32)
    wide, high = (48, 64, 3), (48, 64)
    return [
        MadeFile("plain.jpg", whole, wide, mean),
        MadeFile("gray.jpg", save(picture.convert("L"), "JPEG"), (*high, 1), float(gray.mean())),
        MadeFile("cmyk.jpg", save(picture.convert("CMYK"), "JPEG", quality=95), wide, mean),
        MadeFile("progressive.jpg", jpeg(progressive=True), wide, mean),
        MadeFile("rotated.jpg", jpeg(exif=rotated_exif(6)), wide, mean),
        MadeFile("trailing.jpg", whole + b"\0garbage" * 40, wide, mean),
        MadeFile("no-end-marker.jpg", whole[:-2], wide, mean),
        MadeFile("one-pixel.jpg", jpeg(plain[:1, :1]), (1, 1, 3)),
        MadeFile("png-named.jpg", png(), wide, mean),
        MadeFile("cut.jpg", whole[: len(whole) // 2], kind="truncated-image"),
        MadeFile("cut-with-end-marker.jpg", whole[: len(whole) // 2] + b"\xff\xd9", kind="bad-image"),
        MadeFile("cut-in-header.jpg", whole[:100], kind="truncated-image"),
        MadeFile("gray.png", png(gray), (*high, 1), float(gray.mean())),
        MadeFile("gray16.png", save(Image.fromarray(deep), "PNG"), (*high, 1), float((deep >> 8).mean())),
        MadeFile("alpha.png", png(alpha), (*high, 4), float(alpha.mean())),
        MadeFile("gray-alpha.png", save(picture.convert("LA"), "PNG"), (*high, 4)),
        MadeFile("palette.png", save(palette, "PNG"), wide, mean),
        MadeFile("palette-transparent.png", save(palette, "PNG", transparency=0), (*high, 4)),
        MadeFile("one-bit.png", save(picture.convert("1"), "PNG"), (*high, 1)),
        MadeFile("cut.png", png()[:900], kind="truncated-image"),
        MadeFile("bomb.png", bomb_png(30_000), kind="image-too-large"),
        MadeFile("plain.bmp", save(picture, "BMP"), wide, mean),
        MadeFile("plain.gif", save(palette, "GIF"), wide, mean),
        MadeFile("plain.webp", save(picture, "WEBP", lossless=True), wide, mean),
        MadeFile(
            "alpha.webp",
            save(Image.fromarray(alpha), "WEBP", lossless=True, exact=True),
            (*high, 4),
            float(alpha.mean()),
        ),
        MadeFile("plain.tiff", save(picture, "TIFF"), wide, mean),
        MadeFile("gray16.tiff", save(Image.fromarray(deep), "TIFF"), (*high, 1), float((deep >> 8).mean())),
        MadeFile("lab.tiff", save(_lab(picture), "TIFF"), wide, mean),
        MadeFile("float.tiff", save(Image.fromarray(gray.astype(np.float32)), "TIFF"), kind="bad-image"),
        MadeFile("plain.jp2", save(picture, "JPEG2000"), wide, mean),
        MadeFile("plain.ppm", save(picture, "PPM"), wide, mean),
        MadeFile("plain.tga", save(picture, "TGA"), wide, mean),
        MadeFile("empty.jpg", b"", kind="empty-file"),
        MadeFile("text.jpg", b"this is no picture\n" * 9, kind="not-an-image"),
        MadeFile("sound.jpg", b"RIFF\0\0\0\0WAVEfmt ", kind="not-an-image"),
    ]


def _lab(picture: Image.Image) -> Image.Image:
    from PIL import ImageCms

    made = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert made is not None
    return made
