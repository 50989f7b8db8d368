"""The table of compressions and the magic bytes."""

from __future__ import annotations

import pytest
from lakebed.storage.codecs import COMPRESSIONS, normalise_compression, sniff_format
from lakebed.storage.errors import SchemaError

from image_files import made_files


@pytest.mark.parametrize(
    ("said", "meant"), [("jpg", "jpeg"), ("JPG", "jpeg"), ("tif", "tiff"), ("jp2", "jpeg2000"), ("png", "png")]
)
def test_other_spellings_of_a_compression_are_understood(said: str, meant: str) -> None:
    assert normalise_compression(said) == meant


def test_no_compression_stays_none() -> None:
    assert normalise_compression(None) is None


def test_an_unknown_compression_is_refused_with_the_nearest() -> None:
    with pytest.raises(SchemaError, match="no compression 'jpge'") as caught:
        normalise_compression("jpge")
    assert "'jpeg'" in caught.value.hint


@pytest.mark.parametrize("made", made_files(), ids=lambda made: made.name)
def test_made_files_are_told_by_their_magic_bytes(made: object) -> None:
    name, data = made.name, made.data  # type: ignore[attr-defined]
    by_name = {"jpg": "jpeg", "jp2": "jpeg2000", "tga": None}
    special = {"png-named.jpg": "png", "empty.jpg": None, "text.jpg": None, "sound.jpg": "wav"}
    ending = name.split(".")[1]
    assert sniff_format(data[:400]) == special.get(name, by_name.get(ending, ending))


@pytest.mark.parametrize(
    ("head", "format"),
    [
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"\0\0\0\x18ftypisom", "mp4"),
        (b"\x1a\x45\xdf\xa3", "mkv"),
        (b"\xff\xfb\x90\x44", "mp3"),
        (b"ID3\3", "mp3"),
        (b"OggS", "ogg"),
        (bytes(128) + b"DICM", "dcm"),
        (b"ply\nformat ascii 1.0", "ply"),
        (b"solid cube", "stl"),
        (b"", None),
        (b"P", None),
        (b"\n", None),
    ],
)
def test_magic_bytes_of_other_files(head: bytes, format: str | None) -> None:
    assert sniff_format(head) == format


def test_every_compression_has_a_kind_that_some_htype_takes() -> None:
    kinds = {"image", "array", "audio", "video", "dicom", "nifti", "point_cloud", "mesh"}
    assert {codec.kind for codec in COMPRESSIONS.values()} == kinds
