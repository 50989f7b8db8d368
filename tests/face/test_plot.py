from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lakebed
from face_data import fresh_path, numbers, picture, street
from lakebed import InvalidInputError, RangeError, StorageError
from lakebed.drawing import Picture, color_of, draw_grid, to_rgb
from lakebed.plot import pictures_of, pixel_corners


def test_a_picture_is_written_and_returned(tmp_path: Path) -> None:
    ds = street(7)
    path = tmp_path / "grid.png"
    image = ds.plot(rows=range(5), path=path, columns=3, tile=100)
    assert image.width == 3 * 112 + 12
    with Image.open(path) as written:
        assert written.size == image.size
    assert ds.plot(rows=2, columns=3, tile=100).width == 2 * 112 + 12
    assert ds.query("select * limit 2").plot(tile=64).size == ds.plot(rows=[0, 1], tile=64).size


def test_what_is_drawn_are_the_boxes_and_names_of_the_row() -> None:
    ds = street(6)
    (third,) = pictures_of(ds._source(), np.array([2]))
    assert third.boxes.tolist() == [[2 + k, 3, 10 + k, 9] for k in range(3)]
    assert list(third.labels) == ["bicycle", "stop sign", "car"]
    assert list(third.codes) == [2, 3, 0]
    assert third.title.startswith("row 2")
    assert third.note == "bicycle, stop sign, car"
    (fourth,) = pictures_of(ds._source(), np.array([4]))
    assert (fourth.boxes.shape, fourth.note) == ((0, 4), "no labels")


def test_the_box_is_drawn_in_the_colour_of_its_class() -> None:
    black = np.zeros((100, 100, 3), np.uint8)
    box = np.array([[20.0, 30.0, 80.0, 90.0]])
    plain = Picture(black, boxes=box, codes=[5])
    sheet = np.asarray(draw_grid([plain], 1, tile=100))
    assert tuple(sheet[12 + 90, 12 + 50]) == color_of(5)
    assert tuple(sheet[12 + 60, 12 + 50]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("coords", "boxes"),
    [
        ({"type": "pixel", "mode": "LTWH"}, [[10, 20, 30, 40]]),
        ({"type": "pixel", "mode": "LTRB"}, [[10, 20, 40, 60]]),
        ({"type": "pixel", "mode": "CCWH"}, [[25, 40, 30, 40]]),
        ({"type": "fractional", "mode": "LTWH"}, [[0.05, 0.2, 0.15, 0.4]]),
        ({"type": "fractional", "mode": "LTRB"}, [[0.05, 0.2, 0.2, 0.6]]),
        ({"type": "fractional", "mode": "CCWH"}, [[0.125, 0.4, 0.15, 0.4]]),
        ({}, [[10, 20, 30, 40]]),
        ({}, [[0.125, 0.4, 0.15, 0.4]]),
    ],
)
def test_boxes_of_every_kind_of_coordinates_land_in_the_same_place(coords: dict[str, str], boxes: Any) -> None:
    corners = pixel_corners(np.array(boxes, dtype=np.float32), coords, (100, 200, 3))
    assert np.allclose(corners, [[10, 20, 40, 60]], atol=1e-4)


@pytest.mark.parametrize(
    "array",
    [
        picture(0),
        picture(0, channels=1),
        picture(0)[..., 0],
        np.dstack([picture(0), np.full((24, 32), 128, np.uint8)]),
        picture(0).astype(np.uint16) * 257,
        picture(0) / 255.0,
        picture(0)[..., 0] > 99,
        np.full((4, 4, 3), np.nan),
    ],
)
def test_every_kind_of_image_becomes_rgb(array: np.ndarray[Any, Any]) -> None:
    assert to_rgb(array).mode == "RGB"


def test_wide_integers_keep_their_brightness() -> None:
    assert np.array_equal(np.asarray(to_rgb(picture(0).astype(np.uint16) * 257)), picture(0))


def test_odd_boxes_and_missing_images_are_drawn_without_failing() -> None:
    boxes = np.array([[-50, -50, 500, 500], [5, 5, 5, 5], [30, 30, 10, 10], [np.nan, 0, 1, 1], [900, 900, 910, 910]])
    odd = Picture(picture(0), boxes=boxes, labels=["a"] * 5, codes=[0, 1, 2, 3, 4])
    tiny = Picture(np.zeros((1, 1, 3), np.uint8), boxes=boxes, labels=["a very long name"] * 5)
    assert draw_grid([odd, tiny, Picture(None), Picture(np.zeros((0, 0, 3), np.uint8))], 3, tile=64).width > 64


def test_neighbouring_classes_have_different_colours() -> None:
    colours = [color_of(code) for code in range(80)]
    assert len(set(colours)) > 70
    assert all(sum(abs(a - b) for a, b in zip(one, two)) > 100 for one, two in pairwise(colours))


def test_masks_tint_the_picture() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("images", htype="image", sample_compression="png")
    ds.create_tensor("masks", htype="binary_mask", sample_compression="lz4")
    mask = np.zeros((24, 32, 1), bool)
    mask[:12] = True
    ds.append({"images": np.zeros((24, 32, 3), np.uint8), "masks": mask})
    sheet = np.asarray(ds.plot(tile=64))
    assert sheet[12 + 5, 12 + 32].sum() > 60
    assert sheet[12 + 40, 12 + 32].sum() == 0


def test_a_dataset_without_images_and_rows_that_are_not_there_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="no image tensor"):
        numbers(2).plot()
    with pytest.raises(RangeError):
        street(2).plot(rows=[5])
    with pytest.raises(InvalidInputError):
        street(1).plot(columns=0)


def test_a_path_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"\.png"):
        street(1).plot(path=tmp_path / "picture.unknown")
    with pytest.raises(StorageError):
        street(1).plot(path=tmp_path / "no" / "folder.png")


def test_captions_of_a_view_give_the_rows_of_the_dataset() -> None:
    view = street(6)[3:5]
    titles = [one.title.split("   ")[0] for one in pictures_of(view._source(), np.array([1, 0]), None, view._numbers())]
    assert titles == ["row 4", "row 3"]


def test_a_notebook_shows_the_first_pictures_and_reads_nothing_from_the_network(tmp_path: Path) -> None:
    assert "data:image/png" in street(3)._repr_html_()
    assert "data:image/png" in street(3)[1:]._repr_html_()
    assert "<img" not in street(0)._repr_html_()
    assert "<img" not in numbers(2)._repr_html_()
    ds = lakebed.empty(fresh_path())
    ds.create_tensor(
        "images", htype="link[image]", verify=False, create_shape_tensor=False, create_sample_info_tensor=False
    )
    ds.append({"images": lakebed.link("https://nowhere.invalid/a.jpg")})
    assert "<img" not in ds._repr_html_()
    ds.images[0] = lakebed.link(tmp_path / "gone.jpg")
    assert "does not exist" in ds._repr_html_()
