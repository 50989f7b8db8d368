"""The tables that `summary()` prints and a notebook shows: one line a tensor."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from .shapes import shape_interval
from .storage.source import SampleSource

COLUMNS = ("tensor", "htype", "shape", "dtype", "compression")


def summary_text(title: str, source: SampleSource, names: Sequence[str]) -> str:
    """`title` and the table in plain text, columns aligned."""
    lines = [COLUMNS, *tensor_lines(source, names)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    ruled = [lines[0], tuple("-" * width for width in widths), *lines[1:]]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in ruled]
    return "\n".join([title, "", *(f" {row}" for row in rows)])


def summary_html(title: str, source: SampleSource, names: Sequence[str]) -> str:
    """`title` and the table as HTML, every text escaped."""
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in line) + "</tr>"
        for line in tensor_lines(source, names)
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div><code>{html.escape(title)}</code>{table}</div>"


def tensor_lines(source: SampleSource, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Name, htype, shape interval, dtype and compression of each tensor."""
    rows = np.arange(len(source), dtype=np.int64)
    lines: list[tuple[str, ...]] = []
    for name in names:
        spec = source.schema[name]
        unread = spec.link and not spec.create_shape_tensor
        # Shapes of links that were never looked at would cost reading every file.
        shape = f"({len(source)}, ?)" if unread else str(shape_interval(source, name, rows))
        compression = spec.sample_compression or spec.chunk_compression or "-"
        lines.append((name, spec.full_htype, shape, spec.dtype or "-", compression))
    return lines
