"""link[X]: samples that stay where they are; the row keeps the URL and what was seen of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

from ...errors import LakebedError
from ..errors import SchemaError, StorageError
from ..links.base import Link, LinkHead, StoredLink
from ..schema import TensorSpec
from .base import EncodeContext, Htype
from .columns import SHAPE_TYPE, shape_column, shape_rows
from .parallel import map_threaded
from .payload import Facts, PayloadHtype, dump_info, shapes_or_none
from .place import bad_sample, describe, placed, row_place
from .text import check_unicode

SEEN_TYPE = pa.struct([("size", pa.int64()), ("etag", pa.string()), ("mtime", pa.float64())])

LINK_FIELDS = {
    "": pa.string(),
    ".creds": pa.string(),
    ".seen": SEEN_TYPE,
    ".shape": SHAPE_TYPE,
    ".info": pa.string(),
}

HEAD_BYTES = 64 * 1024
"""First read of a linked file; enough for the header of nearly every image."""

_THREADS = 32
"""Header reads under way at once: they wait for the network, not for the processor."""


class PreparedLink(NamedTuple):
    """A link with what its header said; one that was not read is prepared as the `Link` itself."""

    link: Link
    seen: LinkHead
    shape: tuple[int, ...] | None
    info: Mapping[str, Any]


class LinkHtype(Htype):
    """Links to files of an inner htype. Samples are `Link`, a URL or path as str, or None (a missing link).

    With `verify`, or a shape or info column to fill, the first 64 KB of each file are read and checked; with all three
    off nothing is read and the columns stay null.
    """

    name: ClassVar[str] = "link"

    def __init__(self, inner: PayloadHtype) -> None:
        self.inner = inner

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        if spec.chunk_compression is not None:
            raise SchemaError(
                "links take no chunk_compression",
                kind="bad-compression",
                place=f"tensor {spec.name!r}",
                hint="pass sample_compression=..., the format of the copies when a view is materialised",
            )
        if spec.sample_compression is None:
            return spec  # Compression is only needed when the links are copied; then PNG or the file's own will do.
        return replace(self.inner.check_spec(spec.unlinked(), info), link=True)

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return dict(LINK_FIELDS)

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        links = [_as_link(value, spec, context.first_row + row) for row, value in enumerate(values)]
        check_unicode([f"{link.url}{link.creds_key or ''}" if link else "" for link in links], spec, context)
        if not (spec.verify or spec.create_shape_tensor or spec.create_sample_info_tensor):
            return spec, links
        return spec, self._read_heads(links, spec, context)

    def _read_heads(
        self, links: Sequence[Link | None], spec: TensorSpec, context: EncodeContext
    ) -> list[PreparedLink | None]:
        def read(job: tuple[int, Link | None]) -> PreparedLink | None:
            row, link = job
            return None if link is None else self._read_head(link, spec, context, row)

        return map_threaded(read, list(enumerate(links)), _THREADS)

    def _read_head(self, link: Link, spec: TensorSpec, context: EncodeContext, row: int) -> PreparedLink:
        place = f"{row_place(spec, context.first_row + row)}, link {link.url!r}"
        try:
            head, facts = self._inspect(link, spec, context)
        except LakebedError as error:
            if link.url in error.place or link.url in error.message:
                place = row_place(spec, context.first_row + row)
            raise placed(error, place) from error
        shape, info = facts
        return PreparedLink(link, head, shape if spec.create_shape_tensor else None, info)

    def _inspect(self, link: Link, spec: TensorSpec, context: EncodeContext) -> tuple[LinkHead, Facts]:
        """Read more and more of the file until its header is whole."""
        if context.head is None:
            raise StorageError("links cannot be read here", kind="no-link-reader", hint="pass verify=False")
        length = HEAD_BYTES
        while True:
            head = context.head(link.url, link.creds_key, length)
            complete = len(head.data) < length or len(head.data) == head.size
            facts = self.inner.inspect(head.data, head.size, spec, complete=complete)
            if facts is not None:
                return replace(head, data=b""), facts
            length *= 16

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        links = [item.link if isinstance(item, PreparedLink) else item for item in prepared]
        read = [item if isinstance(item, PreparedLink) else None for item in prepared]
        infos = [dump_info(item.info) if item and spec.create_sample_info_tensor else None for item in read]
        return {
            "": pa.array([None if link is None else link.url for link in links], pa.string()),
            ".creds": pa.array([None if link is None else link.creds_key for link in links], pa.string()),
            ".seen": _seen_column([None if item is None else item.seen for item in read]),
            ".shape": shape_column([None if item is None else item.shape for item in read]),
            ".info": pa.array(infos, pa.string()),
        }

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        """The links themselves, as `StoredLink` or None. Readers that want samples fetch the files and unpack those."""
        return stored_links(cells)

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        missing = cells[""].is_null().to_pylist()
        return shapes_or_none(shape_rows(cells[".shape"]), missing, self.inner.empty_shape(spec))

    def data(self, sample: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        return self.inner.data(sample, info)


def _seen_column(seen: Sequence[LinkHead | None]) -> pa.Array:
    rows = [None if head is None else {"size": head.size, "etag": head.etag, "mtime": head.mtime} for head in seen]
    return pa.array(rows, SEEN_TYPE)


def _as_link(value: Any, spec: TensorSpec, row: int) -> Link | None:
    if value is None or isinstance(value, Link):
        return value
    if isinstance(value, str) and value:
        return Link(value)
    if isinstance(value, StoredLink):
        return Link(value.url, value.creds_key)
    expected = "lakebed.link(url), a URL or None"
    raise bad_sample(
        spec, row, describe(value), expected, hint="to store files instead of links, use the htype without link[]"
    )


def stored_links(cells: Mapping[str, pa.Array]) -> list[StoredLink | None]:
    """The links of the rows of a link tensor's columns; `.creds` and `.seen` may be left out."""
    urls = cells[""].to_pylist()
    creds = cells[".creds"].to_pylist() if ".creds" in cells else [None] * len(urls)
    seen = cells[".seen"].to_pylist() if ".seen" in cells else [None] * len(urls)
    return [
        None if url is None else StoredLink(url, key, **(at or {}))
        for url, key, at in zip(urls, creds, seen, strict=True)
    ]
