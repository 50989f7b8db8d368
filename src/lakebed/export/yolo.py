"""Rows as a folder in YOLO's layout: `images/`, `labels/` and `classes.txt`, which `ingest_yolo` reads back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ..places import Path
from ..progress import progress
from ..storage.source import SampleSource
from .annotated import AnnotatedImage, annotated_images, image_file, tensors_of
from .folder import NewFolder


def write_yolo(
    source: SampleSource,
    path: Path,
    numbers: Sequence[int],
    images: str | None,
    boxes: str | None,
    labels: str | None,
    progressbar: bool,
) -> int:
    """Write the folder; the number of images in it. See `Dataset.to_yolo`."""
    tensors = tensors_of(source.schema, images, boxes, labels)
    folder = NewFolder(path, "classes.txt")
    names = list(source.info(tensors.labels).get("class_names") or ())
    written: set[str] = set()
    with progress(len(source), "images", shown=progressbar, what="YOLO") as bar:
        for image in annotated_images(source, tensors, numbers):
            name, data = image_file(source, tensors, image)
            stem = PurePosixPath(name).stem
            if stem in written:  # a.jpg and a.png would share a.txt
                stem = f"{numbers[image.row]:06d}-{stem}"
                name = stem + PurePosixPath(name).suffix
            written.add(stem)
            folder.write(f"images/{name}", data)
            folder.write(f"labels/{stem}.txt", _lines(image).encode())
            bar.update(1)
    folder.write("classes.txt", "".join(f"{name}\n" for name in names).encode())
    return len(written)


def _lines(image: AnnotatedImage) -> str:
    """One object a line: class number, then centre x, centre y, width and height as fractions of the image."""
    lines = []
    for code, (left, top, right, bottom) in zip(image.codes, image.corners.tolist(), strict=True):
        x, y = (left + right) / 2 / image.width, (top + bottom) / 2 / image.height
        lines.append(f"{code} {x:.8g} {y:.8g} {(right - left) / image.width:.8g} {(bottom - top) / image.height:.8g}\n")
    return "".join(lines)
