"""The cheap decode that proves a JPEG whole finds what the full decode finds, whatever is wrong with the file."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest
from lakebed.loader.images import prepare_image
from lakebed.loader.options import ImagePolicy
from lakebed.storage.codecs import decode_image
from PIL import Image

from lakebed.errors import LakebedError
from loader_source import photo, spec

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "full colour": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 2},
    "gray": {"mode": "L"},
    "cmyk": {"mode": "CMYK"},
    "progressive": {"progressive": True},
}


def jpeg_of(mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo(3, 64, 96)).convert(mode).save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut off, with a few wrong bytes, or with a few bytes lost."""
    changed, how = bytearray(data), rng.randrange(3)
    if how == 0:
        return data[: rng.randrange(3, len(data))]
    for _ in range(rng.randrange(1, 4)):
        changed[rng.randrange(3, len(data))] = rng.randrange(256)
    if how == 2:
        start = rng.randrange(600, len(data))
        del changed[start : start + rng.randrange(1, 30)]
    return bytes(changed)


def outcome(data: bytes, mode: str | None) -> Any:
    try:
        return decode_image(data, mode=mode).shape
    except LakebedError as error:
        return error.kind


def proven(data: bytes, htype: str) -> Any:
    try:
        return prepare_image(data, spec("images", htype), ImagePolicy("verbatim")).shape
    except LakebedError as error:
        return error.kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_proof_finds_what_a_full_decode_finds(kind: str) -> None:
    whole, rng, found = jpeg_of(**KINDS[kind]), random.Random(kind), []
    for data in [whole, *(damaged(whole, rng) for _ in range(60))]:
        for htype, mode in (("image", None), ("image.rgb", "rgb"), ("image.gray", "gray")):
            found.append(outcome(data, mode))
            assert proven(data, htype) == found[-1]
    assert len(set(map(type, found))) == 2, "some are whole, some are not"
