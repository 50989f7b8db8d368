"""Rows of a dataset written: append, extend, update, pop, and `with ds:` as one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

import numpy as np

from .handle import Handle
from .indexing import row_number, rows_of
from .lenient import LeftOut, extend_or_skip, warn_left_out
from .progress import progress
from .reading import Readable
from .row import Row
from .storage.errors import InvalidInputError, RangeError, SampleError
from .storage.schema import unknown_tensor
from .tensor import Tensor, plain

PROGRESS_STEP = 500
"""Rows between two steps of a progress bar."""


class RowEdits(Handle):
    """The writing half of `Dataset`."""

    def __enter__(self) -> Self:
        """Begin a transaction: what follows lands as a whole at its end, or not at all if an exception leaves it.

        Inside another transaction it is a savepoint: an exception undoes the inner part, and the outer one goes on if
        it catches it.
        """
        self._ws.begin()
        self._staged_before.append(self._staged.fork())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        before = self._staged_before.pop()
        ragged = self._ragged_error() if self._ws.depth == 1 and self._staged.waiting() else None
        if kind is not None or ragged is not None:
            self._staged = before
            self._ws.rollback()
            if ragged is not None and kind is None:
                raise ragged
            return
        self._ws.end()

    def append(self, sample: Mapping[str, Any] | Row, skip_ok: bool = False, append_empty: bool = False) -> None:
        """Add one row at the end: a sample for every tensor; None is the empty sample.

        Args:
            sample: tensor name to sample; a `Tensor` of one row, of this or another dataset, stands for its sample, and
                a row of a dataset or view, ``other[5]``, for all of its samples.
            skip_ok: leave out tensors at will; their cell is empty. (Deep Lake's tensors then differ in length;
                rows are whole here.)
            append_empty: the same.

        Raises:
            InvalidInputError: kind "missing-tensor", a tensor has no sample; kind "not-a-row", it is no mapping.
            NotFoundError: kind "unknown-tensor", a key is no tensor.
            SampleError: a sample does not fit; nothing was added.
            StateError: the dataset is read-only.
        """
        self._writable()
        sample = _as_row(sample)
        self._check_keys(sample, allow_missing=skip_ok or append_empty)
        try:
            self._ws.extend({name: [self._plain(name, value)] for name, value in sample.items()}, 1)
        except SampleError as error:
            if not error.hint and _looks_like_columns(sample):
                error.hint = "append adds one row; a list of samples for each tensor goes to ds.extend"
            raise

    def extend(
        self,
        samples: Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Any] | Row] | Readable,
        skip_ok: bool = False,
        append_empty: bool = False,
        ignore_errors: bool = False,
        progressbar: bool = False,
    ) -> None:
        """Add many rows at the end in one step: all of them or, on an error, none.

        Args:
            samples: tensor name to a sequence of samples, all of one length; or one mapping for each row; or a dataset
                or view, whose rows are added; or a table of pandas, pyarrow or polars.
            skip_ok: leave out tensors at will; their cells are empty.
            append_empty: the same.
            ignore_errors: leave out rows that do not fit; a warning lists them.
            progressbar: show rows per second on stderr.

        Raises:
            InvalidInputError: kind "length-mismatch" or "missing-tensor".
            NotFoundError: kind "unknown-tensor", a key is no tensor.
            SampleError: a sample does not fit; nothing was added.
        """
        self._writable()
        given = _as_columns(samples, self._names(), skip_ok or append_empty)
        self._check_keys(given, allow_missing=skip_ok or append_empty)
        columns = {name: self._column(name, values) for name, values in given.items()}
        count = _common_length(columns)
        if ignore_errors:
            self._extend_leniently(columns, count, progressbar)
        elif progressbar or any(isinstance(values, Tensor) for values in columns.values()):
            self._extend_in_steps(columns, count, progressbar)
        else:
            self._ws.extend(columns, count)

    def update(self, index: int, sample: Mapping[str, Any]) -> None:
        """Write several cells of one row in one step; the same as ``ds[index].update(sample)``."""
        self._update_row(row_number(index, len(self)), dict(_as_row(sample)))

    def pop(self, index: int | Sequence[int] | None = None) -> None:
        """Remove a row, or several: rows after it move up by one. Views saved before keep their rows.

        Args:
            index: row number, negative from the end, or a list of them; None removes the last row.

        Raises:
            RangeError: a row is not there; nothing was removed.
            InvalidInputError: kind "duplicate-row".
        """
        self._writable()
        if index is None and not len(self):
            raise RangeError("there is no row to pop: the dataset is empty", place=self._path)
        rows, _ = rows_of(-1 if index is None else index, len(self))
        if len(set(rows.tolist())) != len(rows):
            raise InvalidInputError("a row to pop is named twice", kind="duplicate-row", place=f"rows {rows.tolist()}")
        if len(rows):
            self._ws.pop(rows.tolist())
            self._staged.popped(rows.tolist())

    def _update_row(self, row: int, sample: dict[str, Any]) -> None:
        self._writable()
        sample = dict(_as_row(sample))
        self._check_keys(sample, allow_missing=True)
        if sample:
            samples = {name: [self._plain(name, value)] for name, value in sample.items()}
            self._ws.update([row_number(row, len(self))], samples)

    def _check_keys(self, sample: Mapping[str, Any], allow_missing: bool) -> None:
        schema = self._schema()
        for name in sample:
            if name not in schema:
                raise unknown_tensor(name, schema.names)
        missing = [name for name in self._names() if name not in sample]
        if missing and not allow_missing:
            raise InvalidInputError(
                f"the sample has nothing for {', '.join(map(repr, missing))}",
                kind="missing-tensor",
                place=f"keys {', '.join(map(repr, sample)) or 'none'}",
                hint="give every tensor a sample (None is the empty one), or pass append_empty=True",
            )
        if not schema.names:
            raise InvalidInputError(
                "the dataset has no tensors to append to",
                kind="no-tensors",
                hint='ds.create_tensor("images", htype="image")',
            )

    def _plain(self, name: str, value: Any) -> Any:
        return plain(value, self._schema()[name].full_htype)

    def _column(self, name: str, values: Any) -> Any:
        """Samples of one tensor; those of a tensor of any dataset are read when it is their turn (see `_part`)."""
        if isinstance(values, Tensor):
            return values.as_samples(self._schema()[name].full_htype) if values.is_single else values
        if isinstance(values, np.ndarray):
            return values
        if hasattr(values, "to_pylist"):  # a column of Arrow
            return values.to_pylist()
        sized = values if hasattr(values, "__len__") else list(values)
        return [self._plain(name, value) for value in sized] if any(isinstance(v, Tensor) for v in sized) else sized

    def _part(self, name: str, values: Sequence[Any], start: int, stop: int) -> Sequence[Any]:
        return cast(Sequence[Any], self._plain(name, values[start:stop]))

    def _extend_in_steps(self, columns: Mapping[str, Sequence[Any]], count: int, progressbar: bool) -> None:
        """`extend` so many rows at a time; the transaction around it keeps it all or nothing."""
        with self, progress(count, "rows", shown=progressbar) as bar:
            for start in range(0, count, PROGRESS_STEP):
                stop = min(start + PROGRESS_STEP, count)
                part = {name: self._part(name, values, start, stop) for name, values in columns.items()}
                self._ws.extend(part, stop - start)
                bar.update(stop - start)

    def _extend_leniently(self, columns: Mapping[str, Sequence[Any]], count: int, progressbar: bool) -> None:
        left_out: list[LeftOut] = []
        with self, progress(count, "rows", shown=progressbar) as bar:
            for start in range(0, count, PROGRESS_STEP):
                stop = min(start + PROGRESS_STEP, count)
                part = {name: self._part(name, values, start, stop) for name, values in columns.items()}
                left_out += [(start + row, what) for row, what in extend_or_skip(self._ws, part, 0, stop - start)]
                bar.update(stop - start)
        warn_left_out([f"row {row}: {what}" for row, what in left_out], count)


def _as_columns(samples: Any, names: Sequence[str], allow_missing: bool) -> Mapping[str, Any]:
    if isinstance(samples, Mapping):
        return samples
    if isinstance(samples, Readable):
        return samples._subset(None, None).tensors  # fixed, so that a dataset can be added to itself
    columns = getattr(samples, "column_names", getattr(samples, "columns", None))
    if columns is not None:  # a table of pyarrow, pandas or polars
        return {str(name): samples[name] for name in columns}
    rows = [_as_row(row) for row in samples]
    keys = list(dict.fromkeys(key for row in rows for key in row)) if rows else list(names)
    if not allow_missing:
        for number, row in enumerate(rows):
            lacking = [key for key in keys if key not in row]
            if lacking:
                raise InvalidInputError(
                    f"row {number} has nothing for {', '.join(map(repr, lacking))}",
                    kind="missing-tensor",
                    hint="give every tensor a sample (None is the empty one), or pass append_empty=True",
                )
    return {key: [row.get(key) for row in rows] for key in keys}


def _as_row(sample: Any) -> Mapping[str, Any]:
    if isinstance(sample, Row):
        return sample.tensors
    if not isinstance(sample, Mapping):
        raise InvalidInputError(
            f"a row is a dictionary of samples by tensor name, found a {type(sample).__name__}",
            kind="not-a-row",
            hint='ds.append({"images": image, "labels": [0]}) adds a row; ds.extend takes a dictionary of lists, or '
            "a list of dictionaries",
        )
    return cast(Mapping[str, Any], sample)


def _looks_like_columns(sample: Mapping[str, Any]) -> bool:
    """Whether each value is a list, all of one length: samples of many rows, as `extend` takes them."""
    return all(isinstance(value, list) for value in sample.values()) and len(set(map(len, sample.values()))) == 1


def _common_length(columns: Mapping[str, Sequence[Any]]) -> int:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidInputError(
            "the tensors have different numbers of samples: "
            + ", ".join(f"{name!r} {n}" for name, n in lengths.items()),
            kind="length-mismatch",
            hint="every row needs one sample for each tensor; None is the empty sample",
        )
    return next(iter(lengths.values()), 0)
