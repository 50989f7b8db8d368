"""Where an eval stands that commits as it goes, so that the next one on the same data goes on from there.

The record lies in the dataset's info under a key of Lakebed's own and lands in one transaction with the rows that it
counts; so it is right in every commit, and in whatever a crash or `ds.reset()` leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from ..info import RESERVED
from ..reading import Readable
from ..storage.errors import StateError
from .work import Step

if TYPE_CHECKING:
    from ..datasets import Dataset

KEY = RESERVED + "compute"
SAMPLED = 64
"""Inputs whose content is compared, spread evenly over those that are done."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The record of one eval: who does it (`steps`), on which data, in place or not."""

    dataset: Dataset
    steps: Sequence[Step]
    data: Any
    in_place: bool

    def done(self) -> int:
        """Inputs that an earlier, unfinished eval of the same functions on the same data has already written.

        Raises:
            StateError: kind "other-checkpoint": what is unfinished is something else.
        """
        record = self._record()
        if record is None:
            return 0
        done = int(record["done"])
        if done > len(self.data) or record != self._made(done):
            raise StateError(
                f"an eval of {record['steps']} stopped after {done} inputs, and this one has other functions, "
                "arguments or data",
                kind="other-checkpoint",
                place=self.dataset.path,
                hint="give it the same to go on where it stopped, or pass resume=False to begin at the first input",
            )
        return done

    def write(self, done: int) -> None:
        """Note that the first `done` inputs are written, in the open transaction; with all of them, forget the eval."""
        kept = dict(self.dataset._stored_info(""))
        finished = done >= len(self.data)
        if finished and KEY not in kept:
            return
        kept.pop(KEY, None)
        self.dataset._set_info("", kept if finished else {**kept, KEY: self._made(done)})

    def _record(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.dataset._stored_info("").get(KEY)
        return found

    def _made(self, done: int) -> dict[str, Any]:
        return {
            "steps": ", ".join(step.name for step in self.steps),
            "arguments": _digest([(step.args, step.kwargs) for step in self.steps]),
            "done": done,
            # A dataset that replaces its own rows no longer holds what was read.
            "data": f"{len(self.data)} rows in place" if self.in_place else data_digest(self.data, done),
        }


def data_digest(data: Any, count: int) -> str:
    """A hash of the first `count` inputs: for a dataset their row ids, for others the content of some of them."""
    if isinstance(data, Readable):
        ids = data._pinned().row_ids[:count].astype("<i8").tobytes()
        return _digest([data._workspace().repository.uuid, ids])
    places = np.unique(np.linspace(0, count - 1, SAMPLED, dtype=np.int64)).tolist() if count else []
    return _digest([data[place] for place in places])


def _digest(value: Any) -> str:
    hasher = hashlib.sha256()
    _feed(hasher, value)
    return hasher.hexdigest()[:32]


def _feed(hasher: Any, value: Any) -> None:
    """Hash plain values by their content, others by their class alone: their address differs from run to run."""
    if isinstance(value, Mapping):
        value = [[key, value[key]] for key in sorted(value, key=repr)]
    if isinstance(value, set | frozenset):
        value = sorted(value, key=repr)
    if isinstance(value, list | tuple):
        hasher.update(b"(%d" % len(value))
        for item in value:
            _feed(hasher, item)
    elif isinstance(value, np.ndarray) and value.dtype.kind != "O":
        hasher.update(f"{value.dtype} {value.shape}".encode())
        hasher.update(np.ascontiguousarray(value).data if value.size else b"")
    elif isinstance(value, PathLike):
        hasher.update(repr(fspath(value)).encode())
    else:
        plain = value is None or isinstance(value, str | bytes | bool | int | float | np.generic)
        hasher.update((repr(value) if plain else type(value).__qualname__).encode())
    hasher.update(b";")
