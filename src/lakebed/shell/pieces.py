"""Text that is still being typed, cut into pieces by the lexer of the query language; nothing here ever raises."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..tql.catalogue import FUNCTIONS
from ..tql.errors import TQLError
from ..tql.lexer import tokenize
from ..tql.tokens import END, FLOAT, INTEGER, KEYWORDS, NAME, QUOTED, RESERVED, STRING

Fragments: TypeAlias = list[tuple[str, str]]
"""Styled text: (style, text) pairs whose texts joined are the whole."""

COMMENT = "comment"
UNCLOSED = "unclosed"
"""A string, quoted name or comment whose end has not been typed yet."""
BAD = "bad"

_HALVES = re.compile("[\ud800-\udfff]")

MOST_ERRORS = 32
"""Unreadable characters after which the rest of a text is one piece: whoever pasted it did not paste a query."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A token, comment or unreadable character: ``text[start:end]``.

    `kind` is that of the token (an upper-case keyword, a sign, "name", "string", ...), or "comment", "unclosed", "bad".
    """

    kind: str
    start: int
    end: int
    text: str


def pieces(text: str) -> list[Piece]:
    """All of `text` but the white space, in order, whatever it is.

    >>> [piece.kind for piece in pieces("select 'ca")]
    ['SELECT', 'unclosed']
    """
    found: list[Piece] = []
    start = 0
    # Halves of characters are refused before all else; so that the rest is read, each is another unreadable one here.
    readable = text if text.isascii() else _HALVES.sub("\0", text)
    for _ in range(MOST_ERRORS):
        try:
            found += _cut(text, readable, start, len(text))
        except TQLError as error:
            bad = start + error.span.start
            found += _cut(text, readable, start, bad)
            to_the_end = error.kind in ("unclosed", "too-long")
            end = len(text) if to_the_end else start + max(error.span.end, error.span.start + 1)
            found.append(Piece(UNCLOSED if error.kind == "unclosed" else BAD, bad, end, text[bad:end]))
            start = end
        else:
            return found
    return [*found, Piece(BAD, start, len(text), text[start:])]


def _cut(text: str, readable: str, start: int, end: int) -> Iterator[Piece]:
    """Pieces of a part that the lexer can read; comments are what it skips between tokens."""
    after = start
    tokens = tokenize(readable[start:end])
    for token in tokens:
        yield from _comments(text, after, start + token.start)
        after = start + token.end
        if token.kind != END:
            yield Piece(token.kind, start + token.start, after, text[start + token.start : after])


def _comments(text: str, start: int, end: int) -> Iterator[Piece]:
    gap = text[start:end]
    inner = gap.strip()
    if inner:
        first = start + gap.index(inner)
        yield Piece(COMMENT, first, first + len(inner), inner)


def highlight(text: str, columns: Collection[str] = ()) -> Fragments:
    """`text` with a style for each piece: "keyword", "function", "column", "string", "number", "comment", "error", "".

    Words that are keywords in one clause only stay columns where the dataset has a column of that name.
    """
    found: Fragments = []
    after = 0
    cut = pieces(text)
    for place, piece in enumerate(cut):
        if piece.start > after:
            found.append(("", text[after : piece.start]))
        called = place + 1 < len(cut) and cut[place + 1].text == "("
        found.append((_style(piece, called, columns), piece.text))
        after = piece.end
    if after < len(text):
        found.append(("", text[after:]))
    return found


_STYLES = {STRING: "string", INTEGER: "number", FLOAT: "number", COMMENT: "comment", BAD: "error"}


def _style(piece: Piece, called: bool, columns: Collection[str]) -> str:
    if piece.kind in _STYLES:
        return _STYLES[piece.kind]
    if piece.kind == UNCLOSED:
        return {"'": "string", '"': "column"}.get(piece.text[0], "comment")
    if called and piece.text.upper() in FUNCTIONS:
        return "function"
    if piece.kind in RESERVED:
        return "keyword"
    if piece.kind == QUOTED or piece.text in columns:
        return "column"
    if piece.kind in KEYWORDS:
        return "keyword"
    return "" if piece.kind == NAME else "sign"
