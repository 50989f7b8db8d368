"""The shell without a terminal: statements from a stream of lines, plain text out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TextIO

from rich.text import Text

from .dispatch import run
from .session import Finished, Session
from .statements import statements
from .tables import Screen

UNBOUNDED = Screen(width=1_000_000, height=1_000_000, colors="none")


class PlainOutput:
    """Results to one stream, errors to another, without colours and as wide as they are."""

    screen = UNBOUNDED

    def __init__(self, results: TextIO, errors: TextIO) -> None:
        self._results = results
        self._errors = errors

    def lines(self, lines: Sequence[Text]) -> None:
        self._write(self._results, lines)

    def errors(self, lines: Sequence[Text]) -> None:
        self._write(self._errors, lines)

    def busy(self) -> nullcontext[None]:
        return nullcontext()

    def _write(self, stream: TextIO, lines: Sequence[Text]) -> None:
        stream.writelines(line.plain + "\n" for line in lines)
        stream.flush()


def run_lines(session: Session, lines: Iterable[str]) -> bool:
    """Run all statements, also those after one that failed; whether all succeeded."""
    succeeded = True
    try:
        for statement in statements(lines):
            succeeded = run(session, statement) and succeeded
    except Finished:
        pass
    return succeeded
