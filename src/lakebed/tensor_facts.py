"""What a tensor is, without reading a sample: names, types, lengths, shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, TypeAlias

import numpy as np

from .elsewhere import instead
from .indexing import EVERYTHING, Pick, RowArray
from .info import Info
from .shapes import Shape, ShapeInterval, sample_shapes, shape_interval
from .storage.errors import InvalidInputError
from .storage.schema import Schema, TensorSpec
from .storage.source import SampleSource

# Inside `Tensor` the names list and dict are methods, as in Deep Lake.
Facts: TypeAlias = dict[str, Any]
Values: TypeAlias = list[Any]
Shapes: TypeAlias = list[Shape]


class Owner(Protocol):
    """What a tensor asks of the dataset or view that it belongs to."""

    def _source(self) -> SampleSource: ...

    def _schema(self) -> Schema: ...

    def _read(self, tensor: str, rows: RowArray) -> list[Any]: ...

    def _assign(self, tensor: str, rows: RowArray, values: Sequence[Any]) -> None: ...

    def _append_cells(self, tensor: str, values: Iterable[Any]) -> None: ...

    def _tensor_info(self, tensor: str) -> Info: ...

    def __len__(self) -> int: ...


class TensorFacts:
    """A tensor of `owner`, narrowed to the rows, and the part of each sample, that `pick` names."""

    __slots__ = ("_owner", "_pick", "name")

    def __init__(self, owner: Owner, name: str, pick: Pick = EVERYTHING) -> None:
        self._owner = owner
        self._pick = pick
        self.name = name
        """The full name, with its groups: ``"labels/boxes"``."""

    # What it is

    @property
    def key(self) -> str:
        """The same as `name`."""
        return self.name

    @property
    def meta(self) -> Facts:
        """Everything the schema says of the tensor, as a plain dictionary."""
        return {**asdict(self._spec), "htype": self.htype, "length": self.num_samples}

    @property
    def htype(self) -> str:
        """The htype as it was declared, with its wrappers: ``"link[image]"``; it cannot be changed."""
        return self._spec.full_htype

    @htype.setter
    def htype(self, value: str) -> None:
        raise InvalidInputError(
            f"the htype of a tensor cannot be changed, it is {self.htype}",
            kind="bad-assignment",
            place=f"tensor {self.name!r}",
            hint=f"make a tensor of htype {value!r} with ds.create_tensor and give it these samples: new.extend(old)",
        )

    @property
    def base_htype(self) -> str:
        """The htype without ``link[...]`` and ``sequence[...]``."""
        return self._spec.htype

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The NumPy dtype of a sample; None while nothing has fixed it."""
        name = self._spec.dtype
        return None if name is None else np.dtype(object if name in ("str", "Any", "List") else name)

    @property
    def is_single(self) -> bool:
        """Whether one row was chosen by number, so that reading gives a sample and not a stack or list of them."""
        return self._pick.single

    @property
    def is_link(self) -> bool:
        """Whether samples are references to files elsewhere."""
        return self._spec.link

    @property
    def is_sequence(self) -> bool:
        """Whether a sample is a list of items, such as the frames of ``sequence[image]``."""
        return self._spec.sequence

    @property
    def hidden(self) -> bool:
        """Whether listings leave the tensor out, and `append` does not expect it."""
        return self._spec.hidden

    @property
    def verify(self) -> bool:
        """Whether linked files are looked at when they are appended."""
        return self._spec.verify

    @property
    def sample_compression(self) -> str | None:
        """The codec of each sample, such as ``"jpeg"``; None where there is none."""
        return self._spec.sample_compression

    @property
    def chunk_compression(self) -> str | None:
        """As it was declared; None if it was not."""
        return self._spec.chunk_compression

    @property
    def info(self) -> Info:
        """Facts about the tensor, such as ``info.class_names``; writes are versioned."""
        return self._owner._tensor_info(self.name)

    @info.setter
    def info(self, value: Mapping[str, Any]) -> None:
        self.info.replace(value)

    @property
    def num_samples(self) -> int:
        """Samples in the whole tensor, whatever the index."""
        return len(self._owner)

    @property
    def is_empty_tensor(self) -> bool:
        """Whether there are no rows."""
        return self.num_samples == 0

    @property
    def sample_indices(self) -> Values:
        """Row numbers of the chosen samples in what the tensor was taken from."""
        return [int(row) for row in self._rows()]

    def summary(self) -> None:
        """Print the tensor's htype, shape, dtype and compression."""
        from .summary import summary_text

        print(summary_text(repr(self), self._owner._source(), [self.name]))

    def __eq__(self, other: object) -> bool:
        # Without this ``ds.labels == 3`` would be False for every dataset, and nobody would notice.
        if isinstance(other, (int, float, str, Sequence, np.ndarray, np.generic)):
            raise InvalidInputError(
                f"a tensor is not its samples, so it cannot be compared with a value of type {type(other).__name__}",
                kind="tensor-compared",
                place=f"tensor {self.name!r}",
                hint=f"compare what it holds: ds[{self.name!r}].numpy() == ..., or ask with ds.query",
            )
        return self is other

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        # Only called where no real attribute answers.
        meant = "" if name.startswith("_") else instead("tensor", name, dir(type(self)))
        raise AttributeError(f"Tensor has no attribute {name!r}{meant}")

    # Shapes

    @property
    def shape_interval(self) -> ShapeInterval:
        """Smallest and largest extent of each axis, rows first: prints as ``(200, 427:640, 500:640, 3)``."""
        return shape_interval(self._owner._source(), self.name, self._rows())

    def shapes(self) -> Shapes:
        """The shape of each sample."""
        return sample_shapes(self._owner._source(), self.name, self._rows())

    @property
    def is_dynamic(self) -> bool:
        """Whether samples differ in shape, so that `numpy` needs ``aslist=True``."""
        return self.shape_interval.is_dynamic

    # Inside

    @property
    def _spec(self) -> TensorSpec:
        return self._owner._schema()[self.name]

    def _rows(self) -> RowArray:
        return self._pick.resolve(len(self._owner))
