"""Where a sample that does not fit stands, and the errors that say so."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import LakebedError
from ..errors import SampleError
from ..schema import TensorSpec


class UnpackError(SampleError):
    """A stored sample cannot be decoded.

    Attributes:
        index: position of the sample among the cells given to `Htype.unpack`, so that a reader can name the row.
    """

    default_kind = "undecodable-sample"

    def __init__(self, message: str, *, kind: str = "", place: str = "", hint: str = "", index: int = 0) -> None:
        super().__init__(message, kind=kind, place=place, hint=hint)
        self.index = index

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_unpack, (self.message, self.kind, self.place, self.hint, self.index))


def _rebuild_unpack(message: str, kind: str, place: str, hint: str, index: int) -> UnpackError:
    return UnpackError(message, kind=kind, place=place, hint=hint, index=index)


def row_place(spec: TensorSpec, row: int) -> str:
    """How error messages name a cell."""
    return f"tensor {spec.name!r}, row {row}"


def bad_sample(spec: TensorSpec, row: int, found: str, expected: str, *, kind: str = "", hint: str = "") -> SampleError:
    """The error for a sample that does not fit: what was found, what was expected, and where."""
    message = f"found {found}, expected {expected}"
    return SampleError(message, kind=kind, place=row_place(spec, row), hint=hint)


def placed(error: LakebedError, place: str) -> LakebedError:
    """The same error, said to be at `place`; what it named before stays in front of it."""
    where = f"{place} ({error.place})" if error.place else place
    return type(error)(error.message, kind=error.kind, place=where, hint=error.hint)


def undecodable(error: LakebedError, spec: TensorSpec, index: int) -> UnpackError:
    """What `Htype.unpack` raises for the sample at `index` of the cells it was given."""
    place = f"tensor {spec.name!r}, sample {index} of those read"
    return UnpackError(error.message, kind=error.kind, place=place, hint=error.hint, index=index)


def describe(value: Any) -> str:
    """A value in a few words, for messages: never its whole content."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, list | tuple | dict | set):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, bool | int | float | np.generic):
        return f"{type(value).__name__} {value}"
    return f"a value of type {type(value).__name__}"
