"""Queries over a Lakebed dataset beside SQL and NumPy by hand, Lance's scanner and Deep Lake 4 over the same rows.

    python bench/query.py [--rows 118287 1000000] [--repeats 7] [--folder DIR] [--case WORDS]
                          [--lance PYTHON] [--deeplake PYTHON]

CPU milliseconds (user and system, all threads), the least of the repeats after one warm run: what is derived of a
version is kept with it, and a second query finds it. Every answer is compared with the hand-written one's before it is
timed. `ratio` is to the best by hand. PYTHON is an interpreter that has the peer installed; without it its column is
left out. What is kept with DIR is not built again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from lakebed.tql import parse
from lakebed.tql.bind import bind
from query_cases import CASES, Case
from query_data import Data, build, for_peers, load

from lakebed.engine.schema import schema_of

HERE = Path(__file__).parent
PEERS = ("lance", "deeplake")


def cpu_ms(ask: Callable[[], Any], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        ask()
        best = min(best, time.process_time() - start)
    return best * 1000


def by_hand(data: Data) -> duckdb.DuckDBPyConnection:
    """DuckDB with the rows and, one line for each, the elements."""
    connection = duckdb.connect(config={"threads": 4})
    connection.execute("load json")
    connection.register("rows", data.rows)
    connection.register("elements", data.elements)
    return connection


def answer(found: Any, case: Case) -> np.ndarray[Any, Any]:
    """Our result as one array: row numbers, counts, or the first computed column."""
    if hasattr(found, "sample_indices") and "group by" not in case.tql and " as twice" not in case.tql:
        return np.array(list(found.sample_indices), dtype=np.int64)
    name = "twice" if "twice" in case.tql else "n" if "group by" in case.tql else "count"
    return np.array(found[name].numpy()).reshape(-1)


def compare(folder: Path, rows: int, repeats: int, words: str, peers: Mapping[str, str]) -> None:
    build(folder, rows)
    data = load(folder, rows)
    connection = by_hand(data)
    cases = [case for case in CASES if words in case.name]
    theirs = {name: run_peer(name, python, folder, rows, repeats, cases, data) for name, python in peers.items()}
    print(f"\n{rows} rows, {len(data.labels.classes)} labels and boxes; CPU ms")
    shown = "".join(f"{name:>10}" for name in theirs)
    print(f"{'':38}{'lakebed':>9}{'SQL':>9}{'NumPy':>9}{'ratio':>8}{shown}{'hits':>9}")
    for case in cases:
        ours = answer(data.dataset.query(case.tql), case)
        hand = connection.sql(case.sql).to_arrow_table().column(0).to_numpy()
        assert not case.compared or np.array_equal(ours, hand), f"{case.name}: the answers differ"
        mine = cpu_ms(lambda case=case: data.dataset.query(case.tql), repeats)  # type: ignore[misc]  # bound here
        sql = cpu_ms(lambda case=case: connection.sql(case.sql).to_arrow_table(), repeats)  # type: ignore[misc]
        best, plain = sql, "-"
        if case.by_numpy is not None:
            assert np.array_equal(case.by_numpy(data), ours), f"{case.name}: NumPy's answer differs"
            took = cpu_ms(lambda case=case: case.by_numpy(data), repeats)  # type: ignore[misc]
            best, plain = min(sql, took), f"{took:.2f}"
        peer = "".join(f"{beside(theirs[name], case, ours):>10}" for name in theirs)
        print(f"{case.name:38}{mine:9.2f}{sql:9.2f}{plain:>9}{mine / best:8.2f}{peer}{len(ours):9}", flush=True)


def run_peer(
    name: str, python: str, folder: Path, rows: int, repeats: int, cases: list[Case], data: Data
) -> dict[str, Any]:
    """CPU milliseconds and rows of each case as the peer gives them, in a process of its own."""
    file = folder / f"rows-{rows}.arrow"
    for_peers(data, file)
    asked = {case.name: getattr(case, name) for case in cases if getattr(case, name)}
    command = [python, str(HERE / "query_peers.py"), name, str(file), str(repeats), json.dumps(asked)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def beside(theirs: dict[str, Any], case: Case, ours: np.ndarray[Any, Any]) -> str:
    """A peer's time; with what it found where that is not as much as we did."""
    if case.name not in theirs:
        return "-"
    if theirs[case.name] is None:
        return "refused"
    took, size = theirs[case.name]
    wanted = int(ours[0]) if case.tql.startswith("select count(*)") else len(ours)
    return f"{took:.2f}" if size == wanted else f"{took:.2f}({size})"


# --- what is no comparison -------------------------------------------------------------------------------------------

FIRST = """
import sys, time
start = time.process_time()
import lakebed
ds = lakebed.load(sys.argv[1], read_only=True)
opened = time.process_time()
ds.query(sys.argv[2])
first = time.process_time()
ds.query(sys.argv[2])
second = time.process_time()
print(f"{(opened - start) * 1e3:.0f} {(first - opened) * 1e3:.1f} {(second - first) * 1e3:.1f}")
"""


def first_queries(folder: Path, rows: int, cases: list[Case]) -> None:
    """A process that opens the dataset and asks twice."""
    print(f"\n{rows} rows, a process of its own; CPU ms: import and open, first query, second query")
    with tempfile.TemporaryDirectory() as compiled:
        alone(folder, rows, FIRST, cases[0], compiled)
        for case in cases:
            print(f"{case.name:38}{alone(folder, rows, FIRST, case, compiled)}", flush=True)


def alone(folder: Path, rows: int, script: str, case: Case, compiled: str) -> str:
    """What a script says about one case, in a process of its own; modules are compiled once, to the folder `compiled`,
    as they are where packages are installed."""
    command = [sys.executable, "-c", script, str(folder / f"lakebed-{rows}"), case.tql]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout.strip()


def parsing(folder: Path, rows: int, cases: list[Case]) -> None:
    schema = schema_of(load(folder, rows).dataset._pinned())
    took = cpu_ms(lambda: bind(parse(CASES[0].tql), schema), 200)
    print(f"\nparsing and binding the seven-class query, which a text asked before is spared: {took:.2f} CPU ms")


MEMORY = """
import sys
import lakebed
def status(name):
    lines = [line.split() for line in open("/proc/self/status")]
    return next(int(line[1]) >> 10 for line in lines if line[0] == name + ":")
ds = lakebed.load(sys.argv[1], read_only=True)
before = status("VmHWM")
found = ds.query(sys.argv[2])
print(before, status("VmHWM"), status("RssAnon"), status("RssFile"))
"""
# The peak that getrusage gives begins with that of the process that forked, so Linux is asked for the real one.


def memory(folder: Path, rows: int, cases: list[Case]) -> None:
    """Peak of a process that opens the dataset and asks once; mapped files count as far as they are touched."""
    print(f"\n{rows} rows, a process of its own; MB: before the query, at its peak; after it of its own, and of files")
    with tempfile.TemporaryDirectory() as compiled:
        for case in cases:
            print(f"{case.name:38}{alone(folder, rows, MEMORY, case, compiled)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[118_287, 1_000_000])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the datasets are kept for the next run")
    parser.add_argument("--case", default="", help="only cases with these words in their name")
    parser.add_argument("--only", choices=("compare", "first", "memory", "parsing"))
    for peer in PEERS:
        parser.add_argument(f"--{peer}", metavar="PYTHON", help="an interpreter that has it")
    options = parser.parse_args()
    peers = {name: getattr(options, name) for name in PEERS if getattr(options, name)}
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        for rows in options.rows:
            build(folder, rows)
            if options.only in (None, "compare"):
                compare(folder, rows, options.repeats, options.case, peers)
            for name, show in (("first", first_queries), ("memory", memory), ("parsing", parsing)):
                if options.only in (None, name):
                    show(folder, rows, [case for case in CASES if options.case in case.name])


if __name__ == "__main__":
    main()
