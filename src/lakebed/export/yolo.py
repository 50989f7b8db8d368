"""Rows as a folder in YOLO's layout: `images/`, `labels/` and `classes.txt`, which `ingest_yolo` reads back."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..places import Path
from .annotated import Annotated, AnnotatedImage, annotated_images
from .folder import NewFolder


def write_yolo(what: Annotated, path: Path, progressbar: bool) -> int:
    """Write the folder; the number of images in it. See `Dataset.to_yolo`."""
    folder = NewFolder(path, "classes.txt")
    count = 0
    for image in annotated_images(what, progressbar, "YOLO"):
        folder.write(f"images/{image.name}", image.data)
        folder.write(f"labels/{PurePosixPath(image.name).stem}.txt", _lines(image).encode())
        count += 1
    folder.write("classes.txt", "".join(f"{name}\n" for name in what.class_names).encode())
    return count


def _lines(image: AnnotatedImage) -> str:
    """One object a line: class number, then centre x, centre y, width and height as fractions of the image."""
    lines = []
    for code, (left, top, right, bottom) in zip(image.codes, image.corners.tolist(), strict=True):
        x, y = (left + right) / 2 / image.width, (top + bottom) / 2 / image.height
        lines.append(f"{code} {x:.8g} {y:.8g} {(right - left) / image.width:.8g} {(bottom - top) / image.height:.8g}\n")
    return "".join(lines)
