from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

import lakebed
from face_data import CLASSES, boxes_of, fresh_path, labels_of, numbers, street
from lakebed import cli
from lakebed.shell.exports import arrow_table, export

QUERY = "select boxes as b, categories, shape(boxes)[0] as n where contains(categories, 'car') limit 3"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    where = str(tmp_path_factory.mktemp("query") / "ds")
    street(10, path=where)
    return where


def query(path: str, *args: str, text: str | bytes | None = None) -> Result:
    """`lakebed query` in this process, with `text` on standard input."""
    return CliRunner().invoke(cli.cli, ["query", path, *args], input=text)


def child(*args: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`lakebed` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lakebed.cli", *args], input=text, capture_output=True, timeout=120, check=False
    )


def test_csv_has_a_heading_and_numbers_as_short_as_they_are(path: str) -> None:
    rows = list(csv.DictReader(io.StringIO(query(path, QUERY, "--format", "csv").stdout)))
    assert list(rows[0]) == ["row", "b", "categories", "n"]
    assert json.loads(rows[0]["categories"]) == labels_of(int(rows[0]["row"]))
    assert json.loads(rows[0]["b"]) == boxes_of(int(rows[0]["row"])).tolist()


def test_json_is_a_list_of_objects_with_null_for_what_json_cannot_say() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("x", dtype="float32")
    ds.extend({"x": [np.array([0.1, np.nan], dtype=np.float32), np.array([np.inf], dtype=np.float32)]})
    ds.commit("numbers")
    result = query(ds.path, "select *", "--format", "json")
    assert json.loads(result.stdout) == [{"row": 0, "x": [0.1, None]}, {"row": 1, "x": [None]}]


def test_arrow_is_a_stream_of_stored_values(path: str) -> None:
    done = child("query", path, QUERY, "--format", "arrow", "--limit", "2")
    assert done.returncode == 0, done.stderr
    table = pa.ipc.open_stream(done.stdout).read_all()
    assert table.column_names == ["row", "b", "categories", "n"]
    assert table.num_rows == 2
    first = table.column("row")[0].as_py()
    assert [CLASSES[code] for code in table.column("categories")[0].as_py()] == labels_of(first)


def test_columns_are_printed_in_the_order_asked_for(path: str) -> None:
    for form in ("csv", "table"):
        out = query(path, QUERY, "--format", form, "--tensors", "n,row", "--tensors", "b").stdout
        assert out.splitlines()[0].replace(",", " ").split() == ["n", "row", "b"]
    bad = query(path, QUERY, "--tensors", "nix")
    assert bad.exit_code == 1
    assert "its columns are row, b, categories, n" in bad.stderr


def test_the_query_is_read_from_standard_input_where_it_is_missing_or_a_dash(path: str) -> None:
    expected = query(path, QUERY, "--format", "csv").stdout
    assert query(path, "--format", "csv", text=QUERY).stdout == expected
    assert query(path, "-", "--format", "csv", text=QUERY + "\n;\n").stdout == expected


def test_values_without_rows_and_groups_are_printed_in_every_form(path: str) -> None:
    assert query(path, "select count(*) as n", "--format", "csv").stdout == "n\n10\n"
    grouped = "select categories, count(*) as n group by shape(boxes)[0]"
    lines = json.loads(query(path, grouped, "--format", "json").stdout)
    assert sum(line["n"] for line in lines) == 10
    assert all(len(line["categories"]) == line["rows"] == line["n"] for line in lines)
    assert "(4 rows, 2 shown)" in query(path, grouped, "--limit", "2").stdout
    table = pa.ipc.open_stream(child("query", path, grouped, "--format", "arrow").stdout).read_all()
    assert table.to_pylist() == lines


def test_a_table_shows_the_first_rows_and_says_how_many_there_are(path: str) -> None:
    assert query(path, "select *", "--limit", "4").stdout.splitlines()[-1] == "(10 rows, 4 shown)"
    assert query(path, "select * where shape(boxes)[0] > 99").stdout.strip() == "(0 rows)"


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_a_result_without_rows_is_a_result(path: str, form: str) -> None:
    result = query(path, "select boxes where shape(boxes)[0] > 99", "--format", form)
    assert result.exit_code == 0
    assert result.stdout == {"csv": "row,boxes\n", "json": "[]\n", "table": "(0 rows)\n"}[form]


def test_exit_statuses_tell_errors_of_the_query_from_errors_of_the_call(path: str) -> None:
    wrong = query(path, "select * were")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "^^^^" in wrong.stderr
    assert query("/nowhere/at/all", "select *").exit_code == 1
    assert query(path, "select *", "--format", "xml").exit_code == 2
    empty = query(path, text="  \n")
    assert (empty.exit_code, empty.stdout) == (2, "")
    assert "standard input is empty" in empty.stderr


def test_bytes_that_are_no_text_are_an_error_with_a_place(path: str) -> None:
    done = child("query", path, text=b"select '\xff'")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"half of a character" in done.stderr
    assert b"Traceback" not in done.stderr


def test_saving_says_so_on_standard_error_only(tmp_path: Path) -> None:
    ds = street(4, path=str(tmp_path / "ds"))
    result = query(ds.path, "select *", "--format", "csv", "--save", "all")
    assert "saved as" in result.stderr
    assert "saved as" not in result.stdout
    assert [entry.id for entry in lakebed.load(ds.path).get_views()] == ["all"]


def test_a_shell_without_a_terminal_runs_lines_and_fails_if_one_failed(path: str) -> None:
    done = child("shell", path, text=b"select count(*) as n\nselect boxes, where\n.branch\n")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [" n", "──", "10", "1 row", "* main"]
    assert b"one too many" in done.stderr
    good = child("shell", path, "--read-only", text=b"select count(*) as n;\n.quit\nselect nonsense\n")
    assert (good.returncode, good.stderr) == (0, b"")
    assert child("shell", text=b".help quit").stdout.decode().splitlines()[0].strip() == ".quit"
    assert child("shell", "/nowhere/at/all").returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent as POSIX does")
def test_ctrl_c_stops_a_script_as_a_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "big")
    numbers(30_000, path=path)
    slow = f'select count(*) from "{path}" a, "{path}" b, "{path}" c where a.x + b.x * c.x = 7'
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "lakebed.cli", "shell", path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f".branch\n{slow}\n.branch\n".encode())
        process.stdin.close()
        assert process.stdout.readline() == b"* main\n"
        # The signal may come in the middle of any step of the slow query, or before it.
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b""
        assert process.wait(60) == 130


def test_files_hold_the_same_rows_in_every_form(tmp_path: Path) -> None:
    found = street(10).query(QUERY)
    expected = arrow_table(found)
    for name in ("a.arrow", "a.feather", "a.parquet", "a.csv", "a.JSON"):
        assert export(found, str(tmp_path / name)) == 3
    assert pa.ipc.open_file(tmp_path / "a.arrow").read_all().equals(expected)
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == expected.to_pylist()
    rows = json.loads((tmp_path / "a.JSON").read_text())
    assert [row["row"] for row in rows] == expected.column("row").to_pylist()
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize("form", ["csv", "arrow"])
def test_a_reader_that_goes_away_is_told_by_the_exit_status_and_nothing_else(form: str, tmp_path: Path) -> None:
    numbers(30_000, path=str(tmp_path / "ds"))
    command = [sys.executable, "-m", "lakebed.cli", "query", str(tmp_path / "ds"), "select *", "--format", form]
    # Unbuffered, Python loses what a pipe did not take at once, and never learns that it is broken.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as asked:
        assert asked.stdout is not None and asked.stderr is not None
        assert asked.stdout.read(1)
        asked.stdout.close()
        assert asked.stderr.read() == b""
        assert asked.wait(120) == 141


def test_a_script_whose_reader_went_away_ends(tmp_path: Path) -> None:
    numbers(20, path=str(tmp_path / "ds"))
    (tmp_path / "script").write_text("select *;\n" * 2_000)
    command = [sys.executable, "-m", "lakebed.cli", "shell", str(tmp_path / "ds")]
    with (
        open(tmp_path / "script", "rb") as script,
        subprocess.Popen(command, stdin=script, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked,
    ):
        assert asked.stdout is not None and asked.stderr is not None
        assert asked.stdout.readline()
        asked.stdout.close()
        assert asked.stderr.read() == b""
        assert asked.wait(120) == 141
