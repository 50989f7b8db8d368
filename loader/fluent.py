"""Deep Lake's other way to write a loader: ``ds.dataloader().shuffle().batch(16).pytorch(num_workers=2)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..storage.errors import StateError
from ..storage.source import SampleSource

if TYPE_CHECKING:
    from .batches import NumpyBatches
    from .builder import Transform
    from .dataloader import Loader


@dataclass(frozen=True)
class FluentLoader:
    """Gathers the settings of a loader, each at most once; every call returns a new object.

    Attributes:
        source: the rows.
        requery: runs a query on the rows: ``requery(text)`` gives the rows it finds.
        resample: draws rows: ``resample(weights, replace, size)``.
    """

    source: SampleSource
    requery: Callable[[str], SampleSource] | None = None
    resample: Callable[[Any, bool, int | None], SampleSource] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: int = 0
    called: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """Batches of an epoch in one process."""
        batch, rows = int(self.settings.get("batch_size", 1)), len(self.source)
        return rows // batch if self.settings.get("drop_last") else -(-rows // batch)

    def batch(self, batch_size: int, drop_last: bool = False) -> FluentLoader:
        """Batches of so many rows."""
        return self._with("batch", batch_size=batch_size, drop_last=drop_last)

    def shuffle(self, shuffle: bool = True, buffer_size: int = 2048) -> FluentLoader:
        """A new random order in every epoch; `buffer_size` is accepted for old scripts and unused."""
        return self._with("shuffle", shuffle=shuffle)

    def transform(self, transform: Transform, **kwargs: Any) -> FluentLoader:
        """Call `transform` with each sample, or with each named tensor."""
        return self._with("transform", transform=transform, transform_kwargs=kwargs)

    def query(self, query_string: str) -> FluentLoader:
        """Only the rows that a query finds."""
        if self.requery is None:
            raise StateError("these rows cannot be queried", kind="no-query")
        return replace(self._with("query"), source=self.requery(query_string))

    def sample_by(self, weights: Any, replace: bool = True, size: int | None = None) -> FluentLoader:
        """Rows drawn by weight: a query expression, or a number for each row."""
        if self.resample is None:
            raise StateError("these rows cannot be sampled", kind="no-sampling")
        source = self.resample(weights, replace, size)
        return _replaced(self._with("sample_by"), source)

    def offset(self, off: int = 0) -> FluentLoader:
        """Leave out the first rows of the first epoch."""
        return replace(self._with("offset"), start=off)

    def pytorch(
        self,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        tensors: Sequence[str] | None = None,
        num_threads: int | None = None,
        prefetch_factor: int = 2,
        distributed: bool | tuple[int, int] | None = None,
        **options: Any,
    ) -> Loader:
        """The loader; further options are those of `make_loader`."""
        from .making import make_loader

        loader = make_loader(
            self.source,
            num_workers=num_workers,
            collate_fn=collate_fn,
            tensors=tensors,
            num_threads=num_threads,
            prefetch_factor=prefetch_factor,
            # Deep Lake's False means one process, which is also what is found where no group was started.
            distributed=distributed or None,
            **{**self.settings, **options},
        )
        if self.start:
            loader.skip(self.start)
        return loader

    def numpy(
        self, tensors: Sequence[str] | None = None, num_threads: int | None = None, **options: Any
    ) -> NumpyBatches:
        """Batches of NumPy arrays; further options are those of `numpy_batches`."""
        from .batches import numpy_batches

        chosen = {**self.settings, **options}
        return numpy_batches(self.source, tensors=tensors, num_threads=num_threads, start=self.start, **chosen)

    def close(self) -> None:
        """Nothing is open before `pytorch` or `numpy`; accepted for old scripts."""

    def _with(self, name: str, **settings: Any) -> FluentLoader:
        if name in self.called:
            raise StateError(f"{name}() was called before", kind="called-twice", hint="each setting is made once")
        return replace(self, settings={**self.settings, **settings}, called=self.called | {name})


def _replaced(loader: FluentLoader, source: SampleSource) -> FluentLoader:
    return replace(loader, source=source)
