"""What can stand at the cursor: columns, functions, keywords, class names in quotes, dot commands and their arguments.

Which words the grammar allows is asked of the parser itself: a word fits if the query with it is whole, or lacks only
its rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..tql import parse
from ..tql.errors import TQLError
from ..tql.tokens import KEYWORDS, NAME, QUOTED, RESERVED
from .commands import COMMANDS, Command, is_command, split_name
from .names import Column, Names, functions
from .pieces import BAD, COMMENT, UNCLOSED, Piece, pieces
from .statements import goes_on

T = TypeVar("T")
ListPaths = Callable[[str], list[str]]
"""Paths that begin with a text; folders end with a slash."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` to put in the place of what stands from `start` to the cursor; `shown` and `about` are for the menu."""

    text: str
    start: int
    shown: str
    about: str = ""


def complete(text: str, names: Names, list_paths: ListPaths, asked: bool = True) -> list[Suggestion]:
    """Suggestions for the cursor at the end of `text`, best first.

    Args:
        text: all that stands before the cursor.
        list_paths: looks into folders, for `.open`, `.export` and FROM.
        asked: whether the user pressed Tab; without it nothing is offered before a word has begun.
    """
    if is_command(text) or text.strip() == ".":
        return _complete_command(text, names, list_paths, asked)
    return complete_query(text, names, list_paths, asked)


# --- queries ---------------------------------------------------------------------------------------------------------


def complete_query(text: str, names: Names, list_paths: ListPaths, asked: bool = True) -> list[Suggestion]:
    cut = pieces(text)
    last = cut[-1] if cut else None
    if last is not None and last.kind == UNCLOSED:
        return _in_quotes(text, cut, names, list_paths)
    if last is not None and (last.kind == BAD or (last.kind == COMMENT and last.end == len(text))):
        return []
    word = last.text if last is not None and last.end == len(text) and _is_word(last) else ""
    if not word and not asked:
        return []
    start = len(text) - len(word)
    return list(_words_at(text[:start], word, names))


def _is_word(piece: Piece) -> bool:
    return piece.kind == NAME or piece.kind in KEYWORDS


def _words_at(before: str, word: str, names: Names) -> Iterator[Suggestion]:
    query = _last_statement(before)
    start = len(before)
    upper = word.isupper() and len(word) > 1
    if _is_operand(query):
        for column in _matching(word, names.columns, lambda column: column.name):
            yield Suggestion(quoted_name(column.name), start, column.name, column.about)
        for name, (arguments, help) in functions().items():
            if name.startswith(word.upper()):
                written = name if upper else name.lower()
                yield Suggestion(f"{written}(", start, f"{written}({arguments})", help)
    for keyword in sorted(RESERVED if _is_name_wanted(query) else KEYWORDS):
        if keyword.startswith(word.upper()) and fits(query, keyword):
            yield Suggestion(keyword if upper else keyword.lower(), start, keyword if upper else keyword.lower())


def _last_statement(before: str) -> str:
    """What stands before the cursor without statements that have ended."""
    ended = [piece.end for piece in pieces(before) if piece.kind == ";"]
    return before[ended[-1] :] if ended else before


def fits(query: str, word: str) -> bool:
    """Whether the grammar lets `word` follow `query`.

    >>> fits("select *", "WHERE"), fits("select *", "THEN")
    (True, False)
    """
    text = f"{query} {word}"
    try:
        parse(text)
    except TQLError:
        return goes_on(text)
    return True


def _is_operand(query: str) -> bool:
    """Whether an expression can start here: a number and a name fit, so it is neither an alias nor a source.

    LIMIT and OFFSET take expressions too, but never of columns.
    """
    cut = pieces(query)
    if cut and cut[-1].kind in ("LIMIT", "OFFSET", "TOP"):
        return False
    return fits(query, "0") and fits(query, '"x"')


def _is_name_wanted(query: str) -> bool:
    """Whether an operand, source or alias has to start here; words that are not reserved would be its name."""
    return fits(query, '"x"') and not fits(query, ",")


def quoted_name(name: str) -> str:
    """A column's name as a query has to write it.

    >>> quoted_name("boxes"), quoted_name("labels/boxes")
    ('boxes', '"labels/boxes"')
    """
    cut = pieces(name)
    plain = len(cut) == 1 and cut[0].text == name and _is_word(cut[0]) and cut[0].kind not in RESERVED
    return name if plain else '"' + name.replace('"', '""') + '"'


# --- inside quotes ---------------------------------------------------------------------------------------------------


def _in_quotes(text: str, cut: list[Piece], names: Names, list_paths: ListPaths) -> list[Suggestion]:
    opened, before = cut[-1], cut[:-1]
    typed = opened.text[1:]
    if opened.text[0] == "'":
        return [_closed(name, "'", opened.start + 1, about) for name, about in _classes(typed, before, names)]
    if opened.text[0] != '"':
        return []
    if before and before[-1].kind in ("FROM", "JOIN"):
        return [Suggestion(path, opened.start + 1, path) for path in list_paths(typed)]
    found = _matching(typed, names.columns, lambda column: column.name)
    return [_closed(column.name, '"', opened.start + 1, column.about) for column in found]


def _closed(name: str, quote: str, start: int, about: str) -> Suggestion:
    return Suggestion(name.replace(quote, quote * 2) + quote, start, name, about)


def _classes(typed: str, before: list[Piece], names: Names) -> Iterator[tuple[str, str]]:
    """Class names that match, of the column that the string is compared with; of all columns if none is near."""
    column = _column_before(before, names)
    for each in [column] if column else [each for each in names.columns if each.class_names]:
        for name in _matching(typed.replace("''", "'"), each.class_names, str):
            yield name, each.name


def _column_before(before: list[Piece], names: Names) -> Column | None:
    """The nearest column to the left, in the same condition, that has class names."""
    for piece in reversed(before):
        if piece.kind in ("WHERE", "SELECT", "AND", "OR"):
            return None
        name = piece.text[1:-1].replace('""', '"') if piece.kind == QUOTED else piece.text
        column = names.column(name)
        if column is not None and column.class_names:
            return column
    return None


# --- dot commands ----------------------------------------------------------------------------------------------------


def _complete_command(text: str, names: Names, list_paths: ListPaths, asked: bool) -> list[Suggestion]:
    stripped = text.lstrip()
    lead = len(text) - len(stripped)
    if not any(letter.isspace() for letter in stripped):
        found = [c for c in COMMANDS.values() if c.name.startswith(stripped.lower())]
        return [Suggestion(c.name, lead, f"{c.name} {c.usage}".rstrip(), c.help) for c in found]
    name, _ = split_name(text)
    command = COMMANDS.get(name)
    if command is None:
        return []
    after = len(text) - len(text.lstrip().split(None, 1)[1]) if len(text.split(None, 1)) > 1 else len(text)
    if command.takes_query:
        return [_moved(one, after) for one in complete_query(text[after:], names, list_paths, asked)]
    words = text[after:].split()
    typed = words[-1] if words and not text[-1].isspace() else ""
    place = len(words) - (1 if typed else 0)
    return list(_arguments(command, place, typed, len(text) - len(typed), names, list_paths))


def _moved(suggestion: Suggestion, by: int) -> Suggestion:
    return Suggestion(suggestion.text, suggestion.start + by, suggestion.shown, suggestion.about)


def _arguments(
    command: Command, place: int, typed: str, start: int, names: Names, list_paths: ListPaths
) -> Iterator[Suggestion]:
    kind = command.arguments[place] if place < len(command.arguments) else ""
    if kind in ("file", "dataset"):
        yield from (Suggestion(path, start, path) for path in list_paths(typed))
    for name, about in _matching(typed, _choices(kind, names).items(), lambda item: item[0]):
        yield Suggestion(name, start, name, about)


def _choices(kind: str, names: Names) -> Mapping[str, str]:
    """The words that an argument can be, each with what the menu says of it."""
    match kind:
        case "version":
            commits = {id[:8]: message for id, message in names.commits.items()}
            return {**_all(names.branches, "branch"), **_all(names.tags, "tag"), **commits}
        case "view":
            return names.views
        case "column":
            return {column.name: column.about for column in names.columns if column.class_names}
        case "switch":
            return {"on": "", "off": ""}
        case "topic":
            shown = {name.lower(): help for name, (_, help) in functions().items()}
            return {"functions": "all functions", **{c.name: c.help for c in COMMANDS.values()}, **shown}
        case _:
            return {}


def _all(names: Iterable[str], about: str) -> dict[str, str]:
    return dict.fromkeys(names, about)


def _matching(typed: str, items: Iterable[T], name_of: Callable[[T], str]) -> list[T]:
    """Items whose name begins with what is typed, then those with a later word that does; case does not count."""
    wanted = typed.casefold()
    first: list[T] = []
    later: list[T] = []
    for item in items:
        name = name_of(item).casefold()
        if name.startswith(wanted):
            first.append(item)
        elif any(name.startswith(wanted, at + 1) for at, letter in enumerate(name) if letter in " /_-"):
            later.append(item)
    return first + later
