"""Rows as records for people and programs: a table, CSV or JSON lines of text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .reading import Readable
from .results import Groups, ResultTable
from .storage.htypes import htype_of
from .storage.schema import TensorSpec
from .view import View

Format = Literal["table", "csv", "json"]
Record = dict[str, Any]

WIDEST = 48
"""Characters of a table's cell."""


def records(found: Any, limit: int | None = None) -> list[Record]:
    """Lines of a query's result, `limit` at most: JSON-able values by column; files as URL or shape, labels by name."""
    if isinstance(found, ResultTable):
        lines: list[Record] = found.to_arrow().slice(0, limit).to_pylist()
        return lines
    if isinstance(found, Groups):
        table = found.to_arrow().slice(0, limit).to_pylist()
        sizes = found.sizes()[:limit]
        return [{"rows": size, **(table[place] if table else {})} for place, size in enumerate(sizes)]
    return _row_records(found, limit)


def render(lines: Sequence[Record], form: Format) -> str:
    """The lines as an aligned table, as CSV with a header, or as a JSON list."""
    if form == "json":
        return json.dumps(lines, ensure_ascii=False, indent=None if len(lines) > 50 else 1)
    names = list(dict.fromkeys(name for line in lines for name in line))
    if form == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_plain(line.get(name)) for name in names] for line in lines)
        return text.getvalue().rstrip("\n")
    return table(names, [[_short(line.get(name)) for name in names] for line in lines])


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned, under their names."""
    if not names:
        return "(no rows)"
    widths = [max(len(cells[place]) for cells in [names, *rows]) for place in range(len(names))]
    lines = [names, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip() for cells in lines)


def _row_records(found: Readable, limit: int | None) -> list[Record]:
    count = len(found) if limit is None else min(limit, len(found))
    rows = np.arange(count, dtype=np.int64)
    numbers = found.sample_indices if isinstance(found, View) else range(count)
    columns: dict[str, list[Any]] = {"row": [int(number) for number in list(numbers)[:count]]}
    for name in found._names():
        columns[name] = _cells(found, found._schema()[name], rows)
    if isinstance(found, View):
        for name in found.computed_columns:
            columns[name] = found[name][:count].list() if count else []
    return [{name: values[place] for name, values in columns.items()} for place in range(count)]


def _cells(found: Readable, spec: TensorSpec, rows: np.ndarray[Any, Any]) -> list[Any]:
    tensor = found[spec.name][rows]
    if spec.link and not spec.sequence:
        urls: list[Any] = tensor.path()
        return urls
    if htype_of(spec.unlinked()).is_payload:
        return [" x ".join(map(str, shape)) for shape in tensor.shapes()]
    if spec.htype == "class_label" and not spec.sequence:
        names = list(tensor.info.get("class_names") or ())
        return [[_label(code, names) for code in np.atleast_1d(codes).tolist()] for codes in tensor.numpy(aslist=True)]
    return [jsonable(sample) for sample in found._read(spec.name, rows)]


def _label(code: int, names: Sequence[str]) -> Any:
    return names[code] if code < len(names) else code


def jsonable(sample: Any) -> Any:
    if isinstance(sample, np.ndarray):
        # By way of text a float32 of 0.1 becomes the number 0.1 instead of 0.10000000149011612; nothing is lost.
        short = sample.dtype.kind == "f" and sample.dtype.itemsize < 8
        return (sample.astype(str).astype(np.float64) if short else sample).tolist()
    if isinstance(sample, (list, tuple)):
        return [jsonable(item) for item in sample]
    return sample.item() if isinstance(sample, np.generic) else sample


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _short(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = ", ".join(value)
    else:
        text = "" if value is None else str(_plain(value))
    text = " ".join(text.split())
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."
