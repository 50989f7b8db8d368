"""Where a statement ends: what Enter runs, and how lines from a pipe become queries and dot commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..tql import parse
from ..tql.errors import TQLError, TQLSyntaxError
from .commands import COMMANDS, is_command, split_name, starts_command
from .pieces import COMMENT, UNCLOSED, pieces

OPENINGS = frozenset({"SELECT", "WITH", "("})
"""What a query starts with; a line that starts with anything else goes on with the query before it."""


def is_complete(text: str) -> bool:
    """Whether Enter runs `text` instead of adding a line.

    A dot command ends with its line. A query ends where the grammar lets it end, or at its first mistake, or at ``;``,
    or at an empty line; it goes on where the parser would only complain about missing its rest.

    >>> is_complete("select * where"), is_complete("select * where x > 1"), is_complete("select * were x")
    (False, True, True)
    """
    before, _, last_line = text.rpartition("\n")
    if before.strip() and not last_line.strip():
        return True
    if is_command(text):
        name, rest = split_name(text)
        takes_query = name in COMMANDS and COMMANDS[name].takes_query
        return not (takes_query and rest) or _ends(rest)
    return _ends(text)


def _ends(text: str) -> bool:
    parts = split(text)
    return not parts or not goes_on(parts[-1])


def goes_on(query: str) -> bool:
    """Whether all that is wrong with the query is that it stops too early."""
    try:
        parse(query.rstrip())
    except TQLSyntaxError as error:
        return error.kind == "unclosed" or error.span.start >= len(query.rstrip())
    except TQLError:
        return False
    return False


def is_blank(text: str) -> bool:
    """Whether there is nothing to run: white space and closed comments."""
    return all(piece.kind in (COMMENT, ";") for piece in pieces(text))


def split(text: str) -> list[str]:
    """The statements of a text that was entered at once: dot commands, and queries with ``;`` between them."""
    if is_command(text):
        line, _, rest = text.strip().partition("\n")
        name, _ = split_name(line)
        takes_query = name in COMMANDS and COMMANDS[name].takes_query
        return [text.strip()] if takes_query else [line.strip(), *split(rest)]
    cut = pieces(text)
    ends = [piece.end for piece in cut if piece.kind == ";"]
    if cut and cut[-1].kind == UNCLOSED:
        ends = [end for end in ends if end < cut[-1].start]
    starts = [0, *ends]
    parts = [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]
    return [part.strip() for part in parts if not is_blank(part)]


def statements(lines: Iterable[str]) -> Iterator[str]:
    """The statements of a script, each as soon as it is known to be whole.

    A query ends at ``;``, at an empty line, before a dot command, or before a line that starts another query.
    """
    held = ""
    for line in lines:
        if held and not _belongs(line, held):
            yield from split(held)
            held = ""
        held += line if line.endswith("\n") else line + "\n"
        if is_command(held) or held.rstrip().endswith(";"):
            if is_complete(held.rstrip()):
                yield from split(held)
                held = ""
        elif is_blank(held):
            held = ""
    yield from split(held)


def _belongs(line: str, held: str) -> bool:
    """Whether `line` is more of the statement `held`."""
    if not line.strip() or starts_command(line):
        return False
    if not is_complete(held.rstrip()):
        return True
    first = pieces(line)[0].kind
    return first not in OPENINGS
