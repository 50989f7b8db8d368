"""What datasets, views, groups and rows share: reading tensors by name, by index, and as a whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

from .group_names import GROUPS_KEY, all_groups, sub_groups
from .indexing import RowArray, rows_of
from .info import Info
from .outlets import Outlets
from .row import Row
from .storage.errors import InvalidInputError, StateError
from .storage.schema import Schema, unknown_tensor
from .storage.source import SampleSource
from .tensor import Tensor

if TYPE_CHECKING:
    import pyarrow as pa


class Readable(Outlets):
    """Rows with named tensors. `len` is the number of rows; iterating yields them one by one.

    ``x["boxes"]`` and ``x.boxes`` are a `Tensor`; ``x["group"]`` and ``x.group`` a `Group`; ``x[5]`` a `Row`;
    ``x[2:9]``, ``x[[4, 1]]`` and ``x[mask]`` a view of those rows; ``x[["images", "boxes"]]`` one of those tensors;
    ``x[2:9, ["images", "boxes"]]`` both.
    """

    @abstractmethod
    def _subset(
        self,
        rows: RowArray | None,
        tensors: tuple[str, ...] | None,
        computed: pa.Table | None = None,
        query: str = "",
        aliases: Mapping[str, str] | None = None,
    ) -> Readable:
        """A view of chosen rows (None: all) and tensors (None: all that are shown here) of `_pinned`.

        `computed`, `query` and `aliases` are what a query found beside the rows, its text, and the names it gave.
        """

    def _schema(self) -> Schema:
        """The tensors as they are now."""
        return self._source().schema

    def _stored_info(self, tensor: str) -> Mapping[str, Any]:
        """The info of a tensor, or of the dataset for ""."""
        return self._source().info(tensor)

    def _names(self) -> tuple[str, ...]:
        """Names of the tensors that are shown."""
        return tuple(spec.name for spec in self._schema() if not spec.hidden)

    def _read(self, tensor: str, rows: RowArray) -> list[Any]:
        return self._source().read(tensor, rows)

    def _refuse_write(self) -> NoReturn:
        raise StateError(
            "a view is fixed and cannot be changed",
            kind="view-is-fixed",
            hint="change the dataset (ds.tensor[i] = ..., ds[i].update(...), ds.pop(i)) and make the view again; "
            "view.sample_indices are its row numbers there",
        )

    def _assign(self, tensor: str, rows: RowArray, values: Sequence[Any]) -> None:
        self._refuse_write()

    def _append_cells(self, tensor: str, values: Iterable[Any]) -> None:
        self._refuse_write()

    def _update_row(self, row: int, sample: dict[str, Any]) -> None:
        self._refuse_write()

    def _tensor_info(self, tensor: str) -> Info:
        return Info(lambda: self._stored_info(tensor))

    # Names and indices

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors by full name, in the order of their creation."""
        return {name: Tensor(self, name) for name in self._names()}

    @property
    def groups(self) -> dict[str, Group]:
        """The groups at the top, by name."""
        return {name: Group(self, name) for name in sub_groups("", self._names(), self._empty_groups())}

    @property
    def info(self) -> Info:
        """Facts about the dataset as a whole; see `Info`."""
        return Info(lambda: self._stored_info(""))

    @property
    def num_samples(self) -> int:
        """Rows; the same as ``len``, because rows are whole."""
        return len(self)

    @property
    def min_len(self) -> int:
        """The same as ``len``: every tensor has a cell in every row."""
        return len(self)

    @property
    def max_len(self) -> int:
        """The same as ``len``: every tensor has a cell in every row."""
        return len(self)

    def __len__(self) -> int:
        return len(self._source())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def __iter__(self) -> Iterator[Row]:
        return (Row(self, number) for number in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        """A tensor, group, row or view; see the class.

        Raises:
            NotFoundError: no tensor or group has that name.
            RangeError: a row is not there.
        """
        if isinstance(index, str):
            return self._named(index)
        if isinstance(index, tuple):
            return self._both(index)
        if isinstance(index, list) and index and all(isinstance(name, str) for name in index):
            return self._subset(None, tuple(self._full_names(index)))
        rows, single = rows_of(index, len(self))
        return Row(self, int(rows[0])) if single else self._subset(rows, None)

    def __getattr__(self, name: str) -> Any:
        # Only called where no real attribute answers; private names are looked up by copy and pickle.
        found = None if name.startswith("_") else self._find(name)
        if found is None:
            near = get_close_matches(name, [*self._names(), *dir(type(self))], n=2)
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            raise AttributeError(f"{type(self).__name__} has no attribute, tensor or group {name!r}{meant}")
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        # An attribute would hide the tensor of that name, and the samples would be lost.
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"{name!r} cannot be set; samples are written as ds[{name!r}][:] = values")
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        names = {name.split("/")[0] for name in self._names()}
        return sorted({*super().__dir__(), *names})

    def _named(self, name: str) -> Tensor | Group:
        found = self._find(name)
        if found is None:
            raise unknown_tensor(name, self._names())
        return found

    def _find(self, name: str) -> Tensor | Group | None:
        name = name.strip("/")
        if name in self._schema():
            return Tensor(self, name)
        if name and name in all_groups(self._names(), self._empty_groups()):
            return Group(self, name)
        return None

    def _full_names(self, names: Sequence[str]) -> list[str]:
        found: list[str] = []
        for name in names:
            item = self._named(name)
            found += [item.name] if isinstance(item, Tensor) else [t.name for t in item.tensors.values()]
        return found

    def _both(self, index: tuple[Any, ...]) -> Any:
        names = [part for part in index if isinstance(part, str) or _is_names(part)]
        rows = [part for part in index if not (isinstance(part, str) or _is_names(part))]
        if len(names) != 1 or len(rows) > 1:
            raise InvalidInputError(
                f"{index!r} cannot choose rows and tensors",
                kind="bad-index",
                hint='write ds[rows, "tensor"] or ds[rows, ["tensor", "tensor"]]; rows 1 and 2 are ds[[1, 2]]',
            )
        chosen = self[names[0]]
        return chosen[rows[0]] if rows else chosen

    def _empty_groups(self) -> tuple[str, ...]:
        return tuple(self._stored_info("").get(GROUPS_KEY, ()))


class Group(Readable):
    """Tensors whose names share a prefix: ``ds["labels"]["boxes"]`` is ``ds["labels/boxes"]``."""

    def __init__(self, owner: Readable, name: str) -> None:
        self._owner = owner
        self._name = name

    @property
    def name(self) -> str:
        """The full name, without a slash at its end."""
        return self._name

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The group's tensors by their name inside it, nested groups included."""
        cut = len(self._name) + 1
        return {name[cut:]: Tensor(self._owner, name) for name in self._names()}

    @property
    def groups(self) -> dict[str, Group]:
        """The groups inside this one, by their name inside it."""
        inner = sub_groups(self._name + "/", self._owner._names(), self._owner._empty_groups())
        return {name: Group(self._owner, f"{self._name}/{name}") for name in inner}

    def create_tensor(self, name: str, *args: Any, **options: Any) -> Tensor:
        """Create a tensor in this group; the arguments are those of `Dataset.create_tensor`."""
        create: Any = getattr(self._owner, "create_tensor", None)
        if create is None:
            self._refuse_write()
        tensor: Tensor = create(f"{self._name}/{name}", *args, **options)
        return tensor

    def __repr__(self) -> str:
        return f"Group({self._name!r}, tensors={list(self.tensors)})"

    def _source(self) -> SampleSource:
        return self._owner._source()

    def _pinned(self) -> SampleSource:
        return self._owner._pinned()

    def _subset(
        self,
        rows: RowArray | None,
        tensors: tuple[str, ...] | None,
        computed: pa.Table | None = None,
        query: str = "",
        aliases: Mapping[str, str] | None = None,
    ) -> Readable:
        return self._owner._subset(rows, tensors or self._names(), computed, query, aliases)

    def _schema(self) -> Schema:
        return self._owner._schema()

    def __len__(self) -> int:
        return len(self._owner)

    def _stored_info(self, tensor: str) -> Mapping[str, Any]:
        return self._owner._stored_info(tensor)

    def _names(self) -> tuple[str, ...]:
        return tuple(name for name in self._owner._names() if name.startswith(self._name + "/"))

    def _find(self, name: str) -> Tensor | Group | None:
        return self._owner._find(f"{self._name}/{name}")

    def _read(self, tensor: str, rows: RowArray) -> list[Any]:
        return self._owner._read(tensor, rows)

    def _assign(self, tensor: str, rows: RowArray, values: Sequence[Any]) -> None:
        self._owner._assign(tensor, rows, values)

    def _append_cells(self, tensor: str, values: Iterable[Any]) -> None:
        self._owner._append_cells(tensor, values)

    def _update_row(self, row: int, sample: dict[str, Any]) -> None:
        self._owner._update_row(row, {f"{self._name}/{key}": value for key, value in sample.items()})

    def _tensor_info(self, tensor: str) -> Info:
        return self._owner._tensor_info(tensor)


def _is_names(part: Any) -> bool:
    return isinstance(part, list) and bool(part) and all(isinstance(name, str) for name in part)
