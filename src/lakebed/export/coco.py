"""Rows as a folder in COCO's layout: `images/` and `annotations.json`, which `ingest_coco` reads back."""

from __future__ import annotations

import json
from typing import Any

from ..places import Path
from .annotated import Annotated, AnnotatedImage, annotated_images
from .folder import NewFolder


def write_coco(what: Annotated, path: Path, progressbar: bool) -> int:
    """Write the folder; the number of images in it. See `Dataset.to_coco`."""
    folder = NewFolder(path, "annotations.json")
    infos: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for image in annotated_images(what, progressbar, "COCO"):
        folder.write(f"images/{image.name}", image.data)
        infos.append({"id": image.number, "file_name": image.name, "width": image.width, "height": image.height})
        objects += _annotations(image, len(objects))
    categories = [{"id": code + 1, "name": name, "supercategory": ""} for code, name in enumerate(what.class_names)]
    content = {"images": infos, "annotations": objects, "categories": categories}
    folder.write("annotations.json", json.dumps(content, ensure_ascii=False).encode())
    return len(infos)


def _annotations(image: AnnotatedImage, count: int) -> list[dict[str, Any]]:
    """The objects of an image; COCO counts categories from 1, and `count` objects came before."""
    found = []
    for place, (code, corners) in enumerate(zip(image.codes, image.corners.tolist(), strict=True), count + 1):
        left, top, right, bottom = corners
        box = [left, top, right - left, bottom - top]
        which = {"id": place, "image_id": image.number, "category_id": code + 1}
        found.append({**which, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
    return found
