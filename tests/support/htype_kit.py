"""One way to run samples through an htype, and a reader of linked files for tests."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from lakebed.storage.errors import StorageError
from lakebed.storage.htypes import EncodeContext, htype_of, new_spec
from lakebed.storage.links.base import LinkHead
from lakebed.storage.schema import TensorSpec


@dataclass(slots=True)
class Packed:
    """What became of some samples: the spec they fixed, the info they grew, the columns."""

    spec: TensorSpec
    info: dict[str, Any]
    cells: dict[str, pa.Array]

    def unpacked(self) -> list[Any]:
        """The samples, decoded."""
        return htype_of(self.spec).unpack(self.cells, self.spec)

    def shapes(self) -> list[tuple[int, ...]] | None:
        """Shapes without decoding."""
        return htype_of(self.spec).shapes(self.cells, self.spec)

    def rows(self, start: int, count: int) -> Packed:
        """Some of the rows, as slices of the same columns."""
        return Packed(self.spec, self.info, {suffix: cell.slice(start, count) for suffix, cell in self.cells.items()})


def pack(
    htype: str, values: Sequence[Any], *, first_row: int = 0, files: LinkedFiles | None = None, **options: Any
) -> Packed:
    """Make a tensor called "t", prepare and pack `values`, and check the columns against the fields."""
    spec, info = new_spec("t", "t", htype, **options)
    handler = htype_of(spec)
    head = files.head if files else None
    fetch = files.fetch if files else None
    spec, prepared = handler.prepare(values, spec, EncodeContext(info, first_row, fetch, head))
    cells = handler.pack(prepared, spec)
    assert {suffix: cell.type for suffix, cell in cells.items()} == handler.fields(spec)
    for cell in cells.values():
        cell.validate(full=True)
        assert len(cell) == len(values)
    return Packed(spec, info, cells)


def round_trip(htype: str, values: Sequence[Any], **options: Any) -> list[Any]:
    """The samples as they come back."""
    return pack(htype, values, **options).unpacked()


def is_own(sample: Any) -> bool:
    """Whether an array may be changed by its owner and handed to torch."""
    return isinstance(sample, np.ndarray) and sample.flags.writeable and sample.flags.c_contiguous


@dataclass(slots=True)
class LinkedFiles:
    """Linked files by URL; counts what is read."""

    files: dict[str, bytes]
    reads: list[tuple[str, int]] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def head(self, url: str, creds_key: str | None, length: int) -> LinkHead:
        """The first bytes, as a link reader gives them."""
        with self.lock:
            self.reads.append((url, length))
        if url not in self.files:
            raise StorageError("the linked file is not there", kind="link-missing", place=url)
        data = self.files[url]
        return LinkHead(data[:length], len(data), etag=f"etag-{len(data)}", mtime=1.5)

    def fetch(self, url: str, creds_key: str | None) -> bytes:
        """The whole file."""
        return self.files[url]
