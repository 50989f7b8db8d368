"""One row of a dataset or view: its cells by tensor, and on a dataset the way to write them together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from .computed import ComputedColumn
from .elsewhere import instead
from .indexing import row_number
from .storage.errors import InvalidInputError
from .tensor import Tensor
from .tensor_facts import Owner


class RowOwner(Owner, Protocol):
    """What a row asks of the dataset, view or group that it belongs to."""

    def _names(self) -> tuple[str, ...]: ...

    def _named(self, name: str) -> Any: ...

    def _update_row(self, row: int, sample: dict[str, Any]) -> None: ...


class Row:
    """One row: ``row["boxes"].numpy()``, ``row.boxes``; of a dataset also ``row["boxes"] = x``, ``row.update({...})``.

    It reads like a mapping of tensor names to cells: ``for name, cell in row.items()``, ``"boxes" in row``. A column
    that a query computed is there by its name, ``row["score"].numpy()``, but not among the `keys`.
    """

    __slots__ = ("_number", "_owner")

    def __init__(self, owner: RowOwner, number: int) -> None:
        self._owner = owner
        self._number = number

    @property
    def index(self) -> int:
        """The row's number in what it was taken from."""
        return self._number

    @property
    def tensors(self) -> dict[str, Tensor]:
        """This row's cell of each tensor."""
        return {name: self._cell(Tensor(self._owner, name)) for name in self._owner._names()}

    def update(self, sample: dict[str, Any]) -> None:
        """Write several cells of this row in one step: all of them or, on an error, none.

        Raises:
            SampleError: a sample does not fit its tensor.
            NotFoundError: a key is no tensor.
            StateError: the row is of a view or an old commit.
        """
        self._owner._update_row(self._number, sample)

    def numpy(self) -> dict[str, Any]:
        """The decoded cells by tensor name."""
        return {name: cell.numpy() for name, cell in self.tensors.items()}

    def keys(self) -> tuple[str, ...]:
        """The tensors' names."""
        return self._owner._names()

    def values(self) -> list[Tensor]:
        """The cells, each a `Tensor` of this one row."""
        return list(self.tensors.values())

    def items(self) -> list[tuple[str, Tensor]]:
        """Names and cells, as a dictionary has them."""
        return list(self.tensors.items())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __getitem__(self, name: str) -> Any:
        if not isinstance(name, str):
            raise InvalidInputError("a row is indexed by tensor names", kind="bad-index", hint='ds[5]["boxes"]')
        return self._cell(self._owner._named(name))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._owner, name, None)
        if found is None:
            names = [*self.keys(), *dir(type(self))]
            raise AttributeError(f"Row has no attribute, tensor or group {name!r}{instead('row', name, names)}")
        return self._cell(found)

    def __setitem__(self, name: str, sample: Any) -> None:
        """Write one cell: the same as ``row.update({name: sample})``."""
        self.update({name: sample})

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__slots__:
            raise AttributeError(f"Row attribute {name!r} cannot be set; a cell is written as row[{name!r}] = sample")
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Row({self._number}, tensors={list(self._owner._names())})"

    def _cell(self, found: Any) -> Any:
        if not isinstance(found, (Tensor, ComputedColumn)):
            if not hasattr(found, "_named"):
                raise AttributeError("a row has tensors and groups, update(), numpy(), keys() and index")
            return Row(found, self._number)
        # Checked now, so that a row that has been popped is an error here and not a neighbour's value.
        return found[row_number(self._number, len(self._owner))]
