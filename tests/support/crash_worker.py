"""Processes that change a dataset until they are killed, and say what was acknowledged."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable
from contextlib import nullcontext
from itertools import count

import numpy as np
from lakebed.loader import materialise
from lakebed.storage.gc import gc
from lakebed.storage.selection import Selection
from lakebed.storage.stores import open_store
from lakebed.storage.workspace import Workspace

from storage_model import created, make_tensor, opened, png, small_limits


def say(*words: object) -> None:
    """One line that is out before anything else happens: what was said is acknowledged."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def churn(ws: Workspace, name: str, turns: Iterable[int]) -> None:
    """Appends, edits, big pictures, pops, transactions, commits, branches, merges, views, copies of views and clean-up,
    over and over."""
    for turn in turns:
        row = f"{name}-{turn}"
        ws.begin()
        ws.extend({"text_a": [row, row + "-gone"], "image_a": [png(24, turn % 5), None]}, 2)
        ws.pop([len(ws) - 1])
        ws.end()
        say("row", row)
        ws.update([len(ws) - 1], {"label_a": [[f"c{turn % 7}"]]})
        say("commit", row, ws.commit(row))
        if turn % 3 == 0:
            ws.save_view(Selection(ws.snapshot(), np.arange(min(3, len(ws)))), id=f"v-{row}")
            say("view", f"v-{row}")
        if turn % 6 == 0:
            record = ws.view(f"v-{row}")
            index = materialise(ws.view_selection(record), ws.repository.store, f"views/{record.id}")
            ws.publish_materialised(record.id, index.key)
            say("copy", record.id)
        if turn % 5 == 2:  # nobody else is at work in this folder
            gc(ws.repository, grace=0.0, dry_run=False, exclusive=True)
            say("clean", row)
        if turn % 4 == 1:
            ws.checkout(f"b-{row}", create=True)
            ws.extend({"text_a": [f"{row}-branch"]}, 1)
            ws.commit(f"{row}-branch")
            ws.checkout("main")
            ws.merge(f"b-{row}")
            say("row", f"{row}-branch")


def commits(ws: Workspace, name: str, turns: int) -> None:
    """Commits of one row each."""
    for turn in range(turns):
        ws.extend({"text_a": [f"{name}-{turn}"]}, 1)
        say("commit", f"{name}-{turn}", ws.commit(f"{name}-{turn}"))


def work(mode: str, path: str, name: str, turns: int) -> None:
    """What a child does."""
    with small_limits() if mode == "churn" else nullcontext():
        ws = opened(open_store(path))
        say("ready")
        if mode == "churn":
            churn(ws, name, count())
        else:
            commits(ws, name, turns)
        ws.close()
        say("done")


def start(mode: str, path: str, name: str, said: str, turns: str) -> int:
    """Fork a child whose words go to the file `said`; returns its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
        work(mode, path, name, int(turns))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def warm_up() -> None:
    """Import what a first turn imports, here and not in every child, which would be killed before its first row."""
    output, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    with tempfile.TemporaryDirectory() as folder, small_limits():
        ws = created(open_store(folder))
        for kind in ("text", "label", "image"):
            make_tensor(ws, kind, f"{kind}_a")
        churn(ws, "warm", range(7))
    os.dup2(output, 1)
    os.close(output)
    os.close(nowhere)


def serve() -> None:
    """Fork and kill children as told on stdin: what a process costs to start is paid once."""
    warm_up()
    for line in sys.stdin:
        command, *words = line.split()
        if command == "start":
            print(start(*words), flush=True)
        elif command == "kill":
            os.kill(int(words[0]), signal.SIGKILL)
            print(os.waitpid(int(words[0]), 0)[1], flush=True)
        else:
            print(os.waitpid(int(words[0]), 0)[1], flush=True)


if __name__ == "__main__":
    serve()
