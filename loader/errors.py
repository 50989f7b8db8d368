"""What can go wrong between stored bytes and a batch, and the sentences that say where."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import LakebedError
from ..storage.errors import SampleError


class TransformError(LakebedError):
    """The user's transform raised; the cause is chained, and its traceback stands in the notes."""

    default_kind = "transform-failed"


class WorkerError(LakebedError, RuntimeError):
    """A worker process of the loader died."""

    default_kind = "worker-died"

    __str__ = LakebedError.__str__


class LoaderTimeoutError(LakebedError, TimeoutError):
    """A batch did not come within the deadline."""

    default_kind = "loader-timeout"

    __str__ = LakebedError.__str__


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a sample comes from, for messages and for the list of bad samples."""

    row: int
    """Position in the source that was read."""
    row_id: int
    tensor: str = ""
    url: str = ""

    def __str__(self) -> str:
        parts = [f"row {self.row} (row id {self.row_id})"]
        if self.tensor:
            parts.append(f"tensor {self.tensor!r}")
        if self.url:
            parts.append(self.url)
        return ", ".join(parts)


def located(error: Exception, place: RowPlace) -> LakebedError:
    """`error` said to be at `place`: the same class for errors of Lakebed, SampleError for those of decoders."""
    if isinstance(error, LakebedError):
        return type(error)(error.message, kind=error.kind, place=str(place), hint=error.hint)
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return SampleError(f"the sample cannot be read: {said}", kind="undecodable-sample", place=str(place))
