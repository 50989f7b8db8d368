"""Ways out of a dataset or view: pictures, PyTorch loaders, Arrow tables, summaries."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from typing import TYPE_CHECKING, Any

from .storage.errors import StateError
from .storage.source import SampleSource

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL import Image
    from torch.utils.data import DataLoader


class Outlets(ABC):
    """What can be done with all rows at once."""

    @abstractmethod
    def _source(self) -> SampleSource:
        """Where rows are read from, as they are now."""

    @abstractmethod
    def _pinned(self) -> SampleSource:
        """The same rows, fixed for ever."""

    @abstractmethod
    def _names(self) -> tuple[str, ...]:
        """Names of the tensors that are shown."""

    def _numbers(self) -> Sequence[int] | None:
        """Row numbers in the dataset, if they differ from the ones here."""
        return None

    @abstractmethod
    def _full_names(self, names: Sequence[str]) -> list[str]:
        """Full names of tensors, groups replaced by their members; a str names one. Raises NotFoundError."""

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
        image, bbox, binary_mask and class_label tensor. The captions give row numbers of the dataset, also for a view.
        Returns a PIL image, which a notebook shows.

        Raises:
            InvalidInputError: there is no image tensor.
            RangeError: a row is not there.
            StorageError: an image cannot be fetched, or `path` not be written.
        """
        from .plot import plot_rows

        shown = self._names() if tensors is None else self._full_names(tensors)
        return plot_rows(self._source(), rows, path, columns=columns, tile=tile, tensors=shown, numbers=self._numbers())

    def visualize(self, width: int | str | None = None, height: int | str | None = None) -> Image.Image:
        """The picture of `plot` for the first rows; `width` and `height` are accepted for old scripts and unused."""
        return self.plot()

    def pytorch(
        self,
        transform: Any = None,
        tensors: Sequence[str] | None = None,
        num_workers: int = 0,
        batch_size: int = 1,
        drop_last: bool = False,
        collate_fn: Any = None,
        pin_memory: bool = False,
        shuffle: bool = False,
        buffer_size: int = 2048,
        use_local_cache: bool = False,
        progressbar: bool = False,
        return_index: bool = True,
        pad_tensors: bool = False,
        transform_kwargs: Mapping[str, Any] | None = None,
        decode_method: Mapping[str, str] | None = None,
        cache_size: int | None = None,
        **options: Any,
    ) -> DataLoader[Any]:
        """A `torch.utils.data.DataLoader` over these rows; ``len`` is its number of batches.

        Args:
            transform: called with a dict of NumPy arrays for each row: images uint8 (h, w, c), boxes float32 (n, 4),
                labels int64 (n,), writable and contiguous. Or a dict of callables by tensor (None keeps the sample),
                which also chooses the tensors.
            tensors: which tensors are read, groups by their name; None reads all that are shown.
            num_workers: processes; 0 reads and decodes in threads of this one.
            batch_size: rows of a batch.
            drop_last: leave out the last, smaller batch.
            collate_fn: makes a batch of the list of transformed samples.
            shuffle: a new random order in every epoch, each row once.
            return_index: add "index", the row's number here, to each sample.
            transform_kwargs: further arguments of `transform`.
            decode_method: by tensor "numpy", "tobytes", "pil" or "data".
            buffer_size: accepted for old scripts and unused, as `use_local_cache`, `progressbar`, `pad_tensors` and
                `cache_size` are: shuffling needs no buffer here.
            options: more of `lakebed.loader.make_loader`: ``seed=``, ``on_error=``, ``distributed=``, ``resize=``,
                ``prefetch_factor=``, ``persistent_workers=``, ...

        Raises:
            InvalidInputError, NotFoundError: an argument does not fit.
            StateError: inside ``with ds:`` rows cannot be handed to worker processes.
        """
        from .loader import make_loader

        _check_options(options, Outlets.pytorch, make_loader)
        if tensors is None:
            tensors = list(transform) if isinstance(transform, Mapping) else self._names()
        loader: DataLoader[Any] = make_loader(
            self._pinned(),
            tensors=self._full_names(tensors),
            transform=transform,
            num_workers=num_workers,
            batch_size=batch_size,
            drop_last=drop_last,
            collate_fn=collate_fn,
            pin_memory=pin_memory,
            shuffle=shuffle,
            return_index=return_index,
            transform_kwargs=transform_kwargs,
            decode_method=decode_method,
            **options,
        )
        return loader

    def tensorflow(
        self,
        tensors: Sequence[str] | None = None,
        tobytes: bool | Sequence[str] = False,
        fetch_chunks: bool = True,
        **options: Any,
    ) -> Any:
        """A `tf.data.Dataset` of one dictionary of tensors for each row; needs TensorFlow.

        Args:
            tensors: which tensors are read, groups by their name; None reads all that are shown.
            tobytes: give images as the bytes of their files, for `tf.io.decode_image`: True for all of them, or names.
            fetch_chunks: accepted for old scripts and unused.
            options: more of `lakebed.loader.numpy_batches`: ``shuffle=``, ``seed=``, ``transform=``, ``resize=``, ...

        Raises:
            StateError: kind "missing-library", TensorFlow is not installed.
            InvalidInputError: kind "no-tensorflow-type", a tensor holds what TensorFlow has no type for.
        """
        from .loader.tensorflow_data import tensorflow_dataset

        chosen = self._full_names(self._names() if tensors is None else tensors)
        return tensorflow_dataset(self._pinned(), chosen, tobytes, **options)

    def to_arrow(self, tensors: Sequence[str] | None = None) -> pa.Table:
        """The stored values of the tensors as an Arrow table; links are URLs, big payloads null.

        One column a tensor, in the order of `tensors`, which may name groups; named as the tensor.
        """
        source = self._source()
        names = self._names() if tensors is None else self._full_names(tensors)
        specs = [source.schema[name] for name in names]
        return source.table([spec.column for spec in specs]).rename_columns([spec.name for spec in specs])

    def to_pandas(self, tensors: Sequence[str] | None = None) -> Any:
        """`to_arrow` as a pandas DataFrame; needs pandas."""
        return self.to_arrow(tensors).to_pandas()

    def to_polars(self, tensors: Sequence[str] | None = None) -> Any:
        """`to_arrow` as a polars DataFrame; needs polars.

        Raises:
            StateError: kind "missing-library", polars is not installed.
        """
        try:
            import polars
        except ImportError as error:
            raise StateError(
                "polars is not installed", kind="missing-library", hint="pip install polars, or use to_arrow()"
            ) from error
        return polars.from_arrow(self.to_arrow(tensors))

    def to_csv(self, path: str | os.PathLike[str], tensors: Sequence[str] | None = None) -> None:
        """Write the rows as CSV: a heading, then one line a row with class labels by name and lists as JSON.

        Links are URLs; the bytes of files are left out.

        Raises:
            StorageError: the file cannot be written.
        """
        from .export.csv_file import write_csv

        write_csv(self._source(), self.to_arrow(tensors), path)

    def to_coco(
        self,
        path: str | os.PathLike[str],
        images: str | None = None,
        boxes: str | None = None,
        labels: str | None = None,
        progressbar: bool = True,
    ) -> int:
        """Write the rows as a folder in COCO's layout, ``images/`` and ``annotations.json``; the number of images.

        Image files are copied byte for byte, linked ones fetched; boxes of any `coords` become pixels of left, top,
        width and height. Rows without an image are left out. An image's id is its row number in the dataset, a
        category's its class code plus one. ``lakebed.ingest_coco(path/images, path/annotations.json, dest)`` reads it.

        Args:
            images, boxes, labels: which tensors; None takes the first of htype image, bbox and class_label.

        Raises:
            InvalidInputError: kind "no-tensor"; kind "unequal-labels", a row has not one label for each box.
            AlreadyExistsError: kind "export-exists", the folder holds an export already.
            StorageError: an image cannot be fetched, or a file cannot be written.
        """
        from .export.annotated import annotated
        from .export.coco import write_coco

        return write_coco(annotated(self._source(), self._row_numbers(), images, boxes, labels), path, progressbar)

    def to_yolo(
        self,
        path: str | os.PathLike[str],
        images: str | None = None,
        boxes: str | None = None,
        labels: str | None = None,
        progressbar: bool = True,
    ) -> int:
        """Write the rows as a folder in YOLO's layout, ``images/``, ``labels/``, ``classes.txt``; the number of images.

        As `to_coco`, arguments and errors too; boxes become fractions around their centre.
        ``lakebed.ingest_yolo(path/images, dest, path/classes.txt, path/labels)`` reads it.
        """
        from .export.annotated import annotated
        from .export.yolo import write_yolo

        return write_yolo(annotated(self._source(), self._row_numbers(), images, boxes, labels), path, progressbar)

    def _row_numbers(self) -> Sequence[int]:
        found = self._numbers()
        return range(len(self._source())) if found is None else found

    def summary(self, force: bool = False) -> None:
        """Print the tensors with htype, shape, dtype and compression. `force` is accepted for old scripts."""
        from .summary import summary_text

        print(summary_text(repr(self), self._source(), self._names()))

    def _repr_html_(self) -> str:
        from .notebook import notebook_html

        return notebook_html(repr(self), self._source(), self._names(), self._numbers())


def _check_options(options: Mapping[str, Any], *functions: Callable[..., Any]) -> None:
    """Raises TypeError, as Python would, for an option that no function takes; with the name that was perhaps meant."""
    known = {name for function in functions for name in signature(function).parameters}
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise TypeError(f"pytorch() got an unexpected keyword argument {name!r}{meant}")
