"""From stored cells to samples: cells brought in from chunk files, links fetched, bytes decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints, binary_array, empty_column, join
from .big_cells import brought_in
from .context import Context
from .errors import SampleError
from .htypes import UnpackError, htype_of
from .htypes.link import stored_links
from .htypes.sequence import flatten, inner_spec, unflatten
from .payloads import REF_SUFFIX
from .schema import TensorSpec
from .source import Failures

Cells = Mapping[str, pa.Array]
Rows = Sequence[int] | Ints


def fetch_cells(
    context: Context, spec: TensorSpec, stored: Cells, rows: Rows, failed: Failures | None = None
) -> dict[str, pa.Array]:
    """Stored cells made ready for `Htype.unpack` of the unlinked tensor.

    With `failed`, a link that cannot be read is an empty cell and its error is put there, but in sequences of links.

    Raises:
        StorageError: a linked file or a chunk cannot be read; names tensor, row and URL.
        DamageError: a cell is not what was written.
    """
    stored = whole_cells(context, spec, stored, rows)
    if spec.sequence and spec.link:
        flat, lengths = flatten(stored)
        owners = np.repeat(np.asarray(rows, dtype=np.int64), lengths)
        return unflatten(fetch_cells(context, inner_spec(spec), flat, owners), lengths)
    if spec.link:
        return _with_files(spec, stored, _fetch_links(context, spec, stored, rows, failed))
    return stored


def whole_cells(context: Context, spec: TensorSpec, stored: Cells, rows: Rows) -> dict[str, pa.Array]:
    """Stored cells with those that lie in chunk files put in.

    Raises:
        StorageError, DamageError: as `fetch_cells`.
    """
    cells = {suffix: column for suffix, column in stored.items() if suffix != REF_SUFFIX}
    if REF_SUFFIX in stored:
        values, refs = (pa.chunked_array([stored[suffix]]) for suffix in ("", REF_SUFFIX))
        found = brought_in(context.store, values, refs, lambda number: f"tensor {spec.name!r}, row {int(rows[number])}")
        cells[""] = join(found.chunks, found.type)
    return cells


def decoded(spec: TensorSpec, cells: Cells, rows: Rows) -> list[Any]:
    """Samples of cells that `fetch_cells` made ready.

    Raises:
        SampleError: the bytes of one cannot be decoded; names tensor and row.
    """
    try:
        return htype_of(spec.unlinked()).unpack(cells, spec.unlinked())
    except UnpackError as error:
        place = f"tensor {spec.name!r}, row {int(rows[error.index])}"
        raise SampleError(error.message, kind=error.kind, place=place, hint=error.hint) from error


def _with_files(spec: TensorSpec, stored: Cells, payloads: list[bytes | None]) -> dict[str, pa.Array]:
    """The cells of the unlinked tensor, with the files behind the links as payloads."""
    inner = spec.unlinked()
    ready: dict[str, pa.Array] = {}
    for suffix, kind in htype_of(inner).fields(inner).items():
        if suffix:
            ready[suffix] = stored.get(suffix, empty_column(kind, len(payloads)))
        else:
            ready[suffix] = binary_array(payloads).cast(kind)
    return ready


def _fetch_links(
    context: Context, spec: TensorSpec, stored: Cells, rows: Rows, failed: Failures | None
) -> list[bytes | None]:
    links = stored_links(stored)
    payloads: list[bytes | None] = []
    for position, (link, found) in enumerate(zip(links, context.links.fetch_many(links), strict=True)):
        if not isinstance(found, Exception):
            payloads.append(found)
            continue
        found.place = f"tensor {spec.name!r}, row {int(rows[position])}, {link.url if link else ''}"
        if failed is None:
            raise found
        failed[position] = found
        payloads.append(None)
    return payloads
