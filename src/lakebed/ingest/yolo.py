"""`ingest_yolo`: images with YOLO's text files become a dataset in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..datasets import Dataset
from ..errors import LakebedError
from ..places import Creds, Path, path_text
from ..storage.errors import InvalidInputError, NotFoundError
from .classification import IMAGE_ENDINGS
from .image_folder import ImageFolder
from .writing import Images, Target, image_options, ingest_images, shuffled

Label = tuple[list[int], list[list[float]]]
"""Class codes of an image, and the numbers of each box or polygon."""


def ingest_yolo(
    data_directory: Path,
    dest: Path | Dataset,
    class_names_file: Path | None = None,
    annotations_directory: Path | None = None,
    allow_no_annotation: bool = False,
    image_params: Mapping[str, Any] | None = None,
    label_params: Mapping[str, Any] | None = None,
    coordinates_params: Mapping[str, Any] | None = None,
    src_creds: Creds = None,
    dest_creds: Creds = None,
    image_creds_key: str | None = None,
    inspect_limit: int = 1000,
    progressbar: bool = True,
    shuffle: bool = False,
    num_workers: int = 0,
    token: str | None = None,
    connect_kwargs: Any = None,
    ignore_errors: bool = False,
    seed: int | None = None,
    **dataset_options: Any,
) -> Dataset:
    """Make a dataset of images and YOLO's annotation files, one row an image, and commit it.

    ``a/b.jpg`` is annotated by ``a/b.txt``, one object a line: its class number, then centre x, centre y, width and
    height as fractions of the image, or the corners of a polygon. The tensors are ``images``, ``labels`` (class_label)
    and ``boxes`` (bbox), or ``polygons`` if any line has more than four numbers.

    Args:
        data_directory: the images, and the annotations unless `annotations_directory` is given; a folder or ``s3://``.
        dest: path of the dataset to create, or a dataset to add to.
        class_names_file: one class name a line, in the order of the numbers.
        annotations_directory: the annotations, in the same folders below it.
        allow_no_annotation: take images without an annotation file as images without objects, instead of raising.
        image_params: arguments of `create_tensor` for the images; ``{"htype": "link[image]"}`` stores links.
        label_params: arguments of `create_tensor` for the labels.
        coordinates_params: arguments of `create_tensor` for the boxes or polygons.
        src_creds: for files on S3.
        dest_creds: for a dataset on S3.
        image_creds_key: creds key of the links; one that the dataset lacks is added to it as a managed key.
        progressbar: show images per second.
        shuffle: rows in random order, the same for the same `seed`; else by file name.
        ignore_errors: leave out images that cannot be read, with a warning, instead of raising.
        inspect_limit: accepted for old scripts and unused, as `num_workers`, `token` and `connect_kwargs` are.
        dataset_options: further arguments of `empty`, such as ``overwrite=True``.

    Raises:
        InvalidInputError: kind "no-images"; kind "bad-annotations", with file and line.
        NotFoundError: kind "missing-annotations", or a folder is not there.
    """
    folder = ImageFolder(path_text(data_directory), src_creds)
    notes = folder if annotations_directory is None else ImageFolder(path_text(annotations_directory), src_creds)
    names = [name for name in folder.files() if name.rpartition(".")[2].lower() in IMAGE_ENDINGS]
    if not names:
        raise InvalidInputError("there are no images in the folder", kind="no-images", place=folder.url)
    names = [names[place] for place in shuffled(len(names), shuffle, seed)]
    found = _annotations(notes, names, allow_no_annotation)
    classes = _class_names(folder, class_names_file)
    _check_codes(found, classes, names)
    polygons = any(len(numbers) > 4 for _, shapes in found for numbers in shapes)
    label = {"name": "labels", "htype": "class_label", "class_names": classes, **(label_params or {})}
    shapes = {**_shape_options(polygons), **(coordinates_params or {})}

    def create(dataset: Dataset) -> None:
        dataset.create_tensor(**label)
        dataset.create_tensor(**shapes)

    def columns(places: Sequence[int]) -> dict[str, list[Any]]:
        cell = _polygons if polygons else _boxes
        return {
            label["name"]: [np.array(found[place][0], dtype=np.uint32) for place in places],
            shapes["name"]: [cell(found[place][1]) for place in places],
        }

    return ingest_images(
        Target(dest, dest_creds, dataset_options, progressbar, ignore_errors),
        Images(folder, names, image_options(image_params, names), image_creds_key),
        create,
        columns,
        folder.url,
    )


def parse_annotations(text: str, place: str) -> Label:
    """What a YOLO file says: class codes, and four numbers for a box or an even count of six and more for a polygon.

    Raises:
        InvalidInputError: kind "bad-annotations", with file and line.

    >>> parse_annotations("3 0.5 0.5 0.25 0.1", "a.txt")
    ([3], [[0.5, 0.5, 0.25, 0.1]])
    """
    codes: list[int] = []
    shapes: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            code, shape = int(words[0]), [float(word) for word in words[1:]]
        except ValueError:
            code, shape = -1, []
        if code < 0 or not (len(shape) == 4 or (len(shape) >= 6 and len(shape) % 2 == 0)):
            raise InvalidInputError(
                f"found {line.strip()!r}, expected a class number and four numbers, or the corners of a polygon",
                kind="bad-annotations",
                place=f"{place}, line {number}",
            )
        codes.append(code)
        shapes.append(shape)
    return codes, shapes


def _annotations(notes: ImageFolder, names: Sequence[str], allow_missing: bool) -> list[Label]:
    files = [f"{name.rpartition('.')[0]}.txt" for name in names]
    missing = set(notes.missing(files))
    if missing and not allow_missing:
        shown = ", ".join(sorted(missing)[:5]) + (", ..." if len(missing) > 5 else "")
        raise NotFoundError(
            f"{len(missing)} of {len(files)} annotation files are not in the folder: {shown}",
            kind="missing-annotations",
            place=notes.url,
            hint="pass allow_no_annotation=True to take these images without objects",
        )
    there = [file for file in files if file not in missing]
    texts = dict(zip(there, notes.texts(there), strict=True))
    return [parse_annotations(texts.get(file, ""), notes.join(file)) for file in files]


def _class_names(folder: ImageFolder, path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        text = folder.fetch(path_text(path)).decode()
    except (LakebedError, UnicodeDecodeError) as error:
        cause = error.message if isinstance(error, LakebedError) else str(error)
        raise InvalidInputError(
            f"the class names cannot be read: {cause}", kind="bad-annotations", place=os.fspath(path)
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _check_codes(found: Sequence[Label], classes: Sequence[str], names: Sequence[str]) -> None:
    for (codes, _), name in zip(found, names, strict=True):
        wrong = [code for code in codes if classes and code >= len(classes)]
        if wrong:
            raise InvalidInputError(
                f"class number {wrong[0]} has no name among {len(classes)} class names",
                kind="bad-annotations",
                place=f"the annotations of {name}",
            )


def _shape_options(polygons: bool) -> dict[str, Any]:
    if polygons:
        return {"name": "polygons", "htype": "polygon"}
    return {"name": "boxes", "htype": "bbox", "coords": {"type": "fractional", "mode": "CCWH"}}


def _boxes(shapes: Sequence[Sequence[float]]) -> np.ndarray[Any, Any]:
    return np.array(shapes, dtype=np.float32).reshape(-1, 4)


def _polygons(shapes: Sequence[Sequence[float]]) -> list[np.ndarray[Any, Any]]:
    return [_corners(shape) for shape in shapes]


def _corners(shape: Sequence[float]) -> np.ndarray[Any, Any]:
    """A polygon's corners (n, 2); of a box among polygons its four corners."""
    if len(shape) == 4:
        x, y, w, h = shape
        left, top, right, bottom = x - w / 2, y - h / 2, x + w / 2, y + h / 2
        shape = (left, top, right, top, right, bottom, left, bottom)
    return np.array(shape, dtype=np.float32).reshape(-1, 2)
