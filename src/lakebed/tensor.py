"""One tensor of a dataset or view, narrowed by indexing; samples are read when asked for, written by assignment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .indexing import Pick, RowArray
from .recast import appendable
from .samples import as_numpy, inside, merge_data, stack
from .storage.errors import InvalidInputError
from .storage.htypes import htype_of
from .stored import stored_cells
from .tensor_facts import Facts, TensorFacts, Values


class Tensor(TensorFacts):
    """A column of samples: ``ds.boxes``, ``view["group/masks"]``, ``ds.images[3:7]``, ``ds.images[0, :100, :100]``.

    Indexing is lazy: the first index chooses rows, the ones after it a part of each sample. `numpy`, `data`, `text`
    and so on read. On a dataset ``tensor[i] = value`` writes one sample, ``tensor[a:b] = values`` several, and
    ``tensor[i, 10:20, 10:20] = patch`` a part of one; on a view and on an old commit that is a StateError.
    """

    __slots__ = ()

    def __len__(self) -> int:
        if self._pick.single:
            return len(self._one())
        return len(self._rows())

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape that `numpy` gives, rows first; None for an axis in which samples differ. Nothing is decoded."""
        if self._pick.inside:
            return self.numpy(aslist=False).shape if self._pick.single else (len(self._rows()), None)
        if self._pick.single:
            return self.shapes()[0]
        return self.shape_interval.fixed()

    @property
    def ndim(self) -> int:
        """Axes that `numpy` gives: one more than a sample has, unless one row was chosen by number."""
        return len(self.shape)

    # Reading

    def numpy(self, aslist: bool = False, fetch_chunks: bool = False) -> Any:
        """The samples as writable NumPy arrays.

        One row chosen by number gives its array; several give one array stacked along a new first axis, or a list of
        arrays with ``aslist=True``. Images are uint8 (h, w, c) always, boxes (n, 4) also for n = 0, text an array of
        one str. `fetch_chunks` is accepted for old scripts and changes nothing.

        Raises:
            InvalidInputError: kind "ragged", samples differ in shape and `aslist` is False.
            StorageError: a linked file cannot be read; names row and URL.
        """
        spec = self._spec
        rows = self._rows()  # once: another thread may append meanwhile
        arrays = [as_numpy(sample, spec, self._pick.inside, aslist) for sample in self._owner._read(self.name, rows)]
        if self._pick.single:
            return arrays[0]
        return arrays if aslist else stack(arrays, self.name, rows, self.dtype)

    def data(self, aslist: bool = False, fetch_chunks: bool = False) -> Facts:
        """What the samples mean, by htype: ``{"value": ...}``, labels with ``"text"``, files with ``"sample_info"``.

        For several rows each key holds a list with one element for each row. `aslist` and `fetch_chunks` are accepted
        for old scripts and change nothing.
        """
        htype, spec, info = htype_of(self._spec.unlinked()), self._spec, self.info.to_dict()
        found = [htype.data(inside(sample, spec, self._pick.inside), info) for sample in self._samples()]
        if ".info" in htype.fields(spec.unlinked()) and not self._pick.inside:
            facts = self.sample_info
            for one, its in zip(found, [facts] if self._pick.single else facts):
                one.setdefault("sample_info", its)
        return found[0] if self._pick.single else merge_data(found)

    def text(self, fetch_chunks: bool = False) -> Any:
        """Samples of a text tensor as str, class labels as their names: one value, or a list with one for each row."""
        return self._values("text", ("text", "class_label", "tag"))

    def dict(self, fetch_chunks: bool = False) -> Any:
        """Samples of a json tensor as Python values: one value, or a list with one for each row."""
        return self._values("dict", ("json",))

    def list(self, fetch_chunks: bool = False) -> Any:
        """Samples of a list or tag tensor as lists: one list, or a list of lists."""
        return self._values("list", ("list", "tag"))

    def tobytes(self) -> bytes:
        """The stored bytes of one sample, as they were put in; for a link, the bytes of the file.

        Raises:
            InvalidInputError: several rows are chosen, or the htype keeps values instead of bytes.
        """
        cells = self._owner._source().cells(self.name, [self._single_row("tobytes")])
        if not htype_of(self._spec.unlinked()).is_payload:
            return bytes(self.numpy().tobytes())
        return cells[""][0].as_py() or b""

    def path(self, aslist: bool = True, fetch_chunks: bool = False) -> Any:
        """Where links point: the URL of one row, or a list with one for each row; None where there is no link.

        Raises:
            InvalidInputError: the tensor holds no links.
        """
        return self._of_links("", "path")

    def creds_key(self) -> Any:
        """The creds key names that links use: of one row, or a list with one for each row."""
        return self._of_links(".creds", "creds_key")

    @property
    def sample_info(self) -> Any:
        """What is known of each file without decoding it (format, mode, bytes, ...): a dict, or a list of them."""
        found = self._of_column(".info")
        if self._pick.single:
            return _facts(found)
        return [_facts(text) for text in found]

    def __getitem__(self, index: Any) -> Tensor:
        if isinstance(index, str):
            raise InvalidInputError(
                f"tensor {self.name!r} has no part called {index!r}",
                kind="bad-index",
                hint="a tensor is indexed by rows",
            )
        return Tensor(self._owner, self.name, self._pick.narrow(index, len(self._owner)))

    def __iter__(self) -> Iterator[Tensor]:
        if self._pick.single:
            yield from (self[number] for number in range(len(self)))
        else:
            for row in self._rows().tolist():
                yield Tensor(self._owner, self.name, Pick(np.array([row]), True, self._pick.inside))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self.numpy(), dtype=dtype)

    def __repr__(self) -> str:
        if self.name not in self._owner._schema():
            return f"Tensor({self.name!r}, deleted)"
        index = "" if self._pick.rows is None else f", rows={_few(self._pick.rows.tolist())}"
        return f"Tensor({self.name!r}, htype={self.htype!r}, dtype={self._spec.dtype}{index})"

    # Writing

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write samples of chosen rows; all of them or, on an error, none.

        Raises:
            SampleError: a sample does not fit the tensor.
            RangeError: a row is not there.
            StateError: this is a view or an old commit.
        """
        pick = self._pick.narrow(index, len(self._owner))
        if isinstance(value, Tensor):
            value = value.numpy(aslist=True) if pick.inside else plain(value, self.htype)
        rows = pick.resolve(len(self._owner))
        if pick.inside:
            value = self._patched(pick, rows, value)
            self._owner._assign(self.name, rows, value)
        elif pick.single:
            self._owner._assign(self.name, rows, [value])
        else:
            self._owner._assign(self.name, rows, _one_for_each(value, len(rows), self.name))

    def __iadd__(self, other: Any) -> Any:
        # ``tensor[i] += 1`` asks for the sum here and then assigns it.
        return self.numpy() + other

    def __isub__(self, other: Any) -> Any:
        return self.numpy() - other

    def __imul__(self, other: Any) -> Any:
        return self.numpy() * other

    def __itruediv__(self, other: Any) -> Any:
        return self.numpy() / other

    def __ifloordiv__(self, other: Any) -> Any:
        return self.numpy() // other

    def append(self, sample: Any) -> None:
        """Add one sample at the end of this tensor; see `extend`."""
        self.extend([sample])

    def extend(self, samples: Iterable[Any], progressbar: bool = False, ignore_errors: bool = False) -> None:
        """Add samples at the end of this tensor.

        Rows of a Lakebed dataset are whole, so the samples wait until every other tensor has got one for the same row:
        ``ds.images.extend(a); ds.labels.extend(b)`` adds ``len(a)`` rows. What still waits when the work is saved
        (at the end of ``with ds:``, or at a commit) is a StateError. A tensor created when the dataset already had
        rows is filled from its first row instead. `progressbar` and `ignore_errors` are those of ``ds.extend``; here
        they are accepted for old scripts and change nothing.
        """
        given = samples.as_samples(self.htype) if isinstance(samples, Tensor) else samples
        self._owner._append_cells(self.name, [plain(sample, self.htype) for sample in given])

    def as_samples(self, taker: str = "") -> Values:
        """A list of the chosen samples as another dataset takes them without loss: files as bytes, links as links.

        `taker` is the htype of the tensor that takes them: one of class labels gets names, because it may number its
        classes in another way. ``ds.append({"images": other.images[3]})`` and assignment of tensors use it.
        """
        if self._pick.inside:
            return _list_of(self.numpy(aslist=True), self._pick.single)
        if taker == self.htype == "class_label":
            return self._named_labels()
        return appendable(self._owner._source(), self._spec, self._rows())

    # Inside

    def _named_labels(self) -> Values:
        names = self.info.to_dict().get("class_names", [])
        known = len(names)
        return [[names[code] if code < known else code for code in one.tolist()] for one in self._samples()]

    def _samples(self) -> Values:
        return self._owner._read(self.name, self._rows())

    def _one(self) -> Any:
        return inside(self._samples()[0], self._spec, self._pick.inside)

    def _single_row(self, method: str) -> int:
        rows = self._rows()
        if len(rows) != 1:
            raise InvalidInputError(
                f"{method}() reads one sample, {len(rows)} are chosen",
                kind="not-one-row",
                place=f"tensor {self.name!r}",
                hint=f"choose one: ds[{self.name!r}][0].{method}()",
            )
        return int(rows[0])

    def _values(self, method: str, htypes: tuple[str, ...]) -> Any:
        if self._spec.htype not in htypes:
            raise InvalidInputError(
                f"{method}() reads tensors of htype {' or '.join(htypes)}, {self.name!r} is {self.htype}",
                kind="wrong-htype",
                place=f"tensor {self.name!r}",
                hint="use numpy() or data()",
            )
        if self._spec.htype == "class_label":
            return self.data()["text"]
        found = [inside(sample, self._spec, self._pick.inside) for sample in self._samples()]
        found = [value.tolist() if isinstance(value, np.ndarray) else value for value in found]
        return found[0] if self._pick.single else found

    def _of_links(self, suffix: str, method: str) -> Any:
        if not self._spec.link:
            raise InvalidInputError(
                f"{method}() reads tensors of links, {self.name!r} is {self.htype}",
                kind="wrong-htype",
                place=f"tensor {self.name!r}",
            )
        return self._of_column(suffix)

    def _of_column(self, suffix: str) -> Any:
        spec = self._spec
        if suffix not in htype_of(spec).fields(spec):
            return None if self._pick.single else [None] * len(self)
        found = stored_cells(self._owner._source(), spec, self._rows())[suffix].to_pylist()
        return found[0] if self._pick.single else found

    def _patched(self, pick: Pick, rows: RowArray, value: Any) -> Sequence[Any]:
        samples = self._owner._read(self.name, rows)
        for sample in samples:
            if not isinstance(sample, (np.ndarray, list)):
                raise InvalidInputError(
                    f"a part of a {self.htype} sample cannot be assigned",
                    kind="bad-index",
                    place=f"tensor {self.name!r}",
                )
            place: Any = pick.inside if isinstance(sample, np.ndarray) else pick.inside[0]
            sample[place] = value
        return samples


def plain(value: Any, taker: str) -> Any:
    """A sample as storage takes it: a `Tensor`, of any dataset, stands for its sample, or for a list of its samples.

    `taker` is the htype of the tensor that takes it.
    """
    if not isinstance(value, Tensor):
        return value
    samples = value.as_samples(taker)
    return samples[0] if value.is_single else samples


def _one_for_each(value: Any, count: int, name: str) -> Sequence[Any]:
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__len__"):
        return [value] * count
    if len(value) != count:
        raise InvalidInputError(
            f"{len(value)} samples cannot be assigned to {count} rows",
            kind="length-mismatch",
            place=f"tensor {name!r}",
            hint="give one sample for each row",
        )
    return list(value)


def _list_of(value: Any, single: bool) -> Values:
    """`value` itself if it is a list of samples, else a list of the one sample it is."""
    return [value] if single else list(value)


def _facts(text: str | None) -> Facts:
    return json.loads(text) if text else {}


def _few(rows: list[int]) -> str:
    return str(rows) if len(rows) <= 6 else f"[{', '.join(map(str, rows[:3]))}, ... {rows[-1]}] ({len(rows)} rows)"
