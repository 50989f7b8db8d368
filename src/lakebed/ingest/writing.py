"""What every ingestion does: image files become a column, rows are written in batches, all of it or nothing."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..datasets import Dataset
from ..errors import LakebedError
from ..files import link
from ..lenient import extend_or_skip, warn_left_out
from ..opening import created
from ..places import Creds, Path
from ..progress import progress
from ..storage.errors import NotFoundError
from .image_folder import ImageFolder

BATCH = 500
"""Images written in one step."""

Columns = Callable[[Sequence[int]], Mapping[str, list[Any]]]
"""The cells beside the images, by tensor, of rows given by their places."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images to write: their folder, their names in row order, and the arguments of `create_tensor` for them."""

    folder: ImageFolder
    names: Sequence[str]
    options: Mapping[str, Any]
    creds_key: str | None = None

    @property
    def tensor(self) -> str:
        return str(self.options["name"])

    def samples(self, rows: Sequence[int]) -> list[Any]:
        """Links to the files of rows, or the files themselves."""
        urls = [self.folder.join(self.names[row]) for row in rows]
        if str(self.options["htype"]).startswith("link["):
            return [link(url, self.creds_key) for url in urls]
        return list(self.folder.samples(urls))


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows go, and how: see `lakebed.ingest_coco` for the arguments."""

    dest: Path | Dataset
    creds: Creds = None
    options: Mapping[str, Any] = field(default_factory=dict)
    progressbar: bool = True
    ignore_errors: bool = False


def image_options(params: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any]:
    """Arguments of `create_tensor` for the images; the compression is that of most files unless `params` say one."""
    options = {"name": "images", "htype": "image", **(params or {})}
    if not options.get("sample_compression") and not options.get("chunk_compression"):
        endings = Counter(name.rpartition(".")[2].lower() for name in names)
        common = endings.most_common(1)[0][0] if endings else "jpg"
        options["sample_compression"] = common if common in ("png", "webp", "bmp", "tif", "tiff", "gif") else "jpg"
    return options


def present(folder: ImageFolder, names: Sequence[str], ignore_errors: bool) -> list[int]:
    """Places of the names whose files are there.

    Raises:
        NotFoundError: kind "missing-images" unless `ignore_errors`, which warns instead.
    """
    missing = set(folder.missing(names))
    if missing:
        shown = ", ".join(sorted(missing)[:5]) + (", ..." if len(missing) > 5 else "")
        said = f"{len(missing)} of {len(names)} images are not in the folder: {shown}"
        if not ignore_errors:
            raise NotFoundError(
                said, kind="missing-images", place=folder.url, hint="check the folder, or pass ignore_errors=True"
            )
        warnings.warn(f"{said}; they were left out", UserWarning, stacklevel=4)
    return [place for place, name in enumerate(names) if name not in missing]


def ingest_images(
    target: Target, images: Images, create: Callable[[Dataset], None], columns: Columns, source: str
) -> Dataset:
    """Write the images and the `columns` beside them, and commit; on an error a new dataset is deleted again.

    `create` makes the other tensors; `source` says in the commit message where the rows are from.
    """
    with _dataset_of(target) as dataset:
        with dataset:
            if images.creds_key not in (None, "ENV", *dataset.get_creds_keys()):
                dataset.add_creds_key(str(images.creds_key), managed=True)
            dataset.create_tensor(**images.options)
            create(dataset)
            _write(dataset, target, images, columns)
        dataset.commit(f"Ingested {len(images.names)} images from {source}")
    return dataset


def shuffled(count: int, shuffle: bool, seed: int | None) -> list[int]:
    """Places 0 to count-1, in random order if asked for."""
    order = np.random.default_rng(seed).permutation(count) if shuffle else np.arange(count)
    return [int(place) for place in order]


def _dataset_of(target: Target) -> AbstractContextManager[Dataset]:
    if isinstance(target.dest, Dataset):
        return nullcontext(target.dest)
    return created(target.dest, target.creds, **target.options)


def _write(dataset: Dataset, target: Target, images: Images, columns: Columns) -> None:
    left_out: list[str] = []
    count = len(images.names)
    with progress(count, "images", shown=target.progressbar, what="ingest") as bar:
        for start in range(0, count, BATCH):
            rows = range(start, min(start + BATCH, count))
            cells = {images.tensor: images.samples(rows), **columns(rows)}
            if target.ignore_errors:
                skipped = extend_or_skip(dataset._ws, cells, 0, len(rows))
                left_out += [f"{images.names[start + place]}: {what}" for place, what in skipped]
            else:
                _extend(dataset, cells, [images.names[row] for row in rows])
            bar.update(len(rows))
    warn_left_out(left_out, count)


def _extend(dataset: Dataset, cells: dict[str, list[Any]], names: Sequence[str]) -> None:
    """Add the rows; an error names the image's file and not only its row."""
    first = len(dataset)
    try:
        dataset._ws.extend(cells, len(names))
    except LakebedError as error:
        row = re.search(r"row (\d+)", error.place)
        name = names[int(row[1]) - first] if row else ""
        if name not in error.place:
            error.place = f"{error.place}, {name}"
        raise
