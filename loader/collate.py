"""Samples to batches: equal shapes are stacked, unequal ones stay a list; dictionaries, tuples and numbers as torch
does.

Images that were decoded straight into the memory of a batch are not copied again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .samples import SampleDict

Array = np.ndarray[Any, np.dtype[Any]]
Stack = Callable[[list[Any]], Any]

_WIDER: dict[np.dtype[Any], type[np.generic]] = {
    np.dtype(np.uint16): np.int32,
    np.dtype(np.uint32): np.int64,
    np.dtype(np.uint64): np.int64,
}


def collate_numpy(samples: Sequence[Any], ready: Mapping[str, Array] | None = None) -> Any:
    """A batch of NumPy arrays: {name: (batch, ...) array, or list where shapes differ}.

    Args:
        samples: dicts, tuples, arrays, numbers or strings, all alike.
        ready: arrays that already hold some keys of all samples, in order.
    """
    return _collate(samples, ready or {}, _stack_numpy)


def collate_torch(samples: Sequence[Any], ready: Mapping[str, Array] | None = None) -> Any:
    """The same with tensors; unsigned integers that torch lacks become the next wider signed ones."""
    return _collate(samples, ready or {}, _stack_torch)


def _collate(samples: Sequence[Any], ready: Mapping[str, Array], stack: Stack) -> Any:
    first = samples[0]
    if isinstance(first, SampleDict):
        # Values are those of tensors: what is no array (text, json) stays a list.
        parts = {key: [ready[key]] if key in ready else [sample[key] for sample in samples] for key, _ in first.items()}
        return SampleDict((key, stack(values)) for key, values in parts.items())
    if isinstance(first, Mapping):
        return {key: _collate([sample[key] for sample in samples], {}, stack) for key in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(_collate(part, {}, stack) for part in zip(*samples, strict=True)))
    if isinstance(first, tuple):
        return tuple(_collate(part, {}, stack) for part in zip(*samples, strict=True))
    return stack(list(samples))


class Ready(np.ndarray[Any, np.dtype[Any]]):
    """Marks an array that is a whole batch already."""


def _stack_numpy(values: list[Any]) -> Any:
    if len(values) == 1 and isinstance(values[0], Ready):
        return values[0].view(np.ndarray)
    arrays = _arrays(values)
    if arrays is None:
        return values
    return np.stack(arrays) if _alike(arrays) else arrays


def _stack_torch(values: list[Any]) -> Any:
    import torch

    if len(values) == 1 and isinstance(values[0], Ready):
        return torch.from_numpy(values[0].view(np.ndarray))
    if all(isinstance(value, torch.Tensor) for value in values):
        alike = len({(value.shape, value.dtype) for value in values}) == 1
        return torch.stack(values) if alike else values
    arrays = _arrays(values)
    if arrays is None:
        return values
    arrays = [array.astype(_WIDER[array.dtype]) if array.dtype in _WIDER else array for array in arrays]
    if _alike(arrays):
        return torch.from_numpy(np.stack(arrays))
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]


def _arrays(values: list[Any]) -> list[Array] | None:
    """The values as arrays of numbers, or None if they are something else."""
    if not all(isinstance(value, np.ndarray | np.generic | int | float | bool) for value in values):
        return None
    arrays = [np.asarray(value) for value in values]
    return arrays if all(array.dtype.kind in "biufc" for array in arrays) else None


def _alike(arrays: list[Array]) -> bool:
    return len({(array.shape, array.dtype) for array in arrays}) == 1
