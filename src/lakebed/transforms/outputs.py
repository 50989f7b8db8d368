"""What a transform gives out: `samples_out`, filled by rows or tensor by tensor, and read back as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..storage.errors import InvalidInputError


class Fields(dict[str, Any]):
    """A row between two transforms of a chain: ``row["images"]`` and ``row.images``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the row has no {name!r}; it has {', '.join(self) or 'nothing'}") from None


class GivenArray(np.ndarray[Any, np.dtype[Any]]):
    """An array between two transforms of a chain; `numpy` reads it as it reads a sample of a dataset."""

    def numpy(self) -> np.ndarray[Any, np.dtype[Any]]:
        """The plain array."""
        return self.view(np.ndarray)


def handed_on(row: Fields) -> Fields:
    """The row as the next transform of a chain gets it: the samples as they are, arrays with a `numpy`.

    So one function serves as the first of a chain, where samples are a dataset's, and as a later one.

    >>> handed_on(Fields(a=np.array([1, 2]), b="text")).a.numpy()
    array([1, 2])
    """
    kinds = np.ndarray | np.generic
    return Fields({n: np.asarray(v).view(GivenArray) if isinstance(v, kinds) else v for n, v in row.items()})


class SamplesOut:
    """Where a transform puts the rows it makes of one input: none, one or many.

    ``samples_out.append({"images": x, "labels": y})`` adds a row, ``samples_out.extend({"images": xs, "labels": ys})``
    several, and ``samples_out.images.append(x)`` a sample of one tensor: its n-th sample belongs to the n-th row.

    >>> out = SamplesOut()
    >>> out.append({"a": 1, "b": 2}); out.a.append(3); out["b"].append(4)
    >>> rows_of(out)
    [{'a': 1, 'b': 2}, {'a': 3, 'b': 4}]
    """

    def __init__(self) -> None:
        self._rows: list[Fields] = []
        self._filled: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, sample: Mapping[str, Any], skip_ok: bool = False, append_empty: bool = False) -> None:
        """Add one row: tensor name to sample; a row of a dataset may be given as it is.

        `skip_ok` and `append_empty` are accepted for old scripts: `eval(..., skip_ok=True)` decides.
        """
        if not hasattr(sample, "keys"):
            raise InvalidInputError(
                f"samples_out.append() got a {type(sample).__name__}",
                kind="bad-output",
                hint='give a mapping: samples_out.append({"images": image}), or samples_out.images.append(image)',
            )
        names = list(sample.keys())
        # Tensors of one call share a row, also where an earlier row lacks one of them.
        row = max((self._filled.get(name, 0) for name in names), default=len(self._rows))
        for name in names:
            self._put(name, row, sample[name])
        self._reach(row)

    def extend(self, samples: Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Any]], skip_ok: bool = False) -> None:
        """Add several rows: a mapping of tensor names to sequences of one length, or a sequence of mappings."""
        if not isinstance(samples, Mapping):
            for sample in samples:
                self.append(sample)
            return
        lengths = {name: len(values) for name, values in samples.items()}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
            raise InvalidInputError(f"the tensors have different numbers of samples: {found}", kind="length-mismatch")
        for number in range(next(iter(lengths.values()), 0)):
            self.append({name: values[number] for name, values in samples.items()})

    def __getitem__(self, name: str) -> TensorOut:
        return TensorOut(self, name)

    def __getattr__(self, name: str) -> TensorOut:
        if name.startswith("_"):
            raise AttributeError(name)
        return TensorOut(self, name)

    def _add(self, name: str, value: Any) -> None:
        self._put(name, self._filled.get(name, 0), value)

    def _put(self, name: str, row: int, value: Any) -> None:
        self._reach(row)
        self._rows[row][name] = value
        self._filled[name] = row + 1

    def _reach(self, row: int) -> None:
        while len(self._rows) <= row:
            self._rows.append(Fields())


def rows_of(out: SamplesOut) -> list[Fields]:
    """The rows made so far; a tensor that got fewer samples than others is missing from the last ones.

    A function, because a method's name would hide the tensor of that name.
    """
    return out._rows


class TensorOut:
    """One tensor of `SamplesOut`; ``samples_out.group.boxes`` is the tensor "group/boxes"."""

    __slots__ = ("_name", "_out")

    def __init__(self, out: SamplesOut, name: str) -> None:
        self._out = out
        self._name = name

    def append(self, sample: Any) -> None:
        """Add this tensor's sample of the next row that has none."""
        self._out._add(self._name, sample)

    def extend(self, samples: Iterable[Any]) -> None:
        """Add samples for as many rows."""
        for sample in samples:
            self.append(sample)

    def __getattr__(self, name: str) -> TensorOut:
        if name.startswith("_"):
            raise AttributeError(name)
        return TensorOut(self._out, f"{self._name}/{name}")
