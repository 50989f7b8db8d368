"""What processes that are given a dataset, or forked with one open, do with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import lakebed


def append_and_return(ds: lakebed.Dataset, name: str) -> None:
    """Append a row and say nothing more: what waits has to be saved at the end of the process."""
    ds.append({"name": name})


def append_in_a_transaction(ds: lakebed.Dataset, name: str) -> None:
    with ds:
        ds.append({"name": name})


def append_and_commit(ds: lakebed.Dataset, name: str) -> None:
    ds.append({"name": name})
    ds.commit(name)


def only_read(ds: lakebed.Dataset, name: str) -> None:
    """Fails unless it finds `name` in the last row."""
    assert ds.name[-1].text() == name


def forked(act: Callable[[], object], seconds: int = 60) -> int:
    """The exit status of a child that runs `act` and ends without any clean-up; it is killed if it takes too long."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        act()
        status = 0
    finally:
        os._exit(status)
