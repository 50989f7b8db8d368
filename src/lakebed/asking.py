"""Queries over datasets that are named in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .opening import load
from .places import resolve
from .results import Groups, ResultTable, shown_tensors
from .storage.source import SampleSource


def query(
    query_string: str,
    token: str | None = None,
    creds: Any = None,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
) -> Any:
    """Run a TQL query that names its datasets by path: ``select * from "hub://org/name@v1" where ...``.

    Args:
        query_string: the text.
        token: accepted for old scripts and unused, as `creds` is.
        params: values for ``?`` (a sequence) or ``:name`` (a mapping) in the text.

    Returns:
        A `View` if the rows are of one dataset, `Groups` if the query groups, else a `ResultTable`.

    Raises:
        TQLError: the text cannot be understood.
        NotFoundError: there is no such dataset or version.
    """
    from .engine import run

    opened: list[str] = []

    def open_source(path: str, version: str | None) -> SampleSource:
        opened.append(f"{path}@{version}" if version else path)
        return resolve(path, version)

    result = run(None, query_string, params, resolve=open_source)
    if result.rows is None or len(set(opened)) != 1:
        assert result.computed is not None, "a result without rows has values"
        return ResultTable(result.computed, query_string)
    dataset = load(opened[0], read_only=True)
    if result.offsets is not None:
        return Groups(lambda rows: dataset._subset(rows, None, None, query_string), result, result.offsets, result.rows)
    return dataset._subset(result.rows, shown_tensors(result), result.computed, query_string)
