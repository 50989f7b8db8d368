"""Odd image files: what each becomes in a view and in a loader is what decoding it alone gives, or an error that says
why."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.loader import MaterialisedView, MaterialiseOptions, jpeg, make_loader, materialise
from lakebed.loader.decode import DecodeHints, decode_into
from lakebed.loader.resize import resize_image
from lakebed.storage.codecs import decode_image
from lakebed.storage.stores import open_store
from PIL import Image

from lakebed.errors import LakebedError
from loader_source import MemorySource, jpeg_bytes, photo, progressive_jpeg, spec


def pillow(mode: str, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo(1)).convert(mode).save(out, form, **options)
    return out.getvalue()


def generated() -> dict[str, bytes]:
    """Stand-ins for the collection of odd files, made here."""
    whole = jpeg_bytes(1)
    rotated = Image.Exif()
    rotated[0x0112] = 6
    return {
        "cmyk.jpg": pillow("CMYK", "JPEG"),
        "gray.jpg": jpeg_bytes(2, gray=True),
        "progressive.jpg": progressive_jpeg(3),
        "palette.png": pillow("P", "PNG"),
        "alpha.png": pillow("RGBA", "PNG"),
        "rotated.jpg": pillow("RGB", "JPEG", exif=rotated.tobytes()),
        "one.webp": pillow("RGB", "WEBP"),
        "truncated.jpg": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "text.jpg": b"not an image at all",
        "garbage.jpg": whole + b"\0" * 100,
    }


def odd_files(repo_root: Path) -> dict[str, bytes]:
    folder = repo_root.parent / "shared" / "data" / "odd-images"
    found = {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.suffix not in (".md", ".json")}
    return {**generated(), **found}


def expected(data: bytes) -> np.ndarray[Any, Any] | None:
    try:
        return decode_image(data)
    except LakebedError:
        return None


def test_every_odd_file_is_delivered_as_it_decodes_alone_or_is_listed(tmp_path: Path, repo_root: Path) -> None:
    files = odd_files(repo_root)
    names = sorted(files)
    alone = {name: pixels for name in names if (pixels := expected(files[name])) is not None}
    good = list(alone)
    assert len(good) >= 8
    assert len(good) < len(names)
    linked = spec("images", "image", link=True, sample_compression="png")
    urls = [f"mem://{name}" for name in names]
    source = MemorySource([linked], {"images": urls}, files={f"mem://{name}": files[name] for name in names})
    store = open_store(tmp_path, create=True)
    index = materialise(source, store, "views/a", MaterialiseOptions(on_error="skip", order="view"))
    view = MaterialisedView(store, "views/a", index.key)
    assert sorted(failure["url"] for failure in index.failures) == sorted(f"mem://{n}" for n in names if n not in good)
    assert all(failure["kind"] and failure["error"] for failure in index.failures)
    for name, batch in zip(good, make_loader(view, batch_size=1), strict=True):
        assert np.array_equal(batch["images"][0].numpy(), alone[name]), name
    direct = make_loader(source, batch_size=len(names), on_error="skip", max_bad=1.0)
    (images,) = [batch["images"] for batch in direct]
    assert direct.bad_samples.count == len(names) - len(good)
    for name, image in zip(good, images, strict=True):
        assert np.array_equal(image.numpy(), alone[name]), name


@pytest.mark.parametrize("name", ["cmyk.jpg", "gray.jpg", "progressive.jpg", "palette.png", "alpha.png", "one.webp"])
@pytest.mark.parametrize("mode", [None, "rgb", "gray"])
def test_decoding_with_a_buffer_gives_what_decoding_alone_gives(name: str, mode: str | None) -> None:
    data = generated()[name]
    plain = decode_image(data, mode=mode)
    out = np.zeros_like(plain)
    found = decode_into(np.frombuffer(data, np.uint8), mode, DecodeHints(), out)
    assert np.array_equal(found.pixels, plain)
    assert found.source_shape == plain.shape


@pytest.mark.parametrize(("height", "width"), [(300, 400), (900, 1200), (50, 60)])
@pytest.mark.parametrize("target", [(224, 224), (64, 96)])
def test_resizing_at_a_fraction_looks_like_resizing_the_whole(height: int, width: int, target: tuple[int, int]) -> None:
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = np.stack([rows * 255 / height, columns * 255 / width, (rows + columns) % 256 * 0 + 90], 2).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(smooth).save(out, "JPEG", quality=95)
    data = np.frombuffer(out.getvalue(), np.uint8)
    found = decode_into(data, None, DecodeHints(resize=target)).pixels
    assert found.shape == (*target, 3)
    whole = np.asarray(Image.fromarray(smooth).resize((target[1], target[0]), Image.Resampling.BILINEAR), int)
    assert np.abs(found.astype(int) - whole).mean() < 4


def test_min_side_decodes_smaller_but_never_below_what_is_asked() -> None:
    data = np.frombuffer(jpeg_bytes(1, 480, 640), np.uint8)
    assert decode_into(data, None, DecodeHints(min_side=200)).pixels.shape == (240, 320, 3)
    assert decode_into(data, None, DecodeHints(min_side=241)).pixels.shape == (480, 640, 3)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_resizing_keeps_channels_and_writes_where_it_is_told(channels: int) -> None:
    image = photo(1, 40, 60, channels)
    out = np.zeros((10, 12, channels), np.uint8)
    assert resize_image(image, 10, 12, out) is out
    assert out.any()
    assert resize_image(image, 40, 60) is image


def test_the_advice_of_a_view_of_large_photos_names_the_policy_that_helps(tmp_path: Path) -> None:
    from lakebed.loader.advice import advice

    source = MemorySource(
        [spec("images", "image", sample_compression="jpeg")], {"images": [jpeg_bytes(i, 480, 640) for i in range(4)]}
    )
    store = open_store(tmp_path, create=True)
    assert "image=jpeg(short_side=256) would load about" in advice(materialise(source, store, "views/a"))
    small = materialise(source, store, "views/b", MaterialiseOptions(image=jpeg(short_side=64)))
    assert advice(small) == ""
