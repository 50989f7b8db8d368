"""The base of `Dataset`: a handle on one working copy, which the parts of `Dataset` build on."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakSet

from .indexing import RowArray
from .info import Info
from .reading import Readable
from .staged import StagedCells
from .storage.errors import InvalidInputError, StateError
from .storage.schema import Schema
from .storage.source import SampleSource
from .storage.workspace import Workspace

_WAITING: WeakSet[Handle] = WeakSet()
"""Handles in which cells may wait for the rest of their rows."""


class Handle(Readable):
    """Rows of a dataset as one handle sees them: what has landed, and this handle's own changes on top."""

    def __init__(self, workspace: Workspace, path: str = "") -> None:
        if not isinstance(workspace, Workspace):
            raise InvalidInputError(
                "a dataset is opened or made by a function, not by its class",
                kind="bad-argument",
                hint="lakebed.load(path) opens one, lakebed.empty(path) makes one, lakebed.dataset(path) does either",
            )
        self._ws = workspace
        self._path = path
        self._staged = StagedCells()
        self._staged_before: list[StagedCells] = []
        """What waited when each open transaction began."""

    def _source(self) -> SampleSource:
        return self._ws.snapshot()

    def _workspace(self) -> Workspace:
        return self._ws

    def _schema(self) -> Schema:
        return self._ws.schema

    def _stored_info(self, tensor: str) -> Mapping[str, Any]:
        return self._ws.info(tensor)

    def _read(self, tensor: str, rows: RowArray) -> list[Any]:
        return self._ws.read(tensor, rows)

    def __len__(self) -> int:
        return len(self._ws)

    def _assign(self, tensor: str, rows: RowArray, values: Sequence[Any]) -> None:
        self._writable()
        if len(rows):
            self._ws.update(rows, {tensor: list(values)})

    def _append_cells(self, tensor: str, values: Iterable[Any]) -> None:
        self._writable()
        self._staged.add(tensor, list(values))
        self._place_staged()
        if self._staged.waiting():
            _WAITING.add(self)

    def _place_staged(self) -> None:
        """Write staged cells that have a place: into rows older than their tensor, or as whole new rows."""
        filled = self._staged.take_fill(len(self))
        for tensor, (rows, values) in filled.items():
            self._ws.update(rows, {tensor: values})
        columns, count = self._staged.take_whole(self._names())
        if count:
            self._ws.extend(columns, count)

    def _tensor_info(self, tensor: str) -> Info:
        return Info(lambda: self._stored_info(tensor), lambda value: self._set_info(tensor, value))

    @property
    def info(self) -> Info:
        """Facts about the dataset as a whole; ``ds.info["source"] = "camera 3"`` is versioned with the next commit."""
        return Info(lambda: self._stored_info(""), lambda value: self._set_info("", value))

    @info.setter
    def info(self, value: Mapping[str, Any]) -> None:
        self.info.replace(value)

    def _set_info(self, tensor: str, value: dict[str, Any]) -> None:
        self._writable()
        self._ws.set_info(tensor, value)

    def _writable(self) -> None:
        """Raises StateError if this handle cannot write."""
        if self._ws.read_only:
            raise self._read_only_error()

    def _read_only_error(self) -> StateError:
        if self._ws.branch is None:
            return StateError(
                "this is an old commit, which never changes",
                kind="read-only",
                place=self._path,
                hint='to write from here make a branch: ds.checkout("my-branch", create=True)',
            )
        return StateError(
            "the dataset is open for reading only",
            kind="read-only",
            place=self._path,
            hint="open it with read_only=False, or ask for permission to write there",
        )

    def _expect_whole_rows(self) -> None:
        """Raises StateError if cells wait for the rest of their rows; see `Tensor.extend`."""
        if self._staged.waiting():
            raise self._ragged_error()

    def _ragged_error(self) -> StateError:
        waiting = ", ".join(f"{count} of {name!r}" for name, count in self._staged.waiting().items())
        return StateError(
            f"rows are not whole, samples wait for the other tensors: {waiting}",
            kind="ragged-rows",
            place=self._path,
            hint=f"give every tensor as many samples ({', '.join(self._names())}), or drop what waits with ds.reset()",
        )


@atexit.register
def _tell_of_lost_cells() -> None:
    for handle in list(_WAITING):
        if handle._staged.waiting():
            print(f"lakebed: not saved: {handle._ragged_error()}", file=sys.stderr)
