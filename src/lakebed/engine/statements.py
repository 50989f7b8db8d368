"""Runs statements with DuckDB; no other module imports it.

DuckDB sees registered Arrow tables only: it cannot read files, reach the network, load extensions or change settings.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import pyarrow as pa

from ..running import Cancelled, run_cancellable
from ..storage.source import SampleSource
from ..tql.errors import TQLError, TQLUnsupportedError
from ..tql.functions import REGISTERED
from ..tql.source import Span
from .errors import sql_error, translated
from .results import QueryResult
from .tables import columns_read, sql_result, sql_table
from .user_functions import sql_type, vectorised

if TYPE_CHECKING:
    import duckdb

THREADS = 4
EXPLAINED = "EXPLAIN (FORMAT json)\n"
"""A line of its own, so that columns in messages stay those of the query."""
MEMORY_LIMIT = "4GB"

SETTINGS = (
    f"SET memory_limit = '{MEMORY_LIMIT}'",
    "SET temp_directory = ''",
    "SET python_enable_replacements = false",
    "SET error_on_division_by_zero = false",
    # SAMPLE BY joins draws to weights; DuckDB takes the draws for one row and would compare each with each.
    "SET asof_loop_join_threshold = 0",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


_LOCK = threading.Lock()
_DATABASE: list[duckdb.DuckDBPyConnection] = []
_RUNNING: set[duckdb.DuckDBPyConnection] = set()
"""Cursors in use; `interrupt` stops them."""
_CANCELLED: WeakSet[threading.Thread] = WeakSet()
"""Threads whose statements are refused, because their work was cancelled before it came to DuckDB."""


def database() -> duckdb.DuckDBPyConnection:
    """The process's one DuckDB, in memory and locked down; take a cursor of it for each query."""
    with _LOCK:
        if not _DATABASE:
            _DATABASE.append(locked_down())
            atexit.register(close)
        return _DATABASE[0]


def locked_down() -> duckdb.DuckDBPyConnection:
    import duckdb

    made = duckdb.connect(":memory:", config={"threads": THREADS})
    for setting in SETTINGS:
        made.execute(setting)
    return made


def close() -> None:
    """Let DuckDB go; the next query starts another."""
    with _LOCK:
        while _DATABASE:
            _DATABASE.pop().close()


def interrupt(thread: threading.Thread | None = None) -> None:
    """Stop what DuckDB runs now, for whichever thread; these queries raise TQLError, kind "interrupted".

    With `thread`, what that thread asks of DuckDB later is refused in the same way.
    """
    with _LOCK:
        if thread is not None:
            _CANCELLED.add(thread)
        for cursor in _RUNNING:
            cursor.interrupt()


def execute_sql(
    sql: str,
    params: Sequence[Any],
    tables: Mapping[str, pa.Table],
    calls: Sequence[tuple[str, str, tuple[str, ...]]] = (),
) -> pa.Table:
    """The result of one statement over registered tables.

    `calls` are the registered Python functions it uses: (name in the SQL, registered name, SQL types of arguments).

    Raises:
        TQLError: what DuckDB reports, in terms of the query.
    """
    import duckdb

    cursor = database().cursor()
    made: list[str] = []
    with _LOCK:
        _RUNNING.add(cursor)
        cancelled = threading.current_thread() in _CANCELLED
    try:
        if cancelled:
            raise TQLError("the query was interrupted", kind="interrupted")
        for name, table in tables.items():
            cursor.register(name, table)
        for name, registered, types in calls:
            function = REGISTERED[registered]
            arguments: list[Any] = [cursor.type(one) for one in types]
            result: Any = cursor.type(sql_type(function))
            kind: Any = "arrow"  # the enumeration lies in a private module
            nulls: Any = "special"  # the function is asked about missing values too
            cursor.create_function(name, vectorised(function), arguments, result, type=kind, null_handling=nulls)
            made.append(name)
        return _interruptible(lambda: cursor.sql(sql, params=list(params)).to_arrow_table(), cursor.interrupt)
    except duckdb.Error as error:
        raise translated(str(error), sql) from error
    finally:
        for name in made:
            with suppress(duckdb.Error):  # closing matters more than the function's name
                cursor.remove_function(name)
        with _LOCK:
            _RUNNING.discard(cursor)
        cursor.close()


def _interruptible(statement: Callable[[], pa.Table], interrupt: Callable[[], None]) -> pa.Table:
    """The result of a statement, which Ctrl-C stops in the main thread; no other thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        return statement()
    try:
        return run_cancellable(statement, lambda _: interrupt())
    except Cancelled:
        raise KeyboardInterrupt from None


def run_sql(source: SampleSource, text: str, params: Mapping[str, Any] | Sequence[Any] | None) -> QueryResult:
    """One SELECT in DuckDB's SQL over the table ``dataset``, in a DuckDB of its own."""
    import duckdb

    connection = locked_down()
    lines_before = 0
    try:
        statements = connection.extract_statements(text)
        if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
            raise TQLUnsupportedError(
                "one SELECT statement is run, and nothing else",
                kind="not-a-select",
                span=Span(0, len(text)),
                hint='write one "select ... from dataset ..."; data and settings cannot be changed from here',
            )
        given = dict(params) if isinstance(params, Mapping) else list(params or ())
        types = sql_table(source)
        connection.register("dataset", types)
        lines_before = EXPLAINED.count("\n")
        plan = connection.execute(EXPLAINED + text, given).fetchall()[0][1]
        lines_before = 0
        connection.register("dataset", sql_table(source, columns_read(plan, types.column_names)))
        table = _interruptible(lambda: connection.sql(text, params=given).to_arrow_table(), connection.interrupt)
    except duckdb.Error as error:
        if str(error).startswith("INTERRUPT"):
            raise TQLError("the query was interrupted", kind="interrupted") from error
        raise sql_error(str(error), text, lines_before) from error
    finally:
        connection.close()
    return sql_result(source, text, table)
