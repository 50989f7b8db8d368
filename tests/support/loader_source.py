"""A small `SampleSource` in memory, made from plain samples: what loader tests read from."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import simplejpeg
from lakebed.storage.errors import StorageError
from lakebed.storage.htypes import EncodeContext, htype_of
from lakebed.storage.schema import Schema, TensorSpec
from lakebed.storage.source import Failures

Ints = np.ndarray[Any, np.dtype[np.int64]]


def photo(seed: int, height: int = 48, width: int = 64, channels: int = 3) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Smooth random colours with some noise, uint8 (height, width, channels)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, channels))
    big = np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)[:height, :width]
    pixels: np.ndarray[Any, np.dtype[np.uint8]] = np.clip(big + rng.integers(-6, 7, big.shape), 0, 255).astype(np.uint8)
    return pixels


def jpeg_bytes(seed: int, height: int = 48, width: int = 64, gray: bool = False, quality: int = 90) -> bytes:
    """A JPEG file of `photo`."""
    pixels = photo(seed, height, width, 1 if gray else 3)
    data: bytes = simplejpeg.encode_jpeg(pixels, quality, "GRAY" if gray else "RGB", "Gray" if gray else "420")
    return data


def progressive_jpeg(seed: int, height: int = 48, width: int = 64) -> bytes:
    """A progressive JPEG file."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(photo(seed, height, width)).save(out, "JPEG", quality=90, progressive=True)
    return out.getvalue()


class MemorySource:
    """Rows held in Arrow columns; linked tensors fetch from the dict `files`."""

    def __init__(
        self,
        specs: Sequence[TensorSpec],
        samples: Mapping[str, Sequence[Any]],
        info: Mapping[str, Mapping[str, Any]] | None = None,
        files: Mapping[str, bytes] | None = None,
        first_id: int = 1000,
    ) -> None:
        self._info = {name: dict(facts) for name, facts in (info or {}).items()}
        self.files = dict(files or {})
        self.fetches = 0
        self._columns: dict[str, pa.Array] = {}
        fixed = []
        for spec in specs:
            values = samples[spec.name]
            if spec.link:
                fixed.append(spec)
                self._columns[spec.column] = pa.array(values, pa.string())
                continue
            context = EncodeContext(info=self._info.setdefault(spec.name, {}))
            htype = htype_of(spec)
            done, prepared = htype.prepare(values, htype.check_spec(spec, context.info), context)
            fixed.append(done)
            for suffix, column in htype.pack(prepared, done).items():
                self._columns[done.column + suffix] = column
        self._schema = Schema(tuple(fixed))
        self._count = len(samples[specs[0].name])
        self._first_id = first_id

    @property
    def schema(self) -> Schema:
        return self._schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        return self._info.get(tensor, {})

    def __len__(self) -> int:
        return self._count

    @property
    def row_ids(self) -> Ints:
        return np.arange(self._first_id, self._first_id + self._count, dtype=np.int64)

    def table(self, columns: Sequence[str], rows: Sequence[int] | Ints | None = None) -> pa.Table:
        found = pa.table({name: self._columns[name] for name in columns})
        return found if rows is None else found.take(pa.array(np.asarray(rows, np.int64)))

    def cells(self, tensor: str, rows: Sequence[int] | Ints, failed: Failures | None = None) -> dict[str, pa.Array]:
        spec = self._schema[tensor]
        chosen = pa.array(np.asarray(rows, np.int64))
        if not spec.link:
            return {s: self._columns[spec.column + s].take(chosen) for s in htype_of(spec).fields(spec)}
        urls = self._columns[spec.column].take(chosen).to_pylist()
        inner = htype_of(spec.unlinked()).fields(spec.unlinked())
        cells = {suffix: pa.nulls(len(urls), kind) for suffix, kind in inner.items()}
        return {**cells, "": pa.array(self._files(urls, failed), pa.large_binary())}

    def read(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        spec = self._schema[tensor].unlinked()
        return htype_of(spec).unpack(self.cells(tensor, rows), spec)

    def _files(self, urls: list[str | None], failed: Failures | None) -> list[bytes | None]:
        found: list[bytes | None] = []
        for position, url in enumerate(urls):
            try:
                found.append(self._fetch(url))
            except StorageError as error:
                if failed is None:
                    raise
                failed[position] = error
                found.append(None)
        return found

    def _fetch(self, url: str | None) -> bytes | None:
        if url is None:
            return None
        self.fetches += 1
        if url not in self.files:
            raise StorageError("the linked file is not there", kind="link-missing", place=url)
        return self.files[url]


def spec(name: str, htype: str, **options: Any) -> TensorSpec:
    """A tensor spec whose column is its name."""
    return TensorSpec(name=name, column=name, htype=htype, **options)


def coco_like(count: int, link: bool = True, gray_every: int = 5, uniform: bool = False) -> MemorySource:
    """Images of varying size (every fifth gray), boxes (none in every seventh row), labels: the playbook's dataset."""
    rng = np.random.default_rng(5)
    sizes = [(48, 64) if uniform else (40 + i % 3 * 8, 56 + i % 4 * 8) for i in range(count)]
    data = [jpeg_bytes(i, *sizes[i], gray=not uniform and i % gray_every == 0) for i in range(count)]
    counts = [0 if i % 7 == 6 else 1 + i % 4 for i in range(count)]
    boxes = [(rng.random((n, 4)) * 20 + 1).astype(np.float32) for n in counts]
    labels = [rng.integers(0, 6, n).astype(np.uint32) for n in counts]
    urls = [f"mem://photos/{i:04d}.jpg" for i in range(count)]
    specs = [
        spec("images", "image", link=link, sample_compression="jpeg"),
        spec("boxes", "bbox"),
        spec("categories", "class_label"),
    ]
    return MemorySource(
        specs,
        {"images": urls if link else data, "boxes": boxes, "categories": labels},
        {"categories": {"class_names": ["car", "truck", "bus", "bicycle", "traffic light", "stop sign"]}},
        dict(zip(urls, data, strict=True)),
    )
