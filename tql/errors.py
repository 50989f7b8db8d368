"""Errors of the query language: each points at a place in the text and says what to do."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from ..errors import LakebedError
from .source import NOWHERE, Span, line_and_column

CONTEXT = 80
"""Characters of a long line shown around the place."""
BAD_WEIGHTS = "lakebed-bad-weights "
"""Starts the message of the SQL error that says why no rows can be drawn; start and end of the weight's text follow."""


class TQLError(LakebedError):
    """Base of all that can be wrong with a query.

    `span` is the place in `text`; `str()` shows the line with carets under it.
    """

    default_kind = "tql"

    def __init__(
        self, message: str, *, kind: str = "", place: str = "", hint: str = "", span: Span = NOWHERE, text: str = ""
    ) -> None:
        super().__init__(message, kind=kind, place=place, hint=hint)
        self.span = span
        self.text = text

    def __str__(self) -> str:
        lines = [self.message]
        if self.text and self.span != NOWHERE:
            lines += caret_lines(self.text, self.span)
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.kind, self.place, self.hint, self.span, self.text))

    def with_text(self, text: str) -> TQLError:
        """The same error knowing the query it is about."""
        self.text = text
        return self


def _rebuild(cls: type[TQLError], message: str, kind: str, place: str, hint: str, span: Span, text: str) -> TQLError:
    return cls(message, kind=kind, place=place, hint=hint, span=span, text=text)


class TQLSyntaxError(TQLError):
    """The text is not a query."""

    default_kind = "syntax"


class TQLNameError(TQLError):
    """A column, class, function, alias or dataset is not known."""

    default_kind = "unknown-name"


class TQLTypeError(TQLError):
    """Types or shapes do not fit together."""

    default_kind = "type"


class TQLUnsupportedError(TQLError):
    """A query of the language that cannot be answered here, with the reason."""

    default_kind = "unsupported"


class TQLLimitError(TQLError):
    """The query is too long or too deeply nested."""

    default_kind = "limit"


def mark_place(error: LakebedError, text: str, span: Span) -> None:
    """Add the place in a query to an error that its source raised."""
    error.place = "\n".join([error.place, *caret_lines(text, span)])


def caret_lines(text: str, span: Span, context: int = CONTEXT) -> list[str]:
    r"""The line of `span` with carets under it, cut to `context` characters around the place.

    >>> print("\n".join(caret_lines("select *\nwher x", Span(9, 13))))
      line 2: wher x
              ^^^^
    """
    line, column = line_and_column(text, span.start)
    start = span.start - column
    end = text.find("\n", start)
    length = (end if end >= 0 else len(text)) - start
    left = max(0, min(column - context // 2, length - context))
    shown = "".join(map(visible, text[start + left : start + min(left + context, length)]))
    before, marked = shown[: column - left], shown[column - left :][: span.end - span.start]
    label = f"  line {line}: "
    return [label + shown, " " * (len(label) + cells(before)) + "^" * max(1, cells(marked))]


def visible(character: str) -> str:
    """The character, or one of the same width for what would move the carets away from their place."""
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def cells(text: str) -> int:
    """How many columns of a terminal a text takes: two for a wide character, none for an accent on the one before.

    >>> cells("car"), cells("汽车"), cells("e\u0301")
    (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum((east_asian_width(c) in "WF") + (combining(c) == 0) for c in text)
