"""What datasets, views, groups and rows share: reading tensors by name, by index, and as a whole."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

from .indexing import RowArray, row_number, rows_of
from .info import RESERVED, Info
from .storage.errors import InvalidInputError, StateError
from .storage.schema import Schema, unknown_tensor
from .storage.source import SampleSource
from .tensor import Tensor

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL import Image
    from torch.utils.data import DataLoader

GROUPS_KEY = RESERVED + "groups"
"""Key of the dataset's info that lists groups without tensors; groups with tensors need no record."""


class Readable(ABC):
    """Rows with named tensors. `len` is the number of rows; iterating yields them one by one.

    ``x["boxes"]`` and ``x.boxes`` are a `Tensor`; ``x["group"]`` and ``x.group`` a `Group`; ``x[5]`` a `Row`;
    ``x[2:9]``, ``x[[4, 1]]`` and ``x[mask]`` a view of those rows; ``x[["images", "boxes"]]`` one of those tensors;
    ``x[2:9, ["images", "boxes"]]`` both.
    """

    @abstractmethod
    def _source(self) -> SampleSource:
        """Where rows are read from, as they are now."""

    @abstractmethod
    def _pinned(self) -> SampleSource:
        """The same rows, fixed for ever."""

    @abstractmethod
    def _subset(
        self,
        rows: RowArray | None,
        tensors: tuple[str, ...] | None,
        computed: pa.Table | None = None,
        query: str = "",
    ) -> Readable:
        """A view of chosen rows (None: all) and tensors (None: all that are shown here) of `_pinned`."""

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

    # The rows as a whole

    def plot(
        self,
        rows: Iterable[int] | int | None = None,
        path: str | os.PathLike[str] | None = None,
        *,
        columns: int = 4,
        tile: int = 320,
        tensors: Sequence[str] | None = None,
    ) -> Image.Image:
        """A picture of chosen rows: a grid of their images with boxes, masks and class names.

        `rows` are row numbers here (None: the first 12; an int: the first so many); `path` also writes the picture;
        `columns` stand side by side, each fitted into `tile` pixels; `tensors` names what to draw instead of the first
        image, bbox, binary_mask and class_label tensor. Returns a PIL image, which a notebook shows.

        Raises:
            InvalidInputError: there is no image tensor.
            RangeError: a row is not there.
            StorageError: an image cannot be fetched, or `path` not be written.
        """
        from .plot import plot_rows

        return plot_rows(self._source(), rows, path, columns=columns, tile=tile, tensors=tensors or self._names())

    def visualize(self, width: int | str | None = None, height: int | str | None = None) -> Image.Image:
        """The picture of `plot` for the first rows; `width` and `height` are accepted for old scripts and unused."""
        return self.plot()

    def pytorch(self, transform: Any = None, **options: Any) -> DataLoader[Any]:
        """A `torch.utils.data.DataLoader` over these rows; the arguments are those of `lakebed.loader.make_loader`.

        Among them: ``tensors=``, ``batch_size=``, ``num_workers=``, ``shuffle=``, ``collate_fn=``, ``drop_last=``,
        ``decode_method=``, ``pin_memory=``, ``return_index=``, ``seed=``. The transform gets a dict of NumPy arrays.

        Raises:
            InvalidInputError: an argument is unknown or does not fit.
            StateError: rows of this dataset have not landed yet and cannot be handed to another process.
        """
        from .loader import make_loader

        if options.get("tensors") is None:
            options["tensors"] = list(self._names())
        return make_loader(self._pinned(), transform=transform, **options)

    def to_arrow(self, tensors: Sequence[str] | None = None) -> pa.Table:
        """The stored values of the tensors as an Arrow table; links are URLs, big payloads null.

        One column a tensor, in the tensors' order, named as the tensor.
        """
        source = self._source()
        specs = [source.schema[name] for name in (tensors or self._names())]
        return source.table([spec.column for spec in specs]).rename_columns([spec.name for spec in specs])

    def to_pandas(self, tensors: Sequence[str] | None = None) -> Any:
        """`to_arrow` as a pandas DataFrame; needs pandas."""
        return self.to_arrow(tensors).to_pandas()

    def summary(self, force: bool = False) -> None:
        """Print the tensors with htype, shape, dtype and compression. `force` is accepted for old scripts."""
        from .summary import summary_text

        print(summary_text(repr(self), self._source(), self._names()))

    def _repr_html_(self) -> str:
        from .summary import summary_html

        return summary_html(repr(self), self._source(), self._names())


class Row:
    """One row: ``row["boxes"].numpy()``, ``row.boxes``, and on a dataset ``row.update({...})``."""

    __slots__ = ("_number", "_owner")

    def __init__(self, owner: Readable, number: int) -> None:
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
        return self._owner._names()

    def __getitem__(self, name: str) -> Any:
        if not isinstance(name, str):
            raise InvalidInputError("a row is indexed by tensor names", kind="bad-index", hint='ds[5]["boxes"]')
        return self._cell(self._owner._named(name))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._cell(getattr(self._owner, name))

    def __repr__(self) -> str:
        return f"Row({self._number}, tensors={list(self._owner._names())})"

    def _cell(self, found: Any) -> Any:
        if isinstance(found, Group):
            return Row(found, self._number)
        if not isinstance(found, Tensor):
            raise AttributeError(f"a row has no attribute or tensor of type {type(found).__name__}")
        # Checked now, so that a row that has been popped is an error here and not a neighbour's value.
        return found[row_number(self._number, len(self._owner))]


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
    ) -> Readable:
        return self._owner._subset(rows, tensors or self._names(), computed, query)

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


def all_groups(names: Sequence[str], empty: Sequence[str]) -> list[str]:
    """Every group that tensors called `names`, and `empty` groups, make: ``a`` and ``a/b`` for ``a/b/c``."""
    parts = [name.split("/")[:-1] for name in names] + [name.split("/") for name in empty]
    found = ("/".join(path[:depth]) for path in parts for depth in range(1, len(path) + 1))
    return list(dict.fromkeys(found))


def sub_groups(prefix: str, names: Sequence[str], empty: Sequence[str]) -> list[str]:
    """The groups directly under `prefix` ("" or ending in "/"), by their name there."""
    inner = (group[len(prefix) :] for group in all_groups(names, empty) if group.startswith(prefix))
    return [name for name in inner if name and "/" not in name]


def _is_names(part: Any) -> bool:
    return isinstance(part, list) and bool(part) and all(isinstance(name, str) for name in part)
