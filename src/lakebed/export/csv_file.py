"""Rows as a CSV file: one line a row, class labels by name, lists as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from ..places import Path, path_text
from ..storage.source import SampleSource
from ..storage.stores.os_errors import storage_error

Text = Callable[[Any], str]


def write_csv(source: SampleSource, table: pa.Table, path: Path) -> None:
    """Write `table`, of whose columns those called as a class_label tensor of `source` hold class codes.

    Raises:
        StorageError: the file cannot be written.
    """
    path = path_text(path)
    texts = [_text_of(source, name) for name in table.column_names]
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table.column_names)
            for batch in table.to_batches(max_chunksize=1024):
                columns = [column.to_pylist() for column in batch.columns]
                writer.writerows([text(value) for text, value in zip(texts, line)] for line in zip(*columns))
    except OSError as error:
        raise storage_error(error, "write the file", path) from error


def _text_of(source: SampleSource, column: str) -> Text:
    labels = [spec.name for spec in source.schema if spec.htype == "class_label" and not spec.sequence]
    if column not in labels:
        return _plain
    names: Sequence[str] = source.info(column).get("class_names") or ()
    return lambda value: _plain(_named(value, names))


def _named(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if isinstance(value, int) and value < len(names) else value


def _plain(value: Any) -> str:
    """Text as it is, nothing for what is missing and for the bytes of files, all else as JSON."""
    if value is None or isinstance(value, bytes):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
