"""A place in the list of tokens, the vocabulary to move it, and the wording of every syntax error."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from ..errors import TQLLimitError, TQLSyntaxError
from ..source import Span, line_and_column
from ..tokens import END, FLOAT, INTEGER, NAME, NAME_KINDS, QUOTED, RESERVED, STRING, Token
from .height import MAX_DEPTH, STACK_DEPTH, on_fresh_stack
from .hints import CLAUSES, hint_for, hint_for_extra

T = TypeVar("T")

SHOWN = 40
"""Characters of a token shown in a message."""


class Cursor:
    """Looks at `token`, the one that is not consumed yet.

    ``peek`` looks; ``accept`` consumes if it can and says so; ``expect`` consumes or raises. In the subclasses
    ``parse_x`` must succeed and ``maybe_x`` may return None.
    """

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.position = 0
        self.token = tokens[0]
        self.depth = 0
        self.parameters = 0
        self.open: list[Token] = []

    # --- moving ------------------------------------------------------------------------------------------------------

    def advance(self) -> Token:
        token = self.token
        self.position += 1
        self.token = self.tokens[self.position]
        return token

    def peek(self, *kinds: str) -> bool:
        return self.token.kind in kinds

    def peek_next(self) -> Token:
        """The token after the next one; only asked for where the next one is not the end."""
        return self.tokens[self.position + 1]

    def accept(self, kind: str) -> bool:
        if self.token.kind != kind:
            return False
        self.advance()
        return True

    def expect(self, kind: str) -> Token:
        if self.token.kind != kind:
            self.fail(quote(kind))
        return self.advance()

    def expect_name(self, what: str) -> str:
        """A bare or quoted name, as it is meant."""
        if self.token.kind not in NAME_KINDS:
            quoted = self.token.kind in RESERVED
            self.fail(what, f'as a name it is written "{self.token.value}"' if quoted else "")
        return str(self.advance().value)

    def listed(self, parse: Callable[[], T]) -> tuple[T, ...]:
        """What `parse` makes of one or more things with commas between them."""
        found = [parse()]
        while self.accept(","):
            found.append(parse())
        return tuple(found)

    def span_from(self, start: int) -> Span:
        """From `start` to the end of the last token consumed."""
        return Span(start, self.tokens[self.position - 1].end)

    # --- nesting -----------------------------------------------------------------------------------------------------

    def bracketed(self, opener: str, closer: str, parse: Callable[[], T]) -> T:
        """What `parse` makes of the inside of a pair of brackets."""
        start = self.expect(opener)
        self.open.append(start)
        inside = self.nested(start, parse)
        if self.token.kind != closer:
            self.fail_open(closer, start)
        self.advance()
        self.open.pop()
        return inside

    def nested(self, opener: Token, parse: Callable[[], T]) -> T:
        """What `parse` returns, one level deeper."""
        self.depth += 1
        self.refuse_deep(opener)
        inside = parse() if self.depth % STACK_DEPTH else on_fresh_stack(parse)
        self.depth -= 1
        return inside

    def refuse_deep(self, opener: Token, levels: int = 0) -> None:
        if self.depth + levels > MAX_DEPTH:
            raise TQLLimitError(
                f"the query nests deeper than {MAX_DEPTH} levels",
                kind="too-deep",
                hint="take out parentheses that are not needed, or name parts of the query in a WITH clause",
                span=opener.span,
                text=self.text,
            )

    # --- errors ------------------------------------------------------------------------------------------------------

    def fail(self, expected: str, hint: str = "") -> NoReturn:
        """Raise "expected X, found Y" at the token that is not consumed yet."""
        hint = hint or hint_for(self.tokens, self.position) or self.open_hint()
        self.refuse(f"expected {expected}, found {self.describe(self.token)}", hint)

    def fail_extra(self, expected: str) -> NoReturn:
        """Raise for a token that stands where a query or bracket could have ended."""
        self.fail(expected, hint_for_extra(self.tokens, self.position))

    def fail_open(self, closer: str, opener: Token) -> NoReturn:
        """Raise for a bracket that is not closed where it should be."""
        if self.token.kind == END:
            self.refuse(f'"{opener.value}" is never closed', f'add "{closer}" where it ends', opener, "unclosed")
        query = self.tokens[self.tokens.index(opener) + 1].kind in ("SELECT", "WITH", "(")
        if self.token.kind in CLAUSES and not query:
            self.fail(f'"{closer}"', self.open_hint())
        self.fail_extra(f'"{closer}"')

    def refuse(self, message: str, hint: str, token: Token | None = None, kind: str = "") -> NoReturn:
        """Raise at a token, by default the one that is not consumed yet."""
        span = (token or self.token).span
        raise TQLSyntaxError(message, kind=kind, hint=hint, span=span, text=self.text)

    def open_hint(self) -> str:
        if not self.open:
            return ""
        opener = self.open[-1]
        line, column = line_and_column(self.text, opener.start)
        return f'the "{opener.value}" in line {line}, column {column + 1} is still open'

    def describe(self, token: Token) -> str:
        """A token in the words of an error."""
        if token.kind == END:
            return "the end of the query"
        raw = self.text[token.start : token.end]
        shown = raw if len(raw) <= SHOWN else raw[:SHOWN] + "..."
        what = {STRING: "the string ", QUOTED: "the name ", INTEGER: "the number ", FLOAT: "the number "}
        if token.kind == NAME:
            return f'the name "{shown}"'
        if token.kind in what:
            return what[token.kind] + shown
        return quote(token.kind)


def quote(kind: str) -> str:
    """A keyword as it is, a sign in quotes."""
    return kind if kind.isalpha() else f'"{kind}"'
