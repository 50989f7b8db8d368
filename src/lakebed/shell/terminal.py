"""The shell at a terminal: prompt_toolkit reads, rich writes; everything else is decided elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import Output as PromptOutput
from prompt_toolkit.styles import Style
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from .. import __version__
from ..engine import database, interrupt
from ..errors import LakebedError
from ..running import Cancelled, wait_for_left
from ..storage.stores.places import data_folder
from .commands import COMMANDS, is_command, split_name
from .completion import complete
from .dispatch import run
from .messages import WELCOME, error_text
from .names import Names
from .paths import local_paths
from .pieces import Fragments, highlight
from .session import Finished, Session
from .statements import is_complete, split
from .tables import Screen
from .type_ahead import keys_kept

STYLE = Style.from_dict(
    {
        "prompt": "ansibrightblue bold",
        "prompt.at": "ansicyan",
        "prompt.changed": "ansiyellow",
        "continuation": "ansibrightblack",
        "tql-keyword": "ansibrightblue bold",
        "tql-function": "ansicyan",
        "tql-column": "bold",
        "tql-string": "ansigreen",
        "tql-number": "ansimagenta",
        "tql-comment": "ansibrightblack italic",
        "tql-error": "ansired underline",
        "tql-command": "ansiyellow bold",
        "bottom-toolbar": "noreverse ansibrightblack",
        "completion-menu.completion": "bg:#2b3040 #d8dee9",
        "completion-menu.completion.current": "bg:#5e81ac #ffffff bold noreverse",
        "completion-menu.meta.completion": "bg:#232733 #8f98a8",
        "completion-menu.meta.completion.current": "bg:#4c6a91 #e5e9f0",
    }
)

MENU = 4
"""Lines kept free for completions."""
LOWEST = MENU + 4
"""Lines of the lowest window that has the toolbar and room for completions."""

PATIENCE = 0.4
"""Seconds before a running query shows a clock."""


class TerminalOutput:
    """Rich's console as the session's output."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    @property
    def screen(self) -> Screen:
        """The window as it is now."""
        console = self._console
        system = None if console.no_color else console.color_system
        colors = "none" if system is None else "many" if system in ("256", "truecolor") else "few"
        return Screen(console.width, console.height, colors)  # type: ignore[arg-type]  # of a literal's three words

    def lines(self, lines: Sequence[Text]) -> None:
        for line in lines:
            self._console.print(harmless(line), soft_wrap=True)

    def errors(self, lines: Sequence[Text]) -> None:
        self.lines(lines)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """A clock, if it takes longer than `PATIENCE`."""
        clock = Progress(
            SpinnerColumn(),
            TextColumn("[bright_black]running, Ctrl-C cancels"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        clock.add_task("")
        timer = threading.Timer(PATIENCE, clock.start)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            clock.stop()


def harmless(line: Text) -> Text:
    """The line without control characters, which could move the cursor or rename the window: data is never obeyed."""
    if not line.plain.isprintable():
        line.plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line.plain)
    return line


class TqlLexer(Lexer):
    """Colours while typing."""

    def __init__(self, names: Callable[[], Names]) -> None:
        self._names = names

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        fragments = styled(document.text, self._names())
        lines = list(split_lines([(f"class:tql-{style}" if style else "", text) for style, text in fragments]))
        return lambda number: lines[number] if number < len(lines) else []


def styled(text: str, names: Names) -> Fragments:
    """A query in colours; of a dot command its name, and its query if it takes one."""
    columns = {column.name for column in names.columns}
    if not is_command(text):
        return highlight(text, columns)
    name, rest = split_name(text)
    command = COMMANDS.get(name)
    if not rest:
        return [("command" if command else "error", text)]
    place = len(text.rstrip()) - len(rest)
    tail: Fragments = highlight(rest, columns) if command and command.takes_query else [("", rest)]
    return [("command" if command else "error", text[:place]), *tail, ("", text[place + len(rest) :])]


class TqlCompleter(Completer):
    """Suggestions of `completion.complete` for prompt_toolkit."""

    def __init__(self, names: Callable[[], Names]) -> None:
        self._names = names

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        text = document.text_before_cursor
        after = document.text_after_cursor[:1]
        for found in complete(text, self._names(), local_paths, complete_event.completion_requested):
            # A quote or bracket that stands behind the cursor already is not put there again.
            written = found.text[:-1] if after and found.text.endswith(after) and after in "'\"(" else found.text
            yield Completion(written, found.start - len(text), display=found.shown, display_meta=found.about)


def key_bindings() -> KeyBindings:
    """Enter runs what is whole and adds a line to what is not; Alt-Enter always adds a line."""
    bindings = KeyBindings()

    @bindings.add("enter")
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        menu = buffer.complete_state
        if menu is not None and menu.current_completion is not None:
            buffer.complete_state = None
        elif is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.newline(copy_margin=True)

    @bindings.add("escape", "enter")
    def alt_enter(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=True)

    return bindings


def history_file() -> Path:
    """Where what was entered is kept from one session to the next."""
    return data_folder() / "shell-history"


def kept_history(path: Path) -> History:
    """The history in a file; one that ends with the session where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab"):
            pass
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


class Terminal:
    """Reads statements from the user and has the session run them, until `.quit` or Ctrl-D."""

    def __init__(
        self,
        session: Session,
        history: History | None = None,
        input: Input | None = None,
        output: PromptOutput | None = None,
    ) -> None:
        self._session = session
        self._names = Names()
        self._prompt: PromptSession[str] = PromptSession(
            multiline=True,
            lexer=TqlLexer(lambda: self._names),
            completer=TqlCompleter(lambda: self._names),
            complete_in_thread=True,
            complete_while_typing=True,
            auto_suggest=AutoSuggestFromHistory(),
            key_bindings=key_bindings(),
            history=history if history is not None else kept_history(history_file()),
            style=STYLE,
            input=input,
            output=output,
        )
        self._prompt.app.before_render += self._make_room  # and so after each change of the window's size

    def run(self) -> None:
        """The whole conversation."""
        session = self._session
        greeting = Text.assemble(("Lakebed ", "bold bright_blue"), f"{__version__}   ", (WELCOME, "bright_black"))
        session.output.lines([greeting])
        # DuckDB is loaded while the user reads and types, so that the first query does not wait for it.
        # No daemon: the interpreter must not end while a library is half loaded.
        threading.Thread(target=database, name="lakebed warm-up").start()
        while True:
            self._look()
            try:
                text = self._prompt.prompt(prompt_of(session), prompt_continuation=continuation)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            try:
                for statement in split(text):
                    run(session, statement)
            except Finished:
                return
            except Cancelled as error:
                session.output.errors(error_text(error))
            except KeyboardInterrupt:
                session.output.lines([Text("cancelled", "yellow")])

    def _make_room(self, app: Application[str]) -> None:
        """Toolbar and menu below the prompt; not in a window so low that the prompt itself would not be drawn."""
        high = app.output.get_size().rows >= LOWEST
        self._prompt.bottom_toolbar = toolbar_of(self._session) if high else None
        self._prompt.reserve_space_for_menu = MENU if high else 0

    def _look(self) -> None:
        """Learn the names that can be completed, before the user types."""
        try:
            self._names = self._session.names
        except LakebedError as error:
            self._names = Names()
            self._session.output.errors(error_text(error))


def prompt_of(session: Session) -> StyleAndTextTuples:
    """``coco main> ``: dataset, then branch or commit, then the view that is asked; a star says uncommitted changes."""
    dataset = session.dataset
    if dataset is None:
        return [("class:prompt", "lakebed> ")]
    at = dataset.branch or (dataset.commit_id or "")[:8]
    asked = f"/{session.view.id}" if session.view is not None else ""
    changed = "*" if dataset.branch and dataset.has_head_changes else ""
    return [
        ("class:prompt", f"{short_name(dataset.path)} "),
        ("class:prompt.at", f"{at}{asked}"),
        ("class:prompt.changed", changed),
        ("class:prompt", "> "),
    ]


def short_name(path: str) -> str:
    """The last part of a dataset's path, without a version."""
    return path.rstrip("/").rpartition("/")[2].partition("@")[0] or path


def toolbar_of(session: Session) -> str:
    """One line below the prompt: what is open."""
    dataset = session.dataset
    if dataset is None:
        return " no dataset, .open PATH   or name one: select * from \"path\""  # fmt: skip
    counted = len(session.asked)
    of_view = f" of view {session.view.id}" if session.view is not None else ""
    readable = "" if not dataset.read_only else "   read-only"
    return f" {dataset.path}   {counted:,} rows{of_view}{readable}   Alt-Enter: new line"


def continuation(width: int, line: int, wrapped: int) -> StyleAndTextTuples:
    """What stands before the second line and the ones after it."""
    return [("class:continuation", "· ".rjust(width) if not wrapped else " " * width)]


def run_terminal(session_of: Callable[[TerminalOutput], Session]) -> None:
    """Talk with the user at this process's terminal."""
    with keys_kept(sys.stdin):
        Terminal(session_of(TerminalOutput())).run()
    wait_for_left(interrupt)
