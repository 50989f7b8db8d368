"""Ctrl-C in plain Python, and what the SQL dialect says of a statement it does not run."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from lakebed.tql.errors import TQLError

import lakebed
from face_data import numbers
from lakebed import running

REFUSED = [
    "select * from read_csv('{secret}')",
    "select * from read_text('{secret}')",
    "select * from read_blob('{secret}')",
    "select * from glob('/*')",
    "select * from '{secret}'",
    "attach '{secret}' as other",
    "copy dataset to '{secret}'",
    "install httpfs",
    "load httpfs",
    "set memory_limit = '1GB'",
    "pragma database_list",
    "select getenv('HOME')",
    "select * from read_parquet('http://127.0.0.1:9/x.parquet')",
    "select 1; select 2",
    "create macro f(x) as x + 1",
]


@pytest.mark.parametrize("dialect", ["tql", "sql"])
def test_ctrl_c_stops_a_query_and_the_next_one_runs(monkeypatch: pytest.MonkeyPatch, dialect: str) -> None:
    ds = numbers(30_000)
    started = threading.Event()
    run = running.run_cancellable

    def watched(*arguments: object, **options: object) -> object:
        started.set()
        return run(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("lakebed.engine.statements.run_cancellable", watched)

    def press() -> None:
        started.wait()
        os.kill(os.getpid(), signal.SIGINT)

    place = f'"{ds.path}"' if dialect == "tql" else "dataset"
    text = f"select count(*) as n from {place} a, {place} b, {place} c where a.x + b.x * c.x = 7"
    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        ds.query(text, dialect=dialect)
    presser.join()
    assert len(ds.query("select * where x < 5")) == 5


@pytest.mark.parametrize("text", REFUSED)
def test_sql_reads_no_file_and_changes_nothing(tmp_path: object, text: str) -> None:
    secret = f"{tmp_path}/secret.csv"
    with open(secret, "w") as file:
        file.write("password\n1234\n")
    ds = numbers(3)
    with pytest.raises(TQLError) as error:
        ds.query(text.format(secret=secret), dialect="sql")
    assert "1234" not in str(error.value)
    assert len(ds.query("select _row from dataset where x > 0", dialect="sql")) == 2
    with open(secret) as file:
        assert file.read() == "password\n1234\n"


def test_a_mistake_in_sql_is_marked_at_its_place() -> None:
    with pytest.raises(TQLError) as error:
        numbers(3).query("select *\nfrom dataset\nwhere nosuch = 1", dialect="sql")
    assert error.value.kind == "sql"
    start, end = error.value.span.start, error.value.span.end
    assert error.value.text[start:end] == "nosuch"
    assert "Candidate bindings:" in error.value.hint
    assert "EXPLAIN" not in str(error.value)
    with pytest.raises(TQLError) as closed:
        numbers(3).query("select * from read_csv('a.csv')", dialect="sql")
    assert "no file" in closed.value.hint
    assert "^" in str(closed.value)


def test_there_is_a_dialect_for_each_name() -> None:
    with pytest.raises(TQLError) as error:
        lakebed.empty("mem://dialects", overwrite=True).query("select 1", dialect="mysql")
    assert error.value.kind == "unknown-dialect"
