"""`ingest_coco`: a folder of images and COCO's annotation files become a dataset in one call."""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from ..datasets import Dataset
from ..errors import LakebedError
from ..files import link
from ..lenient import extend_or_skip, warn_left_out
from ..opening import empty
from ..places import Creds, Path
from ..progress import progress
from ..removing import delete_store
from ..storage.errors import InvalidInputError, NotFoundError
from .coco_files import COLUMNS, CocoFile, Column
from .image_folder import ImageFolder

BATCH = 500
"""Images written in one step."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One tensor to fill: from which file, by which column, under which name."""

    file: CocoFile
    column: Column
    tensor: str


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

    All class names, all rows and the commit land together: on an error nothing of a new dataset stays.

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
        image_creds_key: creds key of the links.
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
    folder = ImageFolder(os.fspath(images_directory), src_creds)
    files = [CocoFile(path, folder.fetch) for path in paths]
    plans = _plans(files, key_to_tensor_mapping, file_to_group_mapping, ignore_one_group, ignore_keys, inspect_limit)
    rows = _rows(files, folder, ignore_errors)
    if shuffle:
        rows = [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]
    options = _image_options(image_params, [name for _, name in rows])
    dataset = dest if isinstance(dest, Dataset) else empty(dest, creds=dest_creds, **dataset_options)
    try:
        with dataset:
            _create_tensors(dataset, options, plans)
            _write(dataset, _Writing(options, plans, rows, folder, image_creds_key, crowd, ignore_errors), progressbar)
        dataset.commit(f"Ingested {len(dataset)} images from {', '.join(PurePosixPath(f.path).name for f in files)}")
    except BaseException:
        if dataset is not dest:
            delete_store(dataset._ws.repository.store, dataset.path, large_ok=True)
        raise
    return dataset


@dataclass(frozen=True, slots=True)
class _Writing:
    """What `_write` needs to know."""

    image_options: Mapping[str, Any]
    plans: Sequence[Plan]
    rows: Sequence[tuple[int, str]]
    folder: ImageFolder
    creds_key: str | None
    crowd: str
    ignore_errors: bool


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


def _rows(files: Sequence[CocoFile], folder: ImageFolder, ignore_errors: bool) -> list[tuple[int, str]]:
    """Image ids and file names in id order, after checking that the files are there."""
    images = {number: str(image["file_name"]) for file in reversed(files) for number, image in file.images.items()}
    rows = sorted(images.items())
    missing = folder.missing([name for _, name in rows])
    if not missing:
        return rows
    shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    said = f"{len(missing)} of {len(rows)} images are not in the folder: {shown}"
    if not ignore_errors:
        raise NotFoundError(
            said, kind="missing-images", place=folder.url, hint="check the folder, or pass ignore_errors=True"
        )
    warnings.warn(f"{said}; they were left out", UserWarning, stacklevel=3)
    gone = set(missing)
    return [row for row in rows if row[1] not in gone]


def _image_options(params: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any]:
    options = {"name": "images", "htype": "image", **(params or {})}
    if not options.get("sample_compression") and not options.get("chunk_compression"):
        endings = Counter(name.rpartition(".")[2].lower() for name in names)
        common = endings.most_common(1)[0][0] if endings else "jpg"
        options["sample_compression"] = common if common in ("png", "webp", "bmp", "tif", "tiff", "gif") else "jpg"
    return options


def _create_tensors(dataset: Dataset, image_options: Mapping[str, Any], plans: Sequence[Plan]) -> None:
    dataset.create_tensor(**image_options)
    dataset.create_tensor("image_ids", htype="generic", dtype="int64")
    for plan in plans:
        dataset.create_tensor(plan.tensor, **plan.file.options(plan.column))


def _write(dataset: Dataset, writing: _Writing, progressbar: bool) -> None:
    left_out: list[str] = []
    with progress(len(writing.rows), "images", shown=progressbar, what="ingest_coco") as bar:
        for start in range(0, len(writing.rows), BATCH):
            batch = writing.rows[start : start + BATCH]
            columns = dict(_columns(writing, batch))
            if writing.ignore_errors:
                skipped = extend_or_skip(dataset._ws, columns, 0, len(batch))
                left_out += [f"{batch[place][1]}: {what}" for place, what in skipped]
            else:
                _extend(dataset, columns, batch)
            bar.update(len(batch))
    warn_left_out(left_out, len(writing.rows))


def _extend(dataset: Dataset, columns: dict[str, list[Any]], batch: Sequence[tuple[int, str]]) -> None:
    """Add the rows; an error names the image's file and not only its row."""
    first = len(dataset)
    try:
        dataset._ws.extend(columns, len(batch))
    except LakebedError as error:
        row = re.search(r"row (\d+)", error.place)
        name = batch[int(row[1]) - first][1] if row else ""
        if name not in error.place:
            error.place = f"{error.place}, {name}"
        raise


def _columns(writing: _Writing, batch: Sequence[tuple[int, str]]) -> Iterator[tuple[str, list[Any]]]:
    linked = str(writing.image_options["htype"]).startswith("link[")
    urls = [writing.folder.join(name) for _, name in batch]
    images: list[Any] = [link(url, writing.creds_key) for url in urls] if linked else writing.folder.samples(urls)
    yield str(writing.image_options["name"]), images
    yield "image_ids", [np.int64(number) for number, _ in batch]
    for plan in writing.plans:
        keep = writing.crowd == "keep"
        yield (
            plan.tensor,
            [plan.file.cell(plan.column.key, plan.file.annotations(number, keep)) for number, _ in batch],
        )
