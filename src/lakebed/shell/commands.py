"""The dot commands: one table of what there is, and how a line becomes a call."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Literal

from ..storage.errors import InvalidInputError
from ..tql.suggest import did_you_mean

ArgumentKind = Literal["dataset", "file", "version", "branch", "view", "column", "switch", "number", "topic", "new", ""]


@dataclass(frozen=True, slots=True)
class Command:
    """One dot command.

    Attributes:
        usage: its arguments as people read them, optional ones in brackets.
        arguments: what each word can be, for completion.
        help: one line.
        required: words that must be there.
        tail: the rest of the line, after the words, is one text: "message", "query", or "" if there is none.
    """

    name: str
    usage: str
    help: str
    arguments: tuple[ArgumentKind, ...] = ()
    required: int = 0
    tail: Literal["", "message", "query"] = ""

    @property
    def takes_query(self) -> bool:
        return self.tail == "query"


@dataclass(frozen=True, slots=True)
class Call:
    """A dot command with its words; `tail` is the text after them."""

    command: Command
    words: tuple[str, ...]
    tail: str = ""

    def word(self, place: int) -> str | None:
        return self.words[place] if place < len(self.words) else None


_COMMANDS = (
    Command(".open", "PATH[@VERSION]", "Open a dataset.", ("dataset",), 1),
    Command(".schema", "", "Tensors with htype, shape, dtype and compression."),
    Command(".classes", "[COLUMN]", "Class names with how often each occurs.", ("column",)),
    Command(".log", "[N]", "Commits, newest first.", ("number",)),
    Command(".diff", "[FROM [TO]]", "What changed, by default since the last commit.", ("version", "version")),
    Command(".branch", "[NAME]", "List branches and tags; with NAME make a branch here and go to it.", ("new",)),
    Command(".checkout", "NAME", "Go to a branch, tag or commit.", ("version",), 1),
    Command(".commit", "MESSAGE", "Seal what has changed as a commit.", tail="message"),
    Command(".views", "", "Saved views."),
    Command(".save", "ID [MESSAGE]", "Save the rows of the last result as a view.", ("new",), 1, "message"),
    Command(".load", "[ID]", "Ask the rows of a saved view from now on; without ID all rows again.", ("view",)),
    Command(".explain", "[QUERY]", "Plan, SQL and estimated rows of a query, or of the last one.", tail="query"),
    Command(".more", "", "The next rows of the last result."),
    Command(".show", "[ROW]", "One row in full, its picture large; ROW as the table numbers it.", ("number",)),
    Command(".plot", "[FILE] [N]", "Pictures with boxes: here, or into a .png or .jpg file.", ("file", "number")),
    Command(".export", "FILE", "Write the last result as .csv, .json, .arrow or .parquet.", ("file",), 1),
    Command(".limit", "[N]", "Rows that a table shows at most.", ("number",)),
    Command(".images", "[on|off]", "Whether tables show pictures.", ("switch",)),
    Command(".help", "[COMMAND|FUNCTION]", "This list, or more about one name, or `functions`.", ("topic",)),
    Command(".quit", "", "Leave; so does Ctrl-D."),
)  # fmt: skip

COMMANDS = {command.name: command for command in _COMMANDS}

ALIASES = {".exit": ".quit", ".q": ".quit", ".h": ".help", ".tables": ".schema", ".next": ".more"}

_COMMAND = re.compile(r"\s*\.[^\W\d]")

_BARE = re.compile(
    r"""
    \s*
    (?: (?P<quit> (?:exit|quit)(?:\(\))? | \\q | :q ) | (?: help | \? | \\[?h] ) (?P<topic> [ \t]+ \.?\w+ )? )
    \s*;?\s*
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What people type to leave or to be helped. As a whole statement it is no query, whatever columns there are."""


def is_command(text: str) -> bool:
    """Whether a statement is a dot command, with its dot or one of the bare words that mean one."""
    return starts_command(text) or _BARE.fullmatch(text) is not None


def starts_command(line: str) -> bool:
    """Whether a dot and a letter come first, with which no line of a query starts."""
    return _COMMAND.match(line) is not None


def split_name(text: str) -> tuple[str, str]:
    """The command's name with its dot, in lower case and without its alias, and the rest of the text."""
    if bare := _BARE.fullmatch(text):
        return ".quit" if bare["quit"] else ".help", (bare["topic"] or "").strip()
    name, _, rest = text.strip().partition(" ")
    if "\n" in name:
        name, _, rest = text.strip().partition("\n")
    return ALIASES.get(name.lower(), name.lower()), rest.strip()


def parse_command(text: str) -> Call:
    """The call that a line means.

    Raises:
        InvalidInputError: there is no such command, or its arguments do not fit.

    >>> parse_command(".save night 'all at night'").words
    ('night',)
    """
    name, rest = split_name(text)
    command = COMMANDS.get(name)
    if command is None:
        hint = did_you_mean(name, COMMANDS, "") or "`.help` lists the commands"
        raise InvalidInputError(f"there is no command {name}", kind="unknown-command", hint=hint)
    rest = rest.removesuffix(";").rstrip() if not command.takes_query else rest
    most = len(command.arguments)
    words, tail = _words(rest, most) if command.tail else (_all_words(rest), "")
    if len(words) > most:
        raise _misfit(command, f"{name} takes {_count(most)}, found {len(words)}")
    if len(words) < command.required or (command.tail == "message" and not command.required and not tail):
        raise _misfit(command, f"{name} needs {command.usage}")
    return Call(command, tuple(words), tail)


def _misfit(command: Command, message: str) -> InvalidInputError:
    return InvalidInputError(message, kind="bad-arguments", hint=f"write {command.name} {command.usage}".rstrip())


def _count(most: int) -> str:
    return "no argument" if most == 0 else "one argument" if most == 1 else f"{most} arguments at most"


def _all_words(text: str) -> list[str]:
    """Words as a shell splits them, quotes honoured, but a backslash is itself: Windows paths hold them."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise InvalidInputError(
            "a quote is never closed", kind="bad-arguments", place=text, hint="close it, or write the other kind"
        ) from None


def _words(text: str, most: int) -> tuple[list[str], str]:
    """The first `most` words, and the text after them without quotes around it."""
    parts = text.split(None, most)
    tail = parts[most] if len(parts) > most else ""
    if len(tail) > 1 and tail[0] in "\"'" and tail[-1] == tail[0]:
        tail = tail[1:-1]
    return parts[:most], tail
