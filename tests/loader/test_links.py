"""Linked photos read by a loader without a copy: files that are gone or were changed after they were linked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lakebed.storage.errors import StorageError

import lakebed
from face_data import fresh_path
from loader_source import jpeg_bytes

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")

ROWS = 24
GONE, CHANGED, REPLACED = 5, 11, 17


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{n}.jpg" for n in range(ROWS)]
    for n, path in enumerate(paths):
        path.write_bytes(jpeg_bytes(n))
    return paths


@pytest.fixture
def view(photos: list[Path]) -> Any:
    """A saved view without a copy, of which three files are no more what was linked."""
    ds = lakebed.empty(fresh_path())
    with ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="jpg")
        ds.create_tensor("labels", htype="class_label", class_names=["a", "b"])
        links: list[Any] = [lakebed.link(str(path)) for path in photos]
        ds.extend({"images": links, "labels": [n % 2 for n in range(ROWS)]})
    ds.commit("photos")
    ds[:].save_view(id="all")
    photos[GONE].rename(photos[GONE].with_suffix(".away"))
    photos[CHANGED].write_bytes(jpeg_bytes(CHANGED)[:-200])
    photos[REPLACED].write_bytes(jpeg_bytes(99, 40, 40))
    return ds.load_view("all")


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize(
    ("start", "row", "kind"), [(0, GONE, "link-missing"), (6, CHANGED, "link-changed"), (12, REPLACED, "link-changed")]
)
def test_the_first_one_is_an_error_with_row_and_file(
    view: Any, photos: list[Path], start: int, row: int, kind: str, num_workers: int
) -> None:
    with pytest.raises(StorageError) as caught:
        list(view[start:].pytorch(batch_size=4, num_workers=num_workers))
    assert caught.value.kind == kind
    assert caught.value.place.startswith(f"row {row - start} (row id ")
    assert caught.value.place.endswith(f"tensor 'images', {photos[row]}")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_policy_goes_on_without_them_and_counts_them(view: Any, num_workers: int) -> None:
    loader = view.pytorch(batch_size=4, num_workers=num_workers, on_error="skip", max_bad=0.5, shuffle=True)
    rows = [row for batch in loader for row in batch["index"].reshape(-1).tolist()]
    assert sorted(rows) == [row for row in range(ROWS) if row not in (GONE, CHANGED, REPLACED)]
    assert loader.stats()["bad_samples"] == 3
    assert sorted((bad.place.row, bad.kind) for bad in loader.bad_samples) == [
        (GONE, "link-missing"),
        (CHANGED, "link-changed"),
        (REPLACED, "link-changed"),
    ]


def test_a_file_that_is_back_is_read_again_in_the_next_epoch(view: Any, photos: list[Path]) -> None:
    loader = view.pytorch(batch_size=4, num_workers=0, on_error="blank", max_bad=0.5, tensors=["images"])
    assert sum(int(image.max() == 0) for batch in loader for image in batch["images"]) == 3
    photos[GONE].with_suffix(".away").rename(photos[GONE])
    assert sum(int(image.max() == 0) for batch in loader for image in batch["images"]) == 2
    assert loader.bad_samples.count == 5
