"""Rows as a folder in COCO's layout: `images/` and `annotations.json`, which `ingest_coco` reads back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..places import Path
from ..progress import progress
from ..storage.source import SampleSource
from .annotated import AnnotatedImage, annotated_images, image_file, tensors_of
from .folder import NewFolder


def write_coco(
    source: SampleSource,
    path: Path,
    numbers: Sequence[int],
    images: str | None,
    boxes: str | None,
    labels: str | None,
    progressbar: bool,
) -> int:
    """Write the folder; the number of images in it. See `Dataset.to_coco`."""
    tensors = tensors_of(source.schema, images, boxes, labels)
    folder = NewFolder(path, "annotations.json")
    names = list(source.info(tensors.labels).get("class_names") or ())
    infos: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    with progress(len(source), "images", shown=progressbar, what="COCO") as bar:
        for image in annotated_images(source, tensors, numbers):
            name, data = image_file(source, tensors, image)
            folder.write(f"images/{name}", data)
            number = int(numbers[image.row])
            infos.append({"id": number, "file_name": name, "width": image.width, "height": image.height})
            objects += _annotations(image, number, len(objects))
            bar.update(1)
    categories = [{"id": code + 1, "name": name, "supercategory": ""} for code, name in enumerate(names)]
    content = {"images": infos, "annotations": objects, "categories": categories}
    folder.write("annotations.json", json.dumps(content, ensure_ascii=False).encode())
    return len(infos)


def _annotations(image: AnnotatedImage, number: int, count: int) -> list[dict[str, Any]]:
    """The objects of an image; COCO counts categories from 1, and `count` objects came before."""
    found = []
    for place, (code, corners) in enumerate(zip(image.codes, image.corners.tolist(), strict=True), count + 1):
        left, top, right, bottom = corners
        box = [left, top, right - left, bottom - top]
        found.append(
            {
                "id": place,
                "image_id": number,
                "category_id": code + 1,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
        )
    return found
