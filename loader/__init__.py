"""Materialised views and the loader, imported as `lakebed.loader`; the folder at the root of the project is its source.

torch is imported when a loader is made, not before.
"""

from __future__ import annotations

if __name__ == "loader":
    raise ImportError("import lakebed.loader, not loader: the folder is mapped into the lakebed package")

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import NumpyBatches, numpy_batches
    from .dataloader import Loader
    from .errors import LoaderTimeoutError, TransformError, WorkerError
    from .index import Index, read_index
    from .making import make_loader
    from .mapstyle import RowDataset, make_dataset
    from .materialiser import materialise
    from .options import ImagePolicy, MaterialiseOptions, jpeg, raw
    from .samples import SampleDict
    from .view import MaterialisedView

_HOMES = {
    "ImagePolicy": "options",
    "Index": "index",
    "Loader": "dataloader",
    "LoaderTimeoutError": "errors",
    "MaterialiseOptions": "options",
    "MaterialisedView": "view",
    "NumpyBatches": "batches",
    "SampleDict": "samples",
    "TransformError": "errors",
    "WorkerError": "errors",
    "jpeg": "options",
    "make_dataset": "mapstyle",
    "make_loader": "making",
    "RowDataset": "mapstyle",
    "materialise": "materialiser",
    "numpy_batches": "batches",
    "raw": "options",
    "read_index": "index",
}

__all__ = [
    "ImagePolicy",
    "Index",
    "Loader",
    "LoaderTimeoutError",
    "MaterialiseOptions",
    "MaterialisedView",
    "NumpyBatches",
    "RowDataset",
    "SampleDict",
    "TransformError",
    "WorkerError",
    "jpeg",
    "make_dataset",
    "make_loader",
    "materialise",
    "numpy_batches",
    "raw",
    "read_index",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
