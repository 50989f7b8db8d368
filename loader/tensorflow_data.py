"""Rows as a `tf.data.Dataset`; TensorFlow is imported only when one is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..storage.errors import InvalidInputError, StateError
from ..storage.source import SampleSource
from .batches import NumpyBatches, numpy_batches
from .config import names_of

TOGETHER = 16
"""Rows read and decoded in one step; TensorFlow gets them one by one."""


def tensorflow_dataset(
    source: SampleSource, tensors: Sequence[str] | None = None, tobytes: bool | Sequence[str] = False, **options: Any
) -> Any:
    """A `tf.data.Dataset` of one dictionary for each row, tensor name to `tf.Tensor`, decoded by threads.

    Images are uint8 (h, w, c), boxes float32 (n, 4), labels int64 (n,), texts scalars of `tf.string`; extents that may
    differ from row to row are None in the signature: ``.batch(n)`` stacks equal ones, ``.ragged_batch(n)`` and
    ``.padded_batch(n)`` the others. Each iteration is a new epoch, in a new order with ``shuffle=True``.

    Args:
        tensors: which tensors are read; None reads all that are not hidden.
        tobytes: give images as the bytes of their files, for `tf.io.decode_image`: True for all of them, or names.
        options: more of `lakebed.loader.numpy_batches`: ``shuffle=``, ``seed=``, ``transform=``, ``resize=``,
            ``on_error=``, ``num_threads=``, ...

    Raises:
        StateError: kind "missing-library", TensorFlow is not installed.
        InvalidInputError: kind "no-tensorflow-type", a tensor holds what TensorFlow has no type for, such as json.
    """
    _expect_no_pictures(options)
    tf = _tensorflow()
    names = names_of(source, tensors)
    chosen = {"tensors": names, "return_index": False, **options}
    chosen["decode_method"] = {**dict.fromkeys(_files(source, names, tobytes), "tobytes"), **_methods(options)}
    batches = numpy_batches(source, batch_size=TOGETHER, **chosen)
    signature = _signature(tf, source, {**chosen, "shuffle": False, "start": 0})
    made = tf.data.Dataset.from_generator(lambda: _rows(batches), output_signature=signature)
    if options.get("on_error", "raise") == "raise" and not options.get("start"):  # else the first epoch is shorter
        made = made.apply(tf.data.experimental.assert_cardinality(len(source)))
    return made.prefetch(tf.data.AUTOTUNE)


def _expect_no_pictures(options: Mapping[str, Any]) -> None:
    for name, method in _methods(options).items():
        if method == "pil":
            raise InvalidInputError(
                f"TensorFlow has no type for Pillow's images, which decode_method gives for {name!r}",
                kind="no-tensorflow-type",
                place=f"tensor {name!r}",
                hint="leave it out for arrays, or use tobytes=True and tf.io.decode_image",
            )


def _tensorflow() -> Any:
    try:
        import tensorflow
    except ImportError as error:
        raise StateError(
            "a tf.data.Dataset needs the package tensorflow, which is not installed",
            kind="missing-library",
            hint="pip install tensorflow; ds.dataloader().numpy() gives batches of NumPy arrays without it",
        ) from error
    return tensorflow


def _files(source: SampleSource, names: Sequence[str], tobytes: bool | Sequence[str]) -> list[str]:
    if not isinstance(tobytes, bool):
        return list(tobytes)
    return [name for name in names if tobytes and source.schema[name].htype.startswith("image")]


def _methods(options: Mapping[str, Any]) -> dict[str, str]:
    found: Any = options.get("decode_method") or {}
    if not isinstance(found, Mapping):
        raise InvalidInputError(f"decode_method is a dict of methods by tensor: found {found!r}")
    return dict(found)


def _rows(batches: NumpyBatches) -> Iterator[dict[str, Any]]:
    """The samples of one epoch, one by one."""
    for batch in batches:
        yield from _apart(batch)


def _apart(batch: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(batch, Mapping):
        raise InvalidInputError(
            f"the transform gives a {type(batch).__name__}, expected a dictionary",
            kind="bad-transform",
            hint="return {name: array}; reshape it to tuples with .map() of the tf.data.Dataset",
        )
    columns = dict(batch.items())
    for number in range(len(next(iter(columns.values()), ()))):
        yield {name: _value(values[number]) for name, values in columns.items()}


def _value(value: Any) -> Any:
    """A sample in the form TensorFlow takes: lists of texts as an array of objects."""
    return np.asarray(value, dtype=object) if isinstance(value, list) else value


def _signature(tf: Any, source: SampleSource, options: Mapping[str, Any]) -> dict[str, Any]:
    """Types and ranks, from the first row that can be read; extents are left open, because rows may differ."""
    first = next((row for batch in numpy_batches(source, batch_size=1, **options) for row in _apart(batch)), None)
    if first is None:
        raise InvalidInputError(
            "there are no rows to learn the types of samples from", kind="no-rows", hint="append some rows first"
        )
    return {name: _spec(tf, name, value) for name, value in first.items()}


def _spec(tf: Any, name: str, value: Any) -> Any:
    if isinstance(value, str | bytes):
        return tf.TensorSpec((), tf.string, name)
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return tf.TensorSpec((None,) * array.ndim, array.dtype, name)
    if array.dtype == object and array.ndim == 1 and all(isinstance(item, str) for item in array):
        return tf.TensorSpec((None,), tf.string, name)
    raise InvalidInputError(
        f"TensorFlow has no type for the samples of {name!r}: found {type(value).__name__}",
        kind="no-tensorflow-type",
        place=f"tensor {name!r}",
        hint="choose others with tensors=[...], or make arrays of them with transform=",
    )
