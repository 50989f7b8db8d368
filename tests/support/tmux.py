"""A real terminal for tests: tmux runs a program in a window of its own, keys go in, the screen comes out."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

MISSING = "" if shutil.which("tmux") else "tmux is not installed (apt-get install tmux)"
PATIENCE = 90.0
"""Seconds for what a person would see at once; a busy machine may need many."""

_NUMBERS = itertools.count()

ESCAPE = re.compile(r"\x1b\[[0-9;:]*m")


class Window:
    """A terminal window with one program in it."""

    def __init__(self, socket: str, record: Path) -> None:
        self._socket = socket
        self._record = record

    def type(self, text: str) -> None:
        """Letters, as if typed."""
        self._tmux("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: "Enter", "Tab", "C-c", "M-Enter"."""
        self._tmux("send-keys", *keys)

    def screen(self, colors: bool = False) -> str:
        """What the window shows."""
        return self._tmux("capture-pane", "-p", *(["-e"] if colors else []))

    def wait_for(self, wanted: str | Callable[[str], bool]) -> str:
        """The screen once it holds `wanted`, or `wanted` of it is true; fails with the screen otherwise."""
        end = time.monotonic() + PATIENCE
        while True:
            screen = self.screen()
            if wanted in screen if isinstance(wanted, str) else wanted(screen):
                return screen
            if time.monotonic() > end:
                raise AssertionError(f"{wanted!r} did not come:\n{screen}\n{self.screen(colors=True)!r}")
            time.sleep(0.1)

    def exit_status(self) -> int:
        """The program's exit status; waits for its end."""
        end = time.monotonic() + PATIENCE
        while not self._record.exists() or not self._record.read_text().strip():
            if time.monotonic() > end:
                raise AssertionError(f"the program did not end:\n{self.screen()}")
            time.sleep(0.1)
        return int(self._record.read_text())

    def _tmux(self, *args: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *args], capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout


@contextmanager
def window(folder: Path, *args: str, env: Mapping[str, str], size: tuple[int, int] = (110, 40)) -> Iterator[Window]:
    """`lakebed` with `args` in a new window; the window closes with the block."""
    # A socket of its own: the server of a window before may still be going.
    record, socket = folder / "status", str(folder / f"tmux{next(_NUMBERS)}")
    command = f'"$PYTHON" -m lakebed.cli {" ".join(args)}; echo $? > "$RECORD"; sleep 600'
    environment = {**os.environ, **env, "PYTHON": sys.executable, "RECORD": str(record), "SHELL": "/bin/sh"}
    environment.pop("TMUX", None)
    start = [
        "tmux",
        "-S",
        socket,
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-x",
        str(size[0]),
        "-y",
        str(size[1]),
        command,
    ]
    subprocess.run(start, env=environment, timeout=60, check=True)
    try:
        yield Window(socket, record)
    finally:
        subprocess.run(["tmux", "-S", socket, "kill-server"], capture_output=True, timeout=60, check=False)
