"""`ingest_coco`: a folder of images and COCO's annotation files become a dataset in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from ..datasets import Dataset
from ..places import Creds, Path, path_text
from ..storage.errors import InvalidInputError
from .coco_files import COLUMNS, CocoFile, Column
from .image_folder import ImageFolder
from .writing import Images, Target, image_options, ingest_images, present, shuffled


@dataclass(frozen=True, slots=True)
class Plan:
    """One tensor to fill: from which file, by which column, under which name."""

    file: CocoFile
    column: Column
    tensor: str

    def cells(self, image_ids: Sequence[int], crowd: str) -> list[Any]:
        """The cells of images."""
        keep = crowd == "keep"
        return [self.file.cell(self.column.key, self.file.annotations(number, keep)) for number in image_ids]


def ingest_coco(
    images_directory: Path,
    annotation_files: Path | Sequence[Path],
    dest: Path | Dataset,
    key_to_tensor_mapping: Mapping[str, str] | None = None,
    file_to_group_mapping: Mapping[str, str] | None = None,
    ignore_one_group: bool = True,
    ignore_keys: Sequence[str] | None = None,
    image_params: Mapping[str, Any] | None = None,
    image_creds_key: str | None = None,
    src_creds: Creds = None,
    dest_creds: Creds = None,
    inspect_limit: int = 1_000_000,
    progressbar: bool = True,
    shuffle: bool = False,
    num_workers: int = 0,
    token: str | None = None,
    connect_kwargs: Any = None,
    crowd: Literal["keep", "drop"] = "keep",
    ignore_errors: bool = False,
    seed: int | None = None,
    **dataset_options: Any,
) -> Dataset:
    """Make a dataset of COCO's images and annotations, one row an image, and commit it.

    The tensors are ``images``, ``image_ids``, and what the annotation file has of ``boxes`` (bbox, pixels, left top
    width height), ``categories`` (class_label), ``iscrowd``, ``area``, ``keypoints`` and ``captions``; ``masks``
    (binary_mask, from the segmentation) if ``key_to_tensor_mapping`` names it. Rows are in the order of the image ids.
    All class names are registered in the order of the category ids, whose gaps vanish. Images without annotations are
    kept, with empty cells. Crowd annotations are kept and marked in ``iscrowd``: mask them out when training
    (``boxes[iscrowd == 0]``), or leave them out with ``crowd="drop"``.

    All rows land together: on an error nothing of a new dataset stays, and an existing one is as it was.

    Args:
        images_directory: a folder, or an ``s3://`` prefix; images may lie in folders below it.
        annotation_files: one file or several, with the same images; with several, each file's tensors go into a group
            named after the file.
        dest: path of the dataset to create, or a dataset to add to.
        key_to_tensor_mapping: names for the tensors by COCO's keys: ``{"bbox": "gt/boxes", "segmentation": "masks"}``.
        file_to_group_mapping: group names by annotation file name.
        ignore_one_group: leave the group out if there is one annotation file.
        ignore_keys: COCO's keys to leave out.
        image_params: arguments of `create_tensor` for the images: ``{"name": "photos", "htype": "link[image]"}``. By
            default the files are stored byte for byte; ``link[image]`` stores where they are.
        image_creds_key: creds key of the links; one that the dataset lacks is added to it as a managed key.
        src_creds: for images and annotations on S3.
        dest_creds: for a dataset on S3.
        inspect_limit: annotations looked at to learn which keys there are.
        progressbar: show images per second.
        shuffle: rows in random order, the same for the same `seed`.
        crowd: "keep" or "drop" annotations of crowds.
        ignore_errors: leave out images that are missing or cannot be read, with a warning, instead of raising.
        num_workers: accepted for old scripts and unused: linked files are read by many threads. So are `token` and
            `connect_kwargs`.
        dataset_options: further arguments of `empty`, such as ``overwrite=True``.

    Raises:
        InvalidInputError: kind "bad-annotations", "missing-images" (lists them), "unknown-key".
        SampleError: an image cannot be read; names it.
        AlreadyExistsError: there is a dataset at `dest`, or it has a tensor of that name.
    """
    paths = [annotation_files] if isinstance(annotation_files, (str, os.PathLike)) else list(annotation_files)
    folder = ImageFolder(path_text(images_directory), src_creds)
    files = [CocoFile(path, folder.fetch) for path in paths]
    plans = _plans(files, key_to_tensor_mapping, file_to_group_mapping, ignore_one_group, ignore_keys, inspect_limit)
    listed = _listed(files)
    rows = [listed[place] for place in present(folder, [name for _, name in listed], ignore_errors)]
    rows = [rows[place] for place in shuffled(len(rows), shuffle, seed)]
    names = [name for _, name in rows]

    def create(dataset: Dataset) -> None:
        dataset.create_tensor("image_ids", htype="generic", dtype="int64")
        for plan in plans:
            dataset.create_tensor(plan.tensor, **plan.file.options(plan.column))

    def columns(places: Sequence[int]) -> dict[str, list[Any]]:
        ids = [rows[place][0] for place in places]
        return {"image_ids": [np.int64(number) for number in ids], **{p.tensor: p.cells(ids, crowd) for p in plans}}

    return ingest_images(
        Target(dest, dest_creds, dataset_options, progressbar, ignore_errors),
        Images(folder, names, image_options(image_params, names), image_creds_key),
        create,
        columns,
        ", ".join(PurePosixPath(file.path).name for file in files),
    )


def _plans(
    files: Sequence[CocoFile],
    names: Mapping[str, str] | None,
    groups: Mapping[str, str] | None,
    ignore_one_group: bool,
    ignore_keys: Sequence[str] | None,
    limit: int,
) -> list[Plan]:
    """The tensors to make, file by file."""
    chosen, ignored = dict(names or {}), set(ignore_keys or ())
    known = {column.key for column in COLUMNS}
    unknown = sorted((chosen.keys() | ignored) - known - {"id", "image_id"})
    if unknown:
        raise InvalidInputError(
            f"{unknown[0]!r} is not a key that becomes a tensor",
            kind="unknown-key",
            hint=f"the keys are {', '.join(sorted(known))}",
        )
    plans = []
    for file in files:
        found = file.keys(limit) | ({"category_id", "bbox", "iscrowd"} if file.class_ids else set())
        prefix = "" if len(files) == 1 and ignore_one_group else _group(file, groups) + "/"
        for column in COLUMNS:
            wanted = column.key in chosen or not column.optional
            if wanted and column.key in found and column.key not in ignored:
                plans.append(Plan(file, column, prefix + chosen.get(column.key, column.tensor)))
    return plans


def _group(file: CocoFile, groups: Mapping[str, str] | None) -> str:
    name = PurePosixPath(file.path.replace("\\", "/")).name
    return (groups or {}).get(name) or name.rpartition(".")[0] or name


def _listed(files: Sequence[CocoFile]) -> list[tuple[int, str]]:
    """Image ids and file names of all files, in id order."""
    images = {number: str(image["file_name"]) for file in reversed(files) for number, image in file.images.items()}
    return sorted(images.items())
