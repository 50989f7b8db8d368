"""Small datasets and COCO folders that the tests of the face build on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import lakebed

CLASSES = ["car", "bus", "bicycle", "stop sign"]

_numbers = count()


def fresh_path() -> str:
    """A path in memory that nobody has used."""
    return f"mem://face-{next(_numbers)}"


def picture(number: int, height: int = 24, width: int = 32, channels: int = 3) -> np.ndarray[Any, Any]:
    """A smooth picture that is a little different for each number."""
    ramp = np.linspace(0, 255, width, dtype=np.float64)[None, :, None] + np.zeros((height, 1, channels))
    return ((ramp + 17 * number) % 256).astype(np.uint8)


def labels_of(number: int) -> list[str]:
    """The class names of row `number`: none for every fifth row."""
    return [] if number % 5 == 4 else [CLASSES[(number + place) % 4] for place in range(1 + number % 3)]


def boxes_of(number: int) -> np.ndarray[Any, Any]:
    """As many boxes as `labels_of`, float32 (n, 4)."""
    return np.array([[2 + k, 3, 8, 6] for k in range(len(labels_of(number)))], dtype=np.float32).reshape(-1, 4)


def row_of(number: int) -> dict[str, Any]:
    return {"images": picture(number), "boxes": boxes_of(number), "categories": labels_of(number) or None}


def street(rows: int = 10, path: str | None = None, commit: bool = True) -> lakebed.Dataset:
    """A dataset of pictures with boxes and classes; row n holds what `row_of(n)` says."""
    ds = lakebed.empty(path or fresh_path())
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("categories", htype="class_label", class_names=CLASSES)
        for number in range(rows):
            ds.append(row_of(number))
    if commit:
        ds.commit("made")
    return ds


def label_codes(ds: Any) -> list[list[int]]:
    """The class codes of every row."""
    return [codes.tolist() for codes in ds.categories.numpy(aslist=True)]


def numbers(rows: int = 6, path: str | None = None) -> lakebed.Dataset:
    """A dataset with one tensor "x" that holds 0, 1, 2, ..., committed."""
    ds = lakebed.empty(path or fresh_path())
    ds.create_tensor("x", dtype="int64")
    ds.extend({"x": list(range(rows))})
    ds.commit("numbers")
    return ds


def coco_folder(folder: Path, images: int = 12) -> Path:
    """A folder in COCO's layout: the first image is gray, every fourth has no annotation, category ids have gaps, one
    annotation is of a crowd."""
    (folder / "images").mkdir(parents=True)
    infos, annotations = [], list(_annotations(images))
    for number in range(images):
        gray = number == 0
        array = picture(number, 30 + number, 40, 1 if gray else 3)
        name = f"{image_id(number):012d}.jpg"
        Image.fromarray(array[..., 0] if gray else array).save(folder / "images" / name, quality=92)
        infos.append({"id": image_id(number), "file_name": name, "height": 30 + number, "width": 40})
    # Files list images in no particular order.
    data = {
        "images": infos[::-1],
        "annotations": annotations,
        "categories": [
            {"id": 13, "name": "stop sign", "supercategory": "outdoor"},
            {"id": 3, "name": "car", "supercategory": "vehicle"},
            {"id": 90, "name": "toothbrush", "supercategory": "indoor"},
        ],
    }
    (folder / "annotations.json").write_text(json.dumps(data))
    return folder


def image_id(number: int) -> int:
    return 100 + 7 * number


def _annotations(images: int) -> Iterator[dict[str, Any]]:
    ids = count(1)
    for number in range(images):
        for place in range(number % 4):
            crowd = number == 3 and place == 1
            size = [30 + number, 40]
            yield {
                "id": next(ids),
                "image_id": image_id(number),
                "category_id": (3, 13)[place % 2],
                "bbox": [1.5 + place, 2.0, 10.0, 8.0],
                "area": 80.0,
                "iscrowd": int(crowd),
                "segmentation": {"counts": [size[0] * size[1] - 20, 20], "size": size}
                if crowd
                else [[1.5, 2.0, 11.5, 2.0, 11.5, 10.0, 1.5, 10.0]],
            }
