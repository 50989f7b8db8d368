"""Photo-like JPEGs of 640x480 with boxes and labels, the same on every machine, and views made of them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lakebed.loader import Index, MaterialisedView, MaterialiseOptions, jpeg, materialise
from lakebed.storage.htypes import EncodeContext, htype_of
from lakebed.storage.schema import Schema, TensorSpec
from lakebed.storage.stores import open_store

HEIGHT, WIDTH = 480, 640
_SEED = 20240601


def photo(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Colours at several scales, texture and noise: about 110 KB at quality 90, as photographs have."""
    import cv2

    rng = np.random.default_rng(np.random.SeedSequence([_SEED, number]))
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for rows, columns, strength in ((3, 4, 60), (8, 10, 35), (24, 32, 22), (60, 80, 12), (120, 160, 8), (240, 320, 5)):
        grid = rng.normal(0, 1, (rows, columns, 1)) + rng.normal(0, 0.35, (rows, columns, 3))
        scaled = cv2.resize(grid.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        image += strength * (0.5 + rng.random()) * scaled
    image += rng.uniform(80, 160)
    texture = rng.normal(0, rng.uniform(10, 42), (HEIGHT, WIDTH, 1)).astype(np.float32)
    mask = cv2.resize(rng.random((6, 8)).astype(np.float32), (WIDTH, HEIGHT))[..., None] ** 2
    image += texture * mask * 2.6
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.55), 0, 255).astype(np.uint8)


@dataclass
class Photos:
    """A folder of JPEG files with a box or more each."""

    folder: Path
    count: int
    views: dict[str, MaterialisedView] = field(default_factory=dict)

    def path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.jpg"

    @cached_property
    def bytes(self) -> list[bytes]:
        return [self.path(i).read_bytes() for i in range(self.count)]

    @property
    def mean_bytes(self) -> float:
        return float(np.mean([len(data) for data in self.bytes]))

    @cached_property
    def boxes(self) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
        """Boxes as COCO has them: left, top, width, height."""
        rng = np.random.default_rng(_SEED)
        found = []
        for _ in range(self.count):
            count = int(rng.integers(1, 12))
            left, top = rng.uniform(0, 500, count), rng.uniform(0, 360, count)
            size = rng.uniform(20, 110, (2, count))
            found.append(np.stack([left, top, size[0], size[1]], axis=1).astype(np.float32))
        return found

    @cached_property
    def labels(self) -> list[np.ndarray[Any, np.dtype[np.uint32]]]:
        rng = np.random.default_rng(_SEED + 1)
        return [rng.integers(0, 20, len(boxes)).astype(np.uint32) for boxes in self.boxes]

    def view(self, policy: str = "passthrough") -> MaterialisedView:
        """The photos as a materialised view, made once per run."""
        if policy not in self.views:
            target = self.folder.parent / f"view-{policy}-{self.count}"
            shutil.rmtree(target, ignore_errors=True)
            store = open_store(target, create=True)
            options = MaterialiseOptions(image=jpeg(256, 90) if policy == "jpeg256" else policy, num_workers=2)
            index: Index = materialise(FolderSource(self), store, "views/bench", options)
            self.views[policy] = MaterialisedView(store, "views/bench", index.key)
        return self.views[policy]


class FolderSource:
    """The photos as a source of linked images."""

    def __init__(self, photos: Photos) -> None:
        self.photos = photos
        self._schema = Schema(
            (
                TensorSpec("images", "images", "image", link=True, sample_compression="jpeg"),
                TensorSpec("boxes", "boxes", "bbox"),
                TensorSpec("categories", "categories", "class_label"),
            )
        )
        self._columns = {
            "images": pa.array([str(photos.path(i)) for i in range(photos.count)]),
            **{name: self._packed(name, values) for name, values in self._labels().items()},
        }

    def _labels(self) -> dict[str, Sequence[Any]]:
        return {"boxes": self.photos.boxes, "categories": self.photos.labels}

    def _packed(self, name: str, values: Sequence[Any]) -> pa.Array:
        spec = self._schema[name]
        htype = htype_of(spec)
        return htype.pack(htype.prepare(values, spec, EncodeContext())[1], spec)[""]

    @property
    def schema(self) -> Schema:
        return self._schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        return {}

    def __len__(self) -> int:
        return self.photos.count

    @property
    def row_ids(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.arange(len(self), dtype=np.int64)

    def table(self, columns: Sequence[str], rows: Sequence[int] | np.ndarray[Any, Any] | None = None) -> pa.Table:
        found = pa.table({name: self._columns[name] for name in columns})
        return found if rows is None else found.take(pa.array(np.asarray(rows, np.int64)))

    def cells(self, tensor: str, rows: Sequence[int] | np.ndarray[Any, Any], failed: Any = None) -> dict[str, pa.Array]:
        taken = self._columns[tensor].take(pa.array(np.asarray(rows, np.int64)))
        if tensor != "images":
            return {"": taken}
        data = pa.array([Path(path).read_bytes() for path in taken.to_pylist()], pa.large_binary())
        return {
            "": data,
            ".shape": pa.nulls(len(data), pa.list_(pa.int32())),
            ".info": pa.nulls(len(data), pa.string()),
        }

    def read(self, tensor: str, rows: Sequence[int] | np.ndarray[Any, Any]) -> list[Any]:
        spec = self._schema[tensor].unlinked()
        return htype_of(spec).unpack(self.cells(tensor, rows), spec)


def make_photos(folder: Path, count: int) -> Photos:
    """The photos in `folder`, generated where they are missing."""
    import cv2

    cv2.setNumThreads(1)
    photos = Photos(folder / "photos", count)
    photos.folder.mkdir(parents=True, exist_ok=True)

    def one(number: int) -> None:
        path = photos.path(number)
        if not path.exists():
            bgr = cv2.cvtColor(photo(number), cv2.COLOR_RGB2BGR)
            path.write_bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(count)))
    return photos
