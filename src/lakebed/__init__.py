"""Lakebed: versioned datasets of images and labels, queried in TQL and streamed into training.

The names are those of Deep Lake 3, so ``import lakebed as deeplake`` runs its scripts. What is listed in `__all__` is
loaded when it is first used: importing this package loads neither torch nor DuckDB nor boto3 nor OpenCV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "AlreadyExistsError": ".storage.errors",
    "CommitUnknownError": ".storage.errors",
    "ConflictError": ".storage.errors",
    "DamageError": ".storage.errors",
    "Dataset": ".datasets",
    "FormatError": ".storage.errors",
    "InvalidInputError": ".storage.errors",
    "LakebedError": ".errors",
    "Link": ".storage.links.base",
    "NotFoundError": ".storage.errors",
    "RangeError": ".storage.errors",
    "Sample": ".storage.htypes",
    "SampleError": ".storage.errors",
    "SchemaError": ".storage.errors",
    "StateError": ".storage.errors",
    "StorageError": ".storage.errors",
    "TQLError": ".tql.errors",
    "Tensor": ".tensor",
    "TransformError": ".loader.errors",
    "View": ".view",
    "WorkerError": ".loader.errors",
    "compose": ".transforms.functions",
    "compute": ".transforms.functions",
    "copy": ".managing",
    "dataset": ".opening",
    "deepcopy": ".managing",
    "delete": ".managing",
    "empty": ".opening",
    "exists": ".opening",
    "gc": ".housekeeping",
    "htype": ".htype_names",
    "ingest_classification": ".ingest.classification",
    "ingest_coco": ".ingest.coco",
    "ingest_yolo": ".ingest.yolo",
    "like": ".managing",
    "link": ".files",
    "load": ".opening",
    "query": ".asking",
    "read": ".files",
    "rename": ".managing",
    "repair": ".housekeeping",
    "verify": ".housekeeping",
}

__all__ = [
    "AlreadyExistsError",
    "CommitUnknownError",
    "ConflictError",
    "DamageError",
    "Dataset",
    "FormatError",
    "InvalidInputError",
    "LakebedError",
    "Link",
    "NotFoundError",
    "RangeError",
    "Sample",
    "SampleError",
    "SchemaError",
    "StateError",
    "StorageError",
    "TQLError",
    "Tensor",
    "TransformError",
    "View",
    "WorkerError",
    "__version__",
    "compose",
    "compute",
    "copy",
    "dataset",
    "deepcopy",
    "delete",
    "empty",
    "exists",
    "gc",
    "htype",
    "ingest_classification",
    "ingest_coco",
    "ingest_yolo",
    "like",
    "link",
    "load",
    "query",
    "read",
    "rename",
    "repair",
    "verify",
]

if TYPE_CHECKING:
    from .asking import query
    from .datasets import Dataset
    from .errors import LakebedError
    from .files import link, read
    from .housekeeping import gc, repair, verify
    from .htype_names import htype
    from .ingest.classification import ingest_classification
    from .ingest.coco import ingest_coco
    from .ingest.yolo import ingest_yolo
    from .loader.errors import TransformError, WorkerError
    from .managing import copy, deepcopy, delete, like, rename
    from .opening import dataset, empty, exists, load
    from .storage.errors import (
        AlreadyExistsError,
        CommitUnknownError,
        ConflictError,
        DamageError,
        FormatError,
        InvalidInputError,
        NotFoundError,
        RangeError,
        SampleError,
        SchemaError,
        StateError,
        StorageError,
    )
    from .storage.htypes import Sample
    from .storage.links.base import Link
    from .tensor import Tensor
    from .tql.errors import TQLError
    from .transforms.functions import compose, compute
    from .view import View


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        from .elsewhere import instead

        raise AttributeError(f"module 'lakebed' has no attribute {name!r}{instead('module', name, _HOMES)}")
    value = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
