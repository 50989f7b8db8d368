"""COCO annotation files read with pycocotools and turned into columns, one row an image."""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import LakebedError
from ..places import path_text
from ..storage.errors import InvalidInputError
from ..storage.htypes import Sample

Annotation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """How one key of COCO's annotations becomes a tensor.

    Attributes:
        key: the key in the file.
        tensor: the tensor's name if the caller does not choose another.
        options: arguments of `create_tensor`.
        optional: True if the tensor is only made when it is asked for.
    """

    key: str
    tensor: str
    options: dict[str, Any]
    optional: bool = False


COLUMNS = (
    Column("bbox", "boxes", {"htype": "bbox", "coords": {"type": "pixel", "mode": "LTWH"}}),
    Column("category_id", "categories", {"htype": "class_label"}),
    Column("iscrowd", "iscrowd", {"htype": "generic", "dtype": "uint8"}),
    Column("area", "area", {"htype": "generic", "dtype": "float32"}),
    Column("keypoints", "keypoints", {"htype": "keypoints_coco"}),
    Column("caption", "captions", {"htype": "list"}),
    Column("segmentation", "masks", {"htype": "binary_mask", "sample_compression": "lz4"}, optional=True),
)


class CocoFile:
    """One annotation file: its images in id order, its classes in id order, and its annotations by image."""

    def __init__(self, path: str | os.PathLike[str], fetch: Callable[[str, str | None], bytes]) -> None:
        """Read and index the file.

        Raises:
            InvalidInputError: kind "bad-annotations", it cannot be read or is not COCO's format.
        """
        self.path = path_text(path)
        try:
            self.coco = _indexed(_read_json(self.path, fetch))
            self.images: dict[int, Annotation] = {number: self.coco.imgs[number] for number in sorted(self.coco.imgs)}
            self.class_ids = sorted(self.coco.cats)
            self.class_names = [str(self.coco.cats[number]["name"]) for number in self.class_ids]
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(
                f"the file is not in COCO's format: {error!r}", kind="bad-annotations", place=self.path
            ) from error
        self._codes = {number: code for code, number in enumerate(self.class_ids)}

    def keys(self, limit: int) -> set[str]:
        """Keys of the first `limit` annotations."""
        return {key for annotation in self.coco.dataset["annotations"][:limit] for key in annotation}

    def annotations(self, image_id: int, crowd: bool = True) -> list[Annotation]:
        """Annotations of an image in file order; without those of crowds if `crowd` is False."""
        found = self.coco.imgToAnns.get(image_id, ())
        return [annotation for annotation in found if crowd or not annotation.get("iscrowd")]

    def cell(self, key: str, annotations: Sequence[Annotation]) -> Any:
        """The sample of one image: what its annotations say under `key`; None if it has no annotations.

        Raises:
            InvalidInputError: kind "bad-annotations", an annotation lacks the key or has nonsense there.
        """
        if not annotations:
            return None
        try:
            return _CELLS[key](self, annotations)
        except (KeyError, TypeError, ValueError) as error:
            if len(annotations) > 1:
                for annotation in annotations:
                    self.cell(key, [annotation])
            bad = annotations[0]
            raise InvalidInputError(
                f"annotation {bad.get('id')} of image {bad.get('image_id')} has no usable {key!r}: {bad.get(key)!r}",
                kind="bad-annotations",
                place=self.path,
            ) from error

    def options(self, column: Column) -> dict[str, Any]:
        """Arguments of `create_tensor` for a column, with what the file says: class names, keypoints."""
        options = dict(column.options)
        if column.key == "category_id":
            options["class_names"] = self.class_names
        if column.key == "keypoints":
            described: dict[str, Any] = next((cat for cat in self.coco.cats.values() if "keypoints" in cat), {})
            options["keypoints"] = list(described.get("keypoints", ())) or None
            # COCO counts keypoints from 1.
            options["connections"] = [[a - 1, b - 1] for a, b in described.get("skeleton", ())] or None
        return options

    def _categories(self, annotations: Sequence[Annotation]) -> np.ndarray[Any, Any]:
        return np.array([self._codes[a["category_id"]] for a in annotations], dtype=np.uint32)

    def _masks(self, annotations: Sequence[Annotation]) -> np.ndarray[Any, Any]:
        with warnings.catch_warnings():
            # pycocotools 2.0.11 converts arrays in a way that NumPy 2 calls deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            return np.stack([self.coco.annToMask(a) for a in annotations], axis=-1).astype(bool)


_CELLS: dict[str, Callable[[CocoFile, Sequence[Annotation]], Any]] = {
    "bbox": lambda _, found: np.array([a["bbox"] for a in found], dtype=np.float32).reshape(-1, 4),
    "category_id": CocoFile._categories,
    "iscrowd": lambda _, found: np.array([a.get("iscrowd", 0) for a in found], dtype=np.uint8),
    "area": lambda _, found: np.array([a["area"] for a in found], dtype=np.float32),
    "keypoints": lambda _, found: np.array([a["keypoints"] for a in found], dtype=np.int32).T,
    "caption": lambda _, found: [str(a["caption"]) for a in found],
    "segmentation": CocoFile._masks,
}


def _read_json(path: str, fetch: Callable[[str, str | None], bytes]) -> dict[str, Any]:
    try:
        data = json.loads(Sample(path=path).read(fetch))
    except (ValueError, LakebedError) as error:
        cause = error.message if isinstance(error, LakebedError) else str(error)
        raise InvalidInputError(
            f"the annotations cannot be read: {cause}", kind="bad-annotations", place=path
        ) from error
    if not isinstance(data, dict) or "images" not in data:
        raise InvalidInputError(
            "the file is not in COCO's format: it has no list of images", kind="bad-annotations", place=path
        )
    data.setdefault("annotations", [])
    if not data.get("categories"):
        # Captions have none, and pycocotools takes an empty list for a promise that every annotation has a class.
        data.pop("categories", None)
    return data


def _indexed(data: dict[str, Any]) -> Any:
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = data
    # pycocotools prints what it does.
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco
