"""What happens to samples that cannot be read, and the list in which every one of them stands."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..errors import LakebedError
from ..storage.errors import DamageError
from .errors import RowPlace

OnBadSample = Literal["raise", "skip", "substitute", "blank"]
POLICIES = ("raise", "skip", "substitute", "blank")
_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class BadSample:
    """A sample that could not be read, and what was delivered for it."""

    epoch: int
    place: RowPlace
    kind: str
    error: str
    done: str
    """"skipped", "substituted by row N", "blank"."""


class BadSamples:
    """Counts all bad samples and lists the newest ones; iterates over the list."""

    def __init__(self) -> None:
        self.count = 0
        self._newest: deque[BadSample] = deque(maxlen=_LISTED)

    def add(self, sample: BadSample) -> None:
        self.count += 1
        self._newest.append(sample)

    def __iter__(self) -> Iterator[BadSample]:
        return iter(list(self._newest))

    def __len__(self) -> int:
        return len(self._newest)

    def check(self, delivered: int, allowed: float) -> None:
        """Stop when more than the share `allowed` of the `delivered` samples is bad; a few are always allowed.

        Raises:
            DamageError: kind "too-many-bad-samples".
        """
        if self.count > max(10.0, allowed * delivered):
            newest = self._newest[-1]
            raise DamageError(
                f"{self.count} of about {delivered} samples could not be read, more than max_bad={allowed:.2%} allows; "
                f"the last: {newest.error}",
                kind="too-many-bad-samples",
                place=str(newest.place),
                hint="look at loader.bad_samples, mend the data, or pass a larger max_bad",
            )


@dataclass(frozen=True, slots=True)
class Failed:
    """Stands where a value should be that could not be read."""

    error: LakebedError
    tensor: str
