"""What the shell says besides tables: errors with carets, figures, help; styled text, made without a terminal."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from rich.text import Text

from ..errors import LakebedError
from ..running import Cancelled
from ..storage.errors import NotFoundError
from ..tql.catalogue import FUNCTIONS
from ..tql.errors import CONTEXT, TQLError, caret_lines
from ..tql.source import NOWHERE
from ..tql.suggest import did_you_mean
from .commands import ALIASES, COMMANDS
from .names import functions
from .pages import Page

LABEL = len("  line 100: ")

WELCOME = "Enter runs a whole query, Tab completes, .help lists commands, Ctrl-D leaves."


def error_text(error: LakebedError, width: int = 1_000) -> list[Text]:
    """An error as its `str()` says it, in colours: what is wrong, the line with carets below the place, what to do.

    Args:
        width: the window's; the line is cut so that the carets stand right below it.
    """
    title = Text("cancelled", "yellow") if isinstance(error, Cancelled) else None
    found = [title or Text.assemble(("error: ", "bold red"), (error.message, "bold"))]
    if isinstance(error, TQLError) and error.text and error.span != NOWHERE:
        line, carets = caret_lines(error.text, error.span, max(8, min(CONTEXT, width - LABEL)))
        label, _, shown = line.partition(": ")
        found.append(Text.assemble((f"{label}: ", "bright_black"), shown))
        found.append(Text(carets, "bold red"))
    elif error.place:
        found.append(Text.assemble(("  at: ", "bright_black"), error.place))
    if error.hint:
        found.append(Text.assemble(("  hint: ", "cyan"), error.hint))
    return found


def defect_text(error: Exception) -> list[Text]:
    """An exception that nobody expected, with the last place of ours that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "lakebed" in frame.filename]
    place = f"{frames[-1].filename}, line {frames[-1].lineno}, in {frames[-1].name}" if frames else ""
    return error_text(
        LakebedError(
            f"{type(error).__name__}: {error}",
            place=place,
            hint="this is a defect of Lakebed, please report it with what you entered; the session goes on",
        )
    )


def footer(page: Page, seconds: float | None) -> Text:
    """How many rows there are, which of them are shown, and how long the query took if that is wanted."""
    counted = f"{page.total:,} {'row' if page.total == 1 else 'rows'}"
    if page.rows and len(page.rows) < page.total:
        counted += f", {page.first + 1:,} to {page.after:,} shown"
        counted += " (.more goes on)" if page.after < page.total else ""
    return Text(counted if seconds is None else f"{counted}, {duration(seconds)}", "bright_black")


def duration(seconds: float) -> str:
    """A time with the digits that matter.

    >>> duration(0.00312), duration(2.5), duration(75)
    ('3.1 ms', '2.50 s', '1 min 15 s')
    """
    if seconds < 1:
        return f"{seconds * 1000:.{1 if seconds < 0.1 else 0}f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def help_text(topic: str | None) -> list[Text]:
    """All commands; or what is known of one command or function; or, for "functions", all of those.

    Raises:
        NotFoundError: the topic is neither.
    """
    if topic is None:
        rows = [(command.name, command.usage, command.help) for command in COMMANDS.values()]
        return [*_aligned(rows), Text(), Text(WELCOME, "bright_black")]
    if topic.lower() == "functions":
        return _aligned([(f"{name.lower()}", f"({args})", help) for name, (args, help) in functions().items()])
    name = ALIASES.get(topic.lower(), topic.lower())
    if name in COMMANDS or f".{name}" in COMMANDS:
        command = COMMANDS[name if name in COMMANDS else f".{name}"]
        return [Text.assemble((command.name, "bold cyan"), " ", command.usage), Text(f"  {command.help}")]
    return _function_help(topic)


def _function_help(topic: str) -> list[Text]:
    name = topic.upper().removesuffix("()")
    known = functions()
    if name not in known:
        raise NotFoundError(
            f"there is no help on {topic!r}",
            kind="unknown-topic",
            hint=did_you_mean(topic.lower(), [*COMMANDS, *map(str.lower, known)]) or "`.help` lists what there is",
        )
    lines = [Text(f"  {known[name][1]}")]
    if name not in FUNCTIONS:
        return [Text.assemble((name.lower(), "bold cyan"), f"({known[name][0]})"), *lines]
    for signature in reversed(FUNCTIONS[name].signatures):
        arguments = ", ".join([*signature.args, *(["..."] if signature.rest else [])])
        lines.insert(0, Text.assemble((name.lower(), "bold cyan"), f"({arguments})", (f" → {signature.result}", "dim")))
    return lines


def _aligned(rows: Sequence[tuple[str, str, str]]) -> list[Text]:
    """Names with their arguments in one column, what they do in the next."""
    width = max(len(name) + len(usage) for name, usage, _ in rows) + 3
    return [
        Text.assemble((name, "bold cyan"), f"{'' if usage[:1] == '(' else ' '}{usage}".ljust(width - len(name)), help)
        for name, usage, help in rows
    ]
