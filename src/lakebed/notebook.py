"""What a notebook shows of a dataset or view: the table of its tensors, and a strip of its first pictures."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np

from .errors import LakebedError
from .plot import plot_rows
from .storage.schema import TensorSpec
from .storage.source import SampleSource
from .stored import stored_cells
from .summary import summary_html

PICTURES = 4
TILE = 180


def notebook_html(title: str, source: SampleSource, names: Sequence[str], numbers: Sequence[int] | None = None) -> str:
    """HTML with every text escaped; pictures are left out where they would have to be fetched from the network."""
    return summary_html(title, source, names) + _strip(source, names, numbers)


def _strip(source: SampleSource, names: Sequence[str], numbers: Sequence[int] | None) -> str:
    images = [source.schema[name] for name in names if source.schema[name].htype.startswith("image")]
    spec = next((spec for spec in images if not spec.sequence), None)
    rows = np.arange(min(PICTURES, len(source)), dtype=np.int64)
    if spec is None or not len(rows) or not _is_near(source, spec, rows):
        return ""
    try:
        picture = plot_rows(source, rows, columns=PICTURES, tile=TILE, tensors=names, numbers=numbers)
    except LakebedError as error:
        # A notebook cell that only names a dataset must not fail because one of its pictures cannot be read.
        return f"<div><small>{html.escape(error.message)}</small></div>"
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"<img src='data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}'>"


def _is_near(source: SampleSource, spec: TensorSpec, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bool:
    """Whether the images are held by the dataset or lie on this machine."""
    if not spec.link:
        return True
    urls = stored_cells(source, spec, rows)[""].to_pylist()
    return all(url is None or "://" not in url or url.startswith("file://") for url in urls)
