"""Runs queries: joins the query language, the rows of a source and DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..storage.source import SampleSource
from ..tql.errors import TQLError, TQLLimitError, TQLUnsupportedError
from ..tql.parser import check_text
from .arguments import checked_params, checked_seed
from .execution import Execution, SourceResolver
from .results import QueryResult, ResultColumn
from .statements import database, execute_sql, interrupt, run_sql

if TYPE_CHECKING:
    from .explained import Explanation


def run(
    source: SampleSource | None,
    text: str,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    resolve: SourceResolver | None = None,
    seed: int | None = None,
    dialect: str = "tql",
) -> QueryResult:
    """Run a query over the rows of `source`.

    Args:
        source: the rows that are asked; None if the query names its datasets in FROM.
        text: the query.
        params: values of ``?`` (a sequence) or ``:name`` (a mapping).
        resolve: opens the datasets that FROM names.
        seed: makes SAMPLE BY and RANDOM() repeatable.
        dialect: "tql", or "sql" for one SELECT of DuckDB's SQL over a table ``dataset`` with a column for each tensor
            and ``_row``, the row number; a result with a column ``_row`` picks these rows.

    Raises:
        TQLError: with the place in the text and a hint.
        InvalidInputError: `params` or `seed` are of the wrong type.
    """
    check_text(text)
    params, seed = checked_params(params), checked_seed(seed)
    try:
        if dialect == "tql":
            return Execution(source, text, params, resolve, seed, execute_sql).result()
        if dialect == "sql" and source is not None:
            return run_sql(source, text, params)
    except TQLError as error:
        raise error.with_text(text) from None
    except RecursionError:
        raise TQLLimitError("the query is nested too deeply", kind="depth") from None
    raise TQLUnsupportedError(f"there is no dialect {dialect!r}", kind="unknown-dialect", hint='use "tql" or "sql"')


def explain(
    source: SampleSource | None,
    text: str,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    resolve: SourceResolver | None = None,
) -> Explanation:
    """How a query would run: canonical text, plan, SQL and about how many rows; nothing is run but estimates.

    Raises:
        TQLError: as `run`.
    """
    from .explained import explanation  # what only explains is no part of a first query

    check_text(text)
    try:
        return explanation(Execution(source, text, checked_params(params), resolve, 0, execute_sql))
    except TQLError as error:
        raise error.with_text(text) from None


__all__ = ["QueryResult", "ResultColumn", "TQLError", "database", "explain", "interrupt", "run"]
