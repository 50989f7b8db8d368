"""The state of a loader: a few plain values that say where an epoch stands, the same on every rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xxhash

from ..storage.errors import InvalidInputError, StateError
from ..storage.source import SampleSource

VERSION = 1


@dataclass(frozen=True, slots=True)
class LoaderState:
    """Where a loader stands.

    Attributes:
        seed, shuffle, window: what fixes the order.
        epoch: the epoch under way.
        consumed: positions of the epoch that all ranks together were given.
        rows, source: number of rows and a hash of their ids, to notice another source.
        bad: bad samples seen so far on this rank.
    """

    seed: int
    shuffle: bool
    window: int
    epoch: int
    consumed: int
    rows: int
    source: str
    bad: int = 0
    version: int = VERSION

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> LoaderState:
        """Raises InvalidInputError if `data` is no state of a loader, or one of a later version."""
        if not isinstance(data, Mapping) or "version" not in data:
            raise InvalidInputError("this is no state of a Lakebed loader", kind="bad-state")
        if data["version"] > VERSION:
            raise InvalidInputError(
                f"the loader state has version {data['version']}, this Lakebed reads up to {VERSION}", kind="bad-state"
            )
        try:
            return cls(**data)
        except TypeError as error:
            raise InvalidInputError(f"this is no state of a Lakebed loader: {error}", kind="bad-state") from error

    def check(self, now: LoaderState) -> None:
        """Refuse to go on over other rows, or in another order.

        Raises:
            StateError: names what differs.
        """
        for name, said in (
            ("rows", "rows"),
            ("source", "row ids"),
            ("shuffle", "shuffle"),
            ("window", "shuffle window"),
        ):
            mine, found = getattr(now, name), getattr(self, name)
            if mine != found:
                raise StateError(
                    f"the state was saved with {said} {found}, this loader has {mine}",
                    kind="other-loader",
                    hint="open the same view with the same options, or pass force=True to start its epoch afresh",
                )


def source_hash(source: SampleSource) -> str:
    """A short hash of the rows of a source."""
    ids = np.ascontiguousarray(source.row_ids, dtype=np.int64)
    return str(xxhash.xxh3_64_hexdigest(ids.view(np.uint8).data))
