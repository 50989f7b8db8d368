"""`ds.dataloader()`: a loader described step by step, as Deep Lake's fluent interface does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .storage.errors import InvalidInputError, StateError

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from .choosing import Choosing
    from .loader import NumpyBatches


@dataclass(frozen=True, slots=True)
class DataLoaderBuilder:
    """Steps on the way to a loader; each gives a new builder, so one may be the start of several.

    ``ds.dataloader().query(...).transform(f).batch(16).shuffle().pytorch(num_workers=4)``
    """

    rows: Choosing
    """The dataset or view whose rows are loaded."""
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments of `Readable.pytorch` so far."""
    start: int = 0
    """Position of the first epoch at which loading starts."""

    def __len__(self) -> int:
        """Batches of a whole epoch in one process."""
        size, rows = int(self.options.get("batch_size", 1)), len(self.rows)
        return rows // size if self.options.get("drop_last") else -(-rows // size)

    def batch(self, batch_size: int, drop_last: bool = False) -> DataLoaderBuilder:
        """Batches of `batch_size` rows."""
        return self._with("batch", batch_size=batch_size, drop_last=drop_last)

    def shuffle(self, shuffle: bool = True, buffer_size: int = 2048) -> DataLoaderBuilder:
        """A new random order in every epoch; `buffer_size` is unused, because every order is exact here."""
        return self._with("shuffle", shuffle=shuffle)

    def transform(self, transform: Callable[..., Any] | dict[str, Any], **kwargs: Any) -> DataLoaderBuilder:
        """Call `transform` with each sample (and `kwargs`), or one callable for each tensor."""
        return self._with("transform", transform=transform, transform_kwargs=kwargs)

    def query(self, query_string: str) -> DataLoaderBuilder:
        """Only the rows that a TQL query chooses."""
        return replace(self, rows=self.rows.query(query_string))

    def sample_by(
        self, weights: str | Sequence[float], replace: bool = True, size: int | None = None, seed: int | None = None
    ) -> DataLoaderBuilder:
        """Rows drawn at random by weight, once for all epochs; see `Dataset.sample_by`."""
        return DataLoaderBuilder(self.rows.sample_by(weights, replace, size, seed), self.options, self.start)

    def offset(self, off: int = 0) -> DataLoaderBuilder:
        """Start the first epoch at position `off` of its order; the epochs after it are whole.

        Raises:
            InvalidInputError: kind "bad-offset", not a whole number of at least 0.
        """
        found: Any = off
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise InvalidInputError(
                f"offset is a whole number of at least 0: found {off!r}",
                kind="bad-offset",
                hint="give the number of rows that a stopped epoch had read",
            )
        if self.start:
            raise _repeated("offset")
        return replace(self, start=off)

    def close(self) -> None:
        """Nothing is open before `pytorch`, `numpy` or `tensorflow`; accepted for old scripts."""

    def pytorch(self, **options: Any) -> DataLoader[Any]:
        """The loader; `options` are further arguments of `Dataset.pytorch`, such as ``num_workers=``."""
        loader: Any = self.rows.pytorch(**{**self.options, **options})
        if self.start:
            loader.skip(self.start)
        return loader  # type: ignore[no-any-return]  # `skip` is the loader's own

    def numpy(self, **options: Any) -> NumpyBatches:
        """Batches of NumPy arrays without torch; `options` are those of `lakebed.loader.numpy_batches`.

        Each iteration over the result is a new epoch, and ``len`` its number of batches.
        """
        from .loader import numpy_batches

        chosen = {"tensors": list(self.rows._names()), "start": self.start, **self.options, **options}
        return numpy_batches(self.rows._pinned(), **chosen)

    def tensorflow(
        self, tensors: Sequence[str] | None = None, tobytes: bool | Sequence[str] = False, **options: Any
    ) -> Any:
        """A `tf.data.Dataset` of rows, or of batches if `batch` was called; see `Dataset.tensorflow`.

        Batches stack samples of equal shapes. Where shapes differ, make them equal with `transform`, or leave `batch`
        out and call ``.ragged_batch(n)`` of the result.
        """
        chosen = {**self.options, **({"start": self.start} if self.start else {}), **options}
        size, drop = chosen.pop("batch_size", None), chosen.pop("drop_last", False)
        made = self.rows.tensorflow(tensors, tobytes, **chosen)
        return made if size is None else made.batch(size, drop_remainder=drop)

    def _with(self, step: str, **options: Any) -> DataLoaderBuilder:
        if any(name in self.options for name in options):
            raise _repeated(step)
        return replace(self, options={**self.options, **options})


def _repeated(step: str) -> StateError:
    return StateError(f"{step}() was already called", kind="step-repeated", hint="each step is taken once")
