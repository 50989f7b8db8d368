"""Results written for programs: CSV, JSON, Arrow, Parquet; to a file or to standard output."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
import pyarrow as pa

from ..reading import Readable
from ..results import Groups
from ..storage.errors import InvalidInputError, NotFoundError, StorageError
from ..view import View
from .pages import ROW, columns_of, given_names, result_records

ENDINGS = {".csv": "csv", ".json": "json", ".arrow": "arrow", ".feather": "arrow", ".parquet": "parquet"}


def export(found: Any, path: str) -> int:
    """Write a whole result into a file whose ending says how; the number of rows.

    Raises:
        InvalidInputError: kind "unknown-format", another ending.
        StorageError: the file cannot be written.
    """
    form = ENDINGS.get(Path(path).suffix.lower())
    if form is None:
        raise InvalidInputError(
            f"{path!r} does not say how to write the rows",
            kind="unknown-format",
            hint=f"end the name with {', '.join(ENDINGS)}",
        )
    try:
        if form in ("csv", "json"):
            with open(path, "w", encoding="utf-8", newline="") as file:
                write_text(found, form, file)
        else:
            with open(path, "wb") as binary:
                _write_binary(found, form, binary)
    except OSError as error:
        raise StorageError(f"the file could not be written: {error.strerror or error}", place=path) from error
    return len(found)


def write_text(found: Any, form: str, file: TextIO, limit: int | None = None, columns: Sequence[str] = ()) -> None:
    """The rows as CSV with a heading, or as a JSON list with an object in a line for each row."""
    names = chosen_columns(found, columns)
    lines = [{name: line.get(name) for name in names} for line in result_records(found, 0, limit)]
    if form == "json":
        texts = [json.dumps(_finite(line), ensure_ascii=False, default=_plain) for line in lines]
        file.write("[" + ",\n ".join(texts) + "]\n")
        return
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in line.values()] for line in lines)


def write_arrow(found: Any, file: BinaryIO, limit: int | None = None, columns: Sequence[str] = ()) -> None:
    """The rows as an Arrow IPC stream."""
    table = arrow_table(found, limit, columns)
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def arrow_table(found: Any, limit: int | None = None, columns: Sequence[str] = ()) -> pa.Table:
    """The stored values: links are URLs, class labels their numbers, big payloads null.

    A result of rows has the dataset's row numbers first; a grouped one the size of each group.
    """
    names = chosen_columns(found, columns)
    if isinstance(found, Readable):
        return _row_table(found, limit).select(names)
    if isinstance(found, Groups):
        return _group_table(found, limit).select(names)
    return found.to_arrow().slice(0, limit).select(names)


def _group_table(groups: Groups, limit: int | None) -> pa.Table:
    lines = result_records(groups, 0, limit)
    computed = groups.to_arrow().slice(0, limit)
    read = {name: [line.get(name) for line in lines] for name in columns_of(groups)}
    return pa.table({n: computed.column(n) if n in computed.column_names else pa.array(v) for n, v in read.items()})


def chosen_columns(found: Any, wanted: Sequence[str]) -> list[str]:
    """The columns of a result, or those of them that are wanted, in the order asked for.

    Raises:
        NotFoundError: kind "unknown-column".
    """
    known = columns_of(found)
    for name in wanted:
        if name not in known:
            raise NotFoundError(
                f"the result has no column {name!r}", kind="unknown-column", hint=f"its columns are {', '.join(known)}"
            )
    return list(wanted) or known


def _row_table(found: Readable, limit: int | None) -> pa.Table:
    rows: Any = found if limit is None or limit >= len(found) else found[:limit]
    named = given_names(found)
    table = rows.to_arrow()
    table = table.rename_columns([named.get(name, name) for name in table.column_names])
    numbers = rows.sample_indices if isinstance(rows, View) else range(len(rows))
    return table if ROW in table.column_names else table.add_column(0, ROW, pa.array(list(numbers), pa.int64()))


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=_plain) if isinstance(value, (list, dict)) else value


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """What JSON has no word for: bytes, dates and the like as text."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)


def _write_binary(found: Any, form: str, file: BinaryIO) -> None:
    if form == "arrow":
        table = arrow_table(found)
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        return
    from pyarrow import parquet

    parquet.write_table(arrow_table(found), file)
