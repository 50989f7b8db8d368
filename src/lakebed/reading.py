"""What datasets, views, groups and rows share: reading tensors by name, by index, and as a whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .elsewhere import OF_DATASETS, instead
from .group_names import GROUPS_KEY, all_groups, sub_groups
from .indexing import RowArray, rows_of
from .info import Info
from .outlets import Outlets
from .row import Row
from .storage.errors import InvalidInputError, StateError
from .storage.schema import Schema, unknown_tensor
from .storage.source import SampleSource
from .storage.workspace import Workspace
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

    @abstractmethod
    def _workspace(self) -> Workspace:
        """What the rows are read through."""

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

    @property
    def max_view(self) -> Readable:
        """A view of all rows: tensors have equal lengths here, so nothing is padded."""
        return self._subset(None, None)

    @property
    def min_view(self) -> Readable:
        """A view of all rows: tensors have equal lengths here, so nothing is left out."""
        return self._subset(None, None)

    @property
    def root(self) -> Readable:
        """What a group belongs to; a dataset or view itself."""
        return self

    @property
    def parent(self) -> Readable | None:
        """The group, dataset or view that a group lies in; None for a dataset or view."""
        return None

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
            kind = type(self).__name__
            raise AttributeError(f"{kind} has no attribute, tensor or group {name!r}{self._absent(name)}")
        return found

    def _absent(self, name: str) -> str:
        """What to add to the message that there is no attribute `name`."""
        return "" if name.startswith("_") else instead("rows", name, [*self._names(), *dir(type(self))])

    def __setattr__(self, name: str, value: Any) -> None:
        # An attribute would hide the tensor of that name, and the samples would be lost.
        if not name.startswith("_") and not hasattr(type(self), name):
            known = self._find(name) is not None
            meant = f"; samples are written as ds[{name!r}][:] = values" if known else self._absent(name)
            raise AttributeError(f"{type(self).__name__} attribute {name!r} cannot be set{meant}")
        super().__setattr__(name, value)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Always refused; the message says how samples are written.

        Raises:
            InvalidInputError: kind "bad-assignment".
        """
        tensor = index if isinstance(index, str) else "boxes"
        row = "0" if isinstance(index, str) else repr(index)
        raise InvalidInputError(
            "tensors and rows are not replaced as a whole",
            kind="bad-assignment",
            place=f"index {index!r}",
            hint=f"write samples with ds[{tensor!r}][{row}] = sample or ds[{row}].update({{{tensor!r}: sample}}); "
            "a new tensor is made by ds.create_tensor",
        )

    def __delitem__(self, index: Any) -> None:
        """Always refused; the message says how rows and tensors are removed.

        Raises:
            InvalidInputError: kind "bad-deletion".
        """
        raise InvalidInputError(
            "rows and tensors are not deleted with `del`",
            kind="bad-deletion",
            place=f"index {index!r}",
            hint=f"ds.delete_tensor({index!r})" if isinstance(index, str) else f"ds.pop({index!r})",
        )

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
        for name in [names] if isinstance(names, str) else names:
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
    """Tensors whose names share a prefix: ``ds["labels"]["boxes"]`` is ``ds["labels/boxes"]``, and its rows and
    loaders call them by that full name."""

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

    @property
    def root(self) -> Readable:
        return self._owner

    @property
    def parent(self) -> Readable:
        above = self._name.rpartition("/")[0]
        return Group(self._owner, above) if above else self._owner

    def create_tensor(self, name: str, *args: Any, **options: Any) -> Tensor:
        """Create a tensor in this group; the arguments are those of `Dataset.create_tensor`."""
        tensor: Tensor = self._maker("create_tensor")(f"{self._name}/{name}", *args, **options)
        return tensor

    def create_group(self, name: str, exist_ok: bool = False) -> Group:
        """Create an empty group inside this one; see `Dataset.create_group`."""
        group: Group = self._maker("create_group")(f"{self._name}/{name}", exist_ok)
        return group

    def _maker(self, method: str) -> Any:
        found = getattr(self._owner, method, None)
        if found is None:
            self._refuse_write()
        return found

    def __repr__(self) -> str:
        return f"Group({self._name!r}, tensors={list(self.tensors)})"

    def _source(self) -> SampleSource:
        return self._owner._source()

    def _pinned(self) -> SampleSource:
        return self._owner._pinned()

    def _workspace(self) -> Workspace:
        return self._owner._workspace()

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

    def _absent(self, name: str) -> str:
        if name == "copy":
            return f"; instead: lakebed.copy(ds, path, tensors=[{self._name!r}])"
        if name in OF_DATASETS:
            return f"; rows are whole: use {name} of the dataset, with full names such as {self._name + '/name'!r}"
        return super()._absent(name)

    def __len__(self) -> int:
        return len(self._owner)

    def _stored_info(self, tensor: str) -> Mapping[str, Any]:
        return self._owner._stored_info(tensor)

    def _names(self) -> tuple[str, ...]:
        return tuple(name for name in self._owner._names() if name.startswith(self._name + "/"))

    def _find(self, name: str) -> Tensor | Group | None:
        found = self._owner._find(f"{self._name}/{name.strip('/')}")
        # Rows, views and loaders of a group call its tensors by their full names.
        full = found is None and name.strip("/").startswith(self._name + "/")
        return self._owner._find(name) if full else found

    def _read(self, tensor: str, rows: RowArray) -> list[Any]:
        return self._owner._read(tensor, rows)

    def _assign(self, tensor: str, rows: RowArray, values: Sequence[Any]) -> None:
        self._owner._assign(tensor, rows, values)

    def _append_cells(self, tensor: str, values: Iterable[Any]) -> None:
        self._owner._append_cells(tensor, values)

    def _update_row(self, row: int, sample: dict[str, Any]) -> None:
        self._owner._update_row(row, {self._named(key).name: value for key, value in sample.items()})

    def _tensor_info(self, tensor: str) -> Info:
        return self._owner._tensor_info(tensor)


def _is_names(part: Any) -> bool:
    return isinstance(part, list) and bool(part) and all(isinstance(name, str) for name in part)
