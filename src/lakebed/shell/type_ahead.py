"""Keys pressed while a statement runs wait for the next prompt, Ctrl-D among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

LOCAL_MODES, CONTROL_CHARACTERS = 3, 6
"""Places in the list that `termios.tcgetattr` returns."""


@contextmanager
def keys_kept(terminal: TextIO) -> Iterator[None]:
    """For the block, what is typed between two prompts is neither shown nor acted on, but for Ctrl-C.

    Between prompts a POSIX terminal collects lines: it would show the keys amid the output of the statement, and take
    Ctrl-D for the end of a line, of which the next prompt reads nothing. A prompt sets modes of its own and comes back
    to these. Windows keeps keys by itself.
    """
    try:
        import termios
    except ImportError:
        yield
        return
    before = termios.tcgetattr(terminal)
    modes = termios.tcgetattr(terminal)
    modes[LOCAL_MODES] &= ~termios.ECHO
    modes[CONTROL_CHARACTERS][termios.VEOF] = b"\0"  # no key ends the input
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
