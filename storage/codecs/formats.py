"""The one table of compressions, and the magic bytes by which a file's format is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from ..errors import SchemaError


@dataclass(frozen=True, slots=True)
class Compression:
    """A format that samples can be kept in."""

    name: str
    kind: str
    """"image", "audio", "video", "array" (lossless, any dtype), or the htype that alone reads it."""
    encodes: bool = True
    """False where files are kept as they are but arrays cannot be written."""


def _table(kind: str, names: str, encodes: bool = True) -> dict[str, Compression]:
    return {name: Compression(name, kind, encodes) for name in names.split()}


COMPRESSIONS: dict[str, Compression] = {
    **_table("image", "bmp dib gif im jpeg jpeg2000 pcx png ppm sgi tga tiff webp"),
    **_table("image", "eps fli ico mpo msp wmf xbm", encodes=False),
    **_table("array", "lz4 zstd"),
    **_table("audio", "mp3 flac wav", encodes=False),
    **_table("video", "mp4 mkv avi", encodes=False),
    **_table("dicom", "dcm", encodes=False),
    **_table("nifti", "nii nii.gz", encodes=False),
    **_table("point_cloud", "las", encodes=False),
    **_table("mesh", "ply stl", encodes=False),
}

ALIASES = {"jpg": "jpeg", "tif": "tiff", "jp2": "jpeg2000", "j2k": "jpeg2000", "dicom": "dcm", "wave": "wav"}

PILLOW_NAMES = {"jpeg2000": "JPEG2000", "jpeg": "JPEG"}
"""Pillow's name of a format where it is not the upper-case form of ours."""


def normalise_compression(name: str | None) -> str | None:
    """The one spelling of a compression: ``"jpg"`` becomes ``"jpeg"``; None stays None.

    Raises:
        SchemaError: there is no such compression; the hint has near names.
    """
    if name is None:
        return None
    plain = ALIASES.get(str(name).lower(), str(name).lower())
    if plain in COMPRESSIONS:
        return plain
    near = get_close_matches(plain, [*COMPRESSIONS, *ALIASES], n=2)
    said = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(COMPRESSIONS)}"
    raise SchemaError(f"there is no compression {name!r}", kind="unknown-compression", hint=said)


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
    (b"\0\0\1\0", "ico"),
    (b"\x01\xda", "sgi"),
    (b"%!PS", "eps"),
    (b"DanM", "msp"),
    (b"LinS", "msp"),
    (b"#define", "xbm"),
    (b"\xd7\xcd\xc6\x9a", "wmf"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
    (b"OggS", "ogg"),
    (b"\x1a\x45\xdf\xa3", "mkv"),
    (b"LASF", "las"),
    (b"ply\n", "ply"),
    (b"ply\r\n", "ply"),
    (b"solid ", "stl"),
    (b"\x1f\x8b", "nii.gz"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x93NUMPY", "npy"),
)

_INSIDE: tuple[Callable[[bytes], str | None], ...] = (
    lambda head: {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12]) if head[:4] == b"RIFF" else None,
    lambda head: "mp4" if head[4:8] == b"ftyp" else None,
    lambda head: "dcm" if head[128:132] == b"DICM" else None,
    lambda head: "nii" if head[344:348] in {b"n+1\0", b"ni1\0"} or head[4:8] in {b"n+2\0", b"ni2\0"} else None,
    lambda head: "mp3" if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in {0xE2, 0xE4, 0xE6} else None,
    lambda head: "ppm" if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace() else None,
    lambda head: "pcx" if head[:1] == b"\n" and head[1:2] in b"\0\2\3\4\5" and head[2:3] == b"\1" else None,
)


def sniff_format(head: bytes) -> str | None:
    """The format that the first bytes of a file announce (400 bytes suffice), or None if no known format.

    >>> sniff_format(b"GIF89a....")
    'gif'
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    for look in _INSIDE:
        found = look(head)
        if found:
            return found
    return None
