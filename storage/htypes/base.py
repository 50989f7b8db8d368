"""What an htype is: how samples are checked, packed into Arrow columns, and unpacked again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa

from ..links.base import LinkHead
from ..schema import TensorSpec


@dataclass(slots=True)
class EncodeContext:
    """What preparing samples of one tensor may read and change.

    Attributes:
        info: the tensor's info as a working copy; class_label adds new names to ``info["class_names"]``.
        first_row: dataset position of ``values[0]``, for error messages.
        fetch: reads the file behind a link: ``fetch(url, creds_key) -> bytes`` (links only).
        head: ``head(url, creds_key, length) -> LinkHead``: first bytes, and what the source says of it (links only).
    """

    info: dict[str, Any] = field(default_factory=dict)
    first_row: int = 0
    fetch: Callable[[str, str | None], bytes] | None = None
    head: Callable[[str, str | None, int], LinkHead] | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """A sample stored as bytes beside its shape: image, mask, audio, video, big array."""

    data: bytes
    shape: tuple[int, ...]
    info: Mapping[str, Any] = field(default_factory=dict)
    """JSON-able facts of the sample: format, mode, EXIF orientation, ..."""


class Htype(ABC):
    """One family of samples. Stateless; one instance per name stands in `lakebed.storage.htypes.HTYPES`.

    All work is batch-first: a single append is a batch of one.
    """

    name: ClassVar[str]
    default_dtype: ClassVar[str | None] = None
    is_payload: ClassVar[bool] = False
    """True if the value column is `large_binary`: the bytes of a file."""
    shape_without_value: ClassVar[bool] = False
    """True if `shapes` looks at the value column only for which cells are null, and not even that where `.shape` says
    more: then big cells need not be read for it."""

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        """`spec` with defaults filled in, after checking options and htype-specific `info` (class_names, coords).

        Raises:
            SchemaError: an option is missing, unknown or does not fit.
        """
        return spec

    @abstractmethod
    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        """Physical columns by suffix; ``""`` is the value. A column is null (or an empty list) where nothing is."""

    @abstractmethod
    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        """Check and normalise samples as users pass them; None is the empty sample.

        Returns the spec (dtype and ndim may have been fixed by the first sample) and the prepared samples.

        Raises:
            SampleError: names tensor, row, what was found and what was expected. `context.info` may have grown.
        """

    @abstractmethod
    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        """Arrow arrays by suffix, one element per prepared sample, typed as `fields` says."""

    @abstractmethod
    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        """Decoded samples, one per row: writable NumPy arrays (text: str; json, list: Python values).

        `cells` holds single-chunk arrays for every suffix of `fields`; big cells are already in them.

        Raises:
            SampleError: the stored bytes cannot be decoded.
        """

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        """Sample shapes without decoding, or None if they cannot be known so."""
        return None

    def data(self, sample: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        """The dictionary that ``tensor[i].data()`` returns for a decoded sample."""
        return {"value": sample}
