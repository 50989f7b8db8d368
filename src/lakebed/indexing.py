"""Which rows an index means: ints, slices, lists, masks and tuples turned into row numbers, purely."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .storage.errors import InvalidInputError, RangeError

RowArray: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Pick:
    """A choice of rows, and of a part inside each chosen sample.

    Attributes:
        rows: row numbers, int64 (n,), or None for every row, whatever their number is when asked.
        single: True if one row was asked for by number, so that the row axis is dropped.
        inside: index applied to each sample, as NumPy would: ``()`` for the whole sample.
    """

    rows: RowArray | None = None
    single: bool = False
    inside: tuple[Any, ...] = ()

    def resolve(self, length: int) -> RowArray:
        """The row numbers among `length` rows.

        Raises:
            RangeError: rows have gone since the index was made.
        """
        if self.rows is None:
            return np.arange(length, dtype=np.int64)
        if len(self.rows) and int(self.rows.max()) >= length:
            raise _out_of_range(int(self.rows.max()), length)
        return self.rows

    def narrow(self, index: Any, length: int) -> Pick:
        """This choice, indexed once more: rows first, then inside the sample."""
        head, rest = (index[0], index[1:]) if isinstance(index, tuple) and index else (index, ())
        if self.single:
            whole = index if isinstance(index, tuple) else (index,)
            return Pick(self.rows, True, (*self.inside, *whole))
        chosen, single = rows_of(head, length if self.rows is None else len(self.rows))
        rows = chosen if self.rows is None else self.rows[chosen]
        return Pick(rows, single, tuple(rest))


EVERYTHING = Pick()


def rows_of(index: Any, length: int) -> tuple[RowArray, bool]:
    """Row numbers that `index` names among `length` rows, and whether it named one row by number.

    Raises:
        RangeError: a number lies outside -length to length-1.
        InvalidInputError: `index` is no int, slice, list of ints, or mask of `length` bools.

    >>> rows_of(slice(-2, None), 5)
    (array([3, 4]), False)
    >>> rows_of(-1, 5)
    (array([4]), True)
    """
    if index is Ellipsis:
        return np.arange(length, dtype=np.int64), False
    if isinstance(index, slice):
        return np.arange(*index.indices(length), dtype=np.int64), False
    if hasattr(index, "__index__") and not isinstance(index, bool) and np.ndim(index) == 0:
        return np.array([row_number(index, length)], dtype=np.int64), True
    if isinstance(index, Iterable) and not isinstance(index, (str, bytes)):
        return _rows_of_list(index, length), False
    raise _bad_index(index)


def row_number(index: Any, length: int) -> int:
    """One row number from 0, negative ones counted from the end.

    Raises:
        RangeError: outside the rows there are.
    """
    number = operator.index(index)
    if not -length <= number < length:
        raise _out_of_range(number, length)
    return number % length


def _rows_of_list(index: Iterable[Any], length: int) -> RowArray:
    array = np.asarray(index if isinstance(index, np.ndarray) else list(index))
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iub":
        raise _bad_index(index)
    if array.dtype.kind == "b":
        if len(array) != length:
            raise InvalidInputError(
                f"a mask of {len(array)} values cannot choose among {length} rows",
                kind="bad-index",
                hint="a mask holds one True or False for each row",
            )
        return np.flatnonzero(array).astype(np.int64)
    rows = array.astype(np.int64)
    wrong = (rows < -length) | (rows >= length)
    if wrong.any():
        raise _out_of_range(int(rows[wrong][0]), length)
    return np.where(rows < 0, rows + length, rows)


def _out_of_range(number: int, length: int) -> RangeError:
    there = f"there are {length} rows, numbered 0 to {length - 1}" if length else "there are no rows"
    return RangeError(f"row {number} is out of range: {there}", place=f"row {number}")


def _bad_index(index: Any) -> InvalidInputError:
    return InvalidInputError(
        f"an index of type {type(index).__name__} cannot choose rows",
        kind="bad-index",
        hint="use an int, a slice, a list of ints or a mask of bools; tensors are named by str",
    )
