"""`ingest_classification`: a folder with one folder of images per class becomes a dataset in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..datasets import Dataset
from ..places import Creds, Path, path_text
from ..storage.errors import InvalidInputError
from .image_folder import ImageFolder
from .writing import Images, Target, image_options, ingest_images, shuffled

IMAGE_ENDINGS = ("jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff", "webp", "jp2", "ppm")
"""Files that end so are taken for images; others (notes, thumbnails' databases) are left alone."""


def ingest_classification(
    src: Path,
    dest: Path | Dataset,
    image_params: Mapping[str, Any] | None = None,
    label_params: Mapping[str, Any] | None = None,
    dest_creds: Creds = None,
    progressbar: bool = True,
    summary: bool = True,
    num_workers: int = 0,
    shuffle: bool = True,
    token: str | None = None,
    connect_kwargs: Any = None,
    src_creds: Creds = None,
    image_creds_key: str | None = None,
    ignore_errors: bool = False,
    seed: int | None = None,
    **dataset_options: Any,
) -> Dataset:
    """Make a dataset of a folder whose sub-folders are classes, ``cat/1.jpg``, ``dog/2.jpg``, and commit it.

    The tensors are ``images`` and ``labels`` (class_label, one a row). Class names are the folders' names, sorted, with
    deeper folders as ``animal/cat``. Images directly in `src` have no class and are left out.

    Args:
        src: the folder, or an ``s3://`` prefix.
        dest: path of the dataset to create, or a dataset to add to.
        image_params: arguments of `create_tensor` for the images; ``{"htype": "link[image]"}`` stores links.
        label_params: arguments of `create_tensor` for the labels; ``{"name": "classes"}`` renames them.
        src_creds: for images on S3.
        dest_creds: for a dataset on S3.
        image_creds_key: creds key of the links; one that the dataset lacks is added to it as a managed key.
        progressbar: show images per second.
        summary: print the dataset's summary at the end.
        shuffle: rows in random order, the same for the same `seed`; else class by class.
        ignore_errors: leave out images that cannot be read, with a warning, instead of raising.
        num_workers: accepted for old scripts and unused, as `token` and `connect_kwargs` are.
        dataset_options: further arguments of `empty`, such as ``overwrite=True``.

    Raises:
        InvalidInputError: kind "no-images".
        NotFoundError: the folder is not there.
        SampleError: an image cannot be read; names it.
    """
    folder = ImageFolder(path_text(src), src_creds)
    names = [name for name in folder.files() if "/" in name and name.rpartition(".")[2].lower() in IMAGE_ENDINGS]
    if not names:
        raise InvalidInputError(
            "there are no images in sub-folders",
            kind="no-images",
            place=folder.url,
            hint="a folder per class is expected",
        )
    names = [names[place] for place in shuffled(len(names), shuffle, seed)]
    classes = sorted({name.rpartition("/")[0] for name in names})
    codes = {name: code for code, name in enumerate(classes)}
    label = {"name": "labels", "htype": "class_label", "class_names": classes, **(label_params or {})}

    def columns(places: Sequence[int]) -> dict[str, list[Any]]:
        found = [codes[names[place].rpartition("/")[0]] for place in places]
        return {label["name"]: [np.array([code], dtype=np.uint32) for code in found]}

    def create(dataset: Dataset) -> None:
        dataset.create_tensor(**label)

    dataset = ingest_images(
        Target(dest, dest_creds, dataset_options, progressbar, ignore_errors),
        Images(folder, names, image_options(image_params, names), image_creds_key),
        create,
        columns,
        folder.url,
    )
    if summary:
        dataset.summary()
    return dataset
