"""An output that remembers, and a session on a small dataset, for tests of the shell."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from rich.text import Text

from face_data import street
from lakebed.shell.session import Session
from lakebed.shell.tables import Screen


class Recorder:
    """Keeps what a session writes."""

    def __init__(self, screen: Screen | None = None) -> None:
        self.screen = screen or Screen(100, 40, "many")
        self.shown: list[Text] = []
        self.wrong: list[Text] = []

    def lines(self, lines: Sequence[Text]) -> None:
        self.shown += lines

    def errors(self, lines: Sequence[Text]) -> None:
        self.wrong += lines

    def busy(self) -> nullcontext[None]:
        return nullcontext()

    def take(self) -> str:
        """What was shown since the last time, without colours; fails if an error was."""
        assert not self.wrong, plain(self.wrong)
        text = plain(self.shown)
        self.shown.clear()
        return text

    def take_error(self) -> str:
        """The error since the last time."""
        assert self.wrong, f"no error, but {plain(self.shown)}"
        text = plain(self.wrong)
        self.wrong.clear()
        return text


def plain(lines: Sequence[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def street_session(rows: int = 10, path: str | None = None, screen: Screen | None = None) -> tuple[Session, Recorder]:
    """A session on `face_data.street`, and what it writes to."""
    output = Recorder(screen)
    return Session(output, street(rows, path), timing=False), output
