"""Rows written for other programs, and read back by the ingest that knows the format."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars
import pytest
from PIL import Image

import lakebed
from face_data import fresh_path, picture, street
from lakebed import AlreadyExistsError, InvalidInputError, StorageError

NAMES = ["car", "bus", "stop sign"]


def photos(coords: dict[str, str], boxes: list[np.ndarray], folder: Path | None = None) -> lakebed.Dataset:
    """A row for each array of boxes, with labels 0, 1, 2, 0, ...; photos lie in `folder` as links where it is given."""
    ds = lakebed.empty(fresh_path())
    htype = "image" if folder is None else "link[image]"
    ds.create_tensor("images", htype=htype, sample_compression="png")
    ds.create_tensor("boxes", htype="bbox", coords=coords)
    ds.create_tensor("categories", htype="class_label", class_names=NAMES)
    for number, cell in enumerate(boxes):
        image: object = picture(number)
        if folder is not None:
            (folder / str(number % 2)).mkdir(exist_ok=True)
            Image.fromarray(picture(number)).save(folder / str(number % 2) / "photo.png")
            image = lakebed.link(folder / str(number % 2) / "photo.png")
        ds.append({"images": image, "boxes": cell, "categories": [n % 3 for n in range(len(cell))]})
    ds.commit("photos")
    return ds


BOXES = [np.array([[2, 4, 10, 8], [1, 1, 6, 3]], np.float32), np.zeros((0, 4), np.float32)]


def test_coco_is_read_back_as_it_was(tmp_path: Path) -> None:
    ds = photos({"type": "pixel", "mode": "LTWH"}, BOXES)
    assert ds.to_coco(tmp_path / "coco", progressbar=False) == 2
    again = lakebed.ingest_coco(
        tmp_path / "coco" / "images", tmp_path / "coco" / "annotations.json", fresh_path(), progressbar=False
    )
    assert again.boxes.numpy(aslist=True)[0].tolist() == BOXES[0].tolist()
    assert again.categories[0].data()["text"] == ["car", "bus"]
    assert len(again.boxes[1].numpy()) == 0
    for row in range(2):
        assert again.images[row].tobytes() == ds.images[row].tobytes()


@pytest.mark.parametrize(
    ("coords", "box"),
    [
        ({"type": "pixel", "mode": "LTRB"}, [2, 4, 12, 12]),
        ({"type": "pixel", "mode": "CCWH"}, [7, 8, 10, 8]),
        ({"type": "fractional", "mode": "LTWH"}, [2 / 32, 4 / 24, 10 / 32, 8 / 24]),
    ],
)
def test_boxes_of_any_coords_become_those_of_the_format(
    tmp_path: Path, coords: dict[str, str], box: list[float]
) -> None:
    ds = photos(coords, [np.array([box], np.float32)])
    ds.to_coco(tmp_path / "coco", progressbar=False)
    content = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert content["annotations"][0]["bbox"] == pytest.approx([2, 4, 10, 8], abs=1e-4)
    assert content["annotations"][0]["area"] == pytest.approx(80, abs=1e-3)
    assert (content["images"][0]["width"], content["images"][0]["height"]) == (32, 24)
    ds.to_yolo(tmp_path / "yolo", progressbar=False)
    numbers = (tmp_path / "yolo" / "labels" / "000000.txt").read_text().split()
    assert [float(one) for one in numbers] == pytest.approx([0, 7 / 32, 8 / 24, 10 / 32, 8 / 24], abs=1e-6)


def test_yolo_is_read_back_as_it_was(tmp_path: Path) -> None:
    ds = photos({"type": "fractional", "mode": "CCWH"}, [np.array([[0.5, 0.5, 0.25, 0.25]], np.float32), BOXES[1]])
    folder = tmp_path / "yolo"
    assert ds.to_yolo(folder, progressbar=False) == 2
    again = lakebed.ingest_yolo(
        folder / "images", fresh_path(), folder / "classes.txt", folder / "labels", progressbar=False
    )
    assert again.boxes[0].numpy().tolist() == [[0.5, 0.5, 0.25, 0.25]]
    assert again.labels.info.class_names == NAMES
    assert [len(labels) for labels in again.labels.numpy(aslist=True)] == [1, 0]
    assert again.images[0].tobytes() == ds.images[0].tobytes()


def test_linked_photos_of_one_name_are_fetched_and_kept_apart(tmp_path: Path) -> None:
    ds = photos({"type": "pixel", "mode": "LTWH"}, [BOXES[0]] * 2, tmp_path)
    ds.query("select * where row_number() = 1").to_coco(tmp_path / "one", progressbar=False)
    assert [image["id"] for image in json.loads((tmp_path / "one" / "annotations.json").read_text())["images"]] == [1]
    ds.to_coco(tmp_path / "both", progressbar=False)
    ds.to_yolo(tmp_path / "yolo", progressbar=False)
    for folder in ("both", "yolo"):
        found = {file.name: file.read_bytes() for file in (tmp_path / folder / "images").iterdir()}
        assert found == {"photo.png": ds.images[0].tobytes(), "000001-photo.png": ds.images[1].tobytes()}


def test_what_cannot_be_written_is_said_and_an_export_is_never_written_over(tmp_path: Path) -> None:
    ds = photos({"type": "pixel", "mode": "LTWH"}, BOXES)
    ds.to_coco(tmp_path / "coco", progressbar=False)
    with pytest.raises(AlreadyExistsError) as exists:
        ds.to_coco(tmp_path / "coco", progressbar=False)
    assert exists.value.kind == "export-exists"
    with pytest.raises(InvalidInputError, match="tensor 'boxes' is no class_label") as wrong:
        ds.to_yolo(tmp_path / "yolo", labels="boxes", progressbar=False)
    assert wrong.value.kind == "no-tensor"
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        ds.to_coco(tmp_path / "file" / "coco", progressbar=False)
    ds.categories[0] = [1]
    with pytest.raises(InvalidInputError, match="1 labels belong to 2 boxes") as unequal:
        ds.to_yolo(tmp_path / "yolo", progressbar=False)
    assert "row 0" in unequal.value.place


def test_csv_has_names_of_classes_lists_as_json_and_computed_columns(tmp_path: Path) -> None:
    ds = photos({"type": "pixel", "mode": "LTWH"}, BOXES)
    view = ds.query("select categories, boxes, count(categories) as n, images")
    view.to_csv(tmp_path / "rows.csv")
    with open(tmp_path / "rows.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert json.loads(lines[0]["categories"]) == ["car", "bus"]
    assert json.loads(lines[0]["boxes"]) == BOXES[0].tolist()
    assert [line["n"] for line in lines] == ["2", "0"]
    assert lines[0]["images"] == ""
    with pytest.raises(StorageError):
        view.to_csv(tmp_path / "missing" / "rows.csv")


def test_computed_columns_are_in_arrow_pandas_and_polars() -> None:
    view = street(10).query("select categories, count(categories) * 2 as twice where count(categories) > 0")
    table = view.to_arrow()
    assert table.column_names == ["categories", "twice"]
    assert table.column("twice").to_pylist() == [2 * len(cell) for cell in view.categories.numpy(aslist=True)]
    assert view.to_arrow(["twice"]).column_names == ["twice"]
    assert view.to_pandas().twice.tolist() == table.column("twice").to_pylist()
    frame = view.to_polars()
    assert isinstance(frame, polars.DataFrame)
    assert frame["twice"].to_list() == table.column("twice").to_pylist()
    assert street(10).query("select count(categories) as n").to_arrow().column_names == ["n"]
