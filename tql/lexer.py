"""Text to tokens: one compiled expression walks over the text; all that it cannot read is an error with a hint."""

from __future__ import annotations

import re
from typing import NoReturn

from .errors import TQLLimitError, TQLSyntaxError
from .source import Span
from .tokens import END, FLOAT, INTEGER, QUOTED, STRING, Token, keyword_kind

MAX_LENGTH = 1 << 20
"""Characters in a query."""

MAX_INTEGER = 2**63
"""Literals are 64-bit; the parser lets this one value pass behind a minus only."""

# The possessive quantifiers keep every alternative linear: none ever gives back what it took.
_SCANNER = re.compile(
    r"""
      (?P<skip>   (?: \s++ | --[^\n]*+ | /\*(?:[^*]|\*(?!/))*+\*/ )++ )
    | (?P<word>   [^\W\d]\w*+ )
    | (?P<number> (?: [0-9]++(?:\.[0-9]*+)?+ | \.[0-9]++ ) (?: [eE][+-]?+[0-9]++ )?+ (?!\w) )
    | (?P<string> '[^']*+(?:''[^']*+)*+' )
    | (?P<quoted> "[^"]*+(?:""[^"]*+)*+" )
    | (?P<open>   ' | " | /\* )
    | (?P<sign>   == | != | <> | <= | >= | \|\| | // | [-+*/%^=<>()\[\],.:;?] )
    | (?P<other>  . )
    """,
    re.VERBOSE | re.DOTALL,
)

_SPELLINGS = {"==": "=", "<>": "!="}

_SURROGATE = re.compile("[\ud800-\udfff]")

_UNCLOSED = {
    "'": ("the string that starts here is never closed", "end it with '; a ' inside a string is written ''"),
    '"': ("the quoted name that starts here is never closed", 'end it with "; a " inside a name is written ""'),
    "/*": ("the comment that starts here is never closed", "end it with */"),
}

_HINTS = {
    "\u2018": "a string stands in straight quotes: 'car'",
    "\u2019": "a string stands in straight quotes: 'car'",
    "\u201c": "a quoted name stands in straight quotes: \"my column\"; a string in single ones: 'car'",
    "\u201d": "a quoted name stands in straight quotes: \"my column\"; a string in single ones: 'car'",
    "`": 'put an unusual name in double quotes: "my column"',
    "&": "write AND",
    "|": "write OR; to join texts write ||",
    "!": "write NOT, or != for not equal",
    "#": "a comment starts with --",
    "{": "there are no object literals: compare one key, as in metadata['key'] = 1",
    "}": "there are no object literals: compare one key, as in metadata['key'] = 1",
    "$": "write a parameter as ? or as :name",
    "@": 'a version belongs inside the quotes: FROM "path@branch"',
    "\\": "a backslash has no meaning outside of strings",
    "~": "match texts with LIKE or REGEXP_MATCHES(text, 'pattern')",
    "\ufeff": "this is an invisible character: delete it",
    "\u200b": "this is an invisible character: delete it",
    "\0": "this is an invisible character: delete it",
}


def tokenize(text: str) -> list[Token]:
    """All tokens of a query; the last one, and only the last one, is of kind `END`.

    Raises:
        TQLSyntaxError: a character, number or quote that cannot be read.
        TQLLimitError: the text is longer than `MAX_LENGTH`.
    """
    refuse_unfit(text)
    tokens: list[Token] = []
    for match in _SCANNER.finditer(text):
        group = match.lastgroup
        if group == "skip":
            continue
        start, end = match.span()
        raw = match.group()
        if group == "word":
            tokens.append(Token(keyword_kind(raw), raw, start, end))
        elif group == "sign":
            tokens.append(Token(_SPELLINGS.get(raw, raw), raw, start, end))
        elif group == "string":
            tokens.append(Token(STRING, raw[1:-1].replace("''", "'"), start, end))
        elif group == "number":
            tokens.append(number_token(text, raw, start, end))
        elif group == "quoted":
            tokens.append(quoted_token(text, raw, start, end))
        else:
            refuse(text, raw, start)
    tokens.append(Token(END, "", len(text), len(text)))
    return tokens


def refuse_unfit(text: str) -> None:
    """Refuse what is too long to be a query, and what is not text at all."""
    if len(text) > MAX_LENGTH:
        raise TQLLimitError(
            f"the query has {len(text):,} characters, and the most is {MAX_LENGTH:,}",
            kind="too-long",
            hint="pass long lists and vectors as parameters",
            span=Span(MAX_LENGTH, MAX_LENGTH + 1),
            text=text,
        )
    if not text.isascii() and (half := _SURROGATE.search(text)):
        raise TQLSyntaxError(
            f"the query holds half of a character (U+{ord(half.group()):04X})",
            kind="not-text",
            hint="decode the text it was made from as UTF-8, with errors='strict'",
            span=Span(*half.span()),
            text=text,
        )


def number_token(text: str, raw: str, start: int, end: int) -> Token:
    """The token of a number; one that does not fit into 64 bits is an error."""
    if raw.isdigit():
        # The digits are counted first: Python refuses to convert thousands of them.
        digits = raw.lstrip("0") or "0"
        if len(digits) <= 19 and int(digits) <= MAX_INTEGER:
            return Token(INTEGER, int(digits), start, end)
        found, hint = "this integer", f"the largest is {MAX_INTEGER - 1}"
    else:
        value = float(raw)
        if value != float("inf"):
            return Token(FLOAT, value, start, end)
        found, hint = "this number", "the largest is about 1.8e308"
    raise TQLSyntaxError(
        f"{found} does not fit into 64 bits", kind="number-too-large", hint=hint, span=Span(start, end), text=text
    )


def quoted_token(text: str, raw: str, start: int, end: int) -> Token:
    if raw == '""':
        raise TQLSyntaxError(
            "a quoted name cannot be empty",
            kind="empty-name",
            hint="an empty string is written ''",
            span=Span(start, end),
            text=text,
        )
    return Token(QUOTED, raw[1:-1].replace('""', '"'), start, end)


def refuse(text: str, raw: str, start: int) -> NoReturn:
    """Raise the error for text that starts no token."""
    if raw in _UNCLOSED:
        message, hint = _UNCLOSED[raw]
        raise TQLSyntaxError(message, kind="unclosed", hint=hint, span=Span(start, start + len(raw)), text=text)
    if raw in "0123456789":
        refuse_number(text, start)
    shown = raw if raw.isprintable() else f"U+{ord(raw):04X}"
    raise TQLSyntaxError(
        f'unexpected character "{shown}"',
        kind="unexpected-character",
        hint=_HINTS.get(raw, "put names with unusual characters in double quotes, strings in single ones"),
        span=Span(start, start + 1),
        text=text,
    )


def refuse_number(text: str, start: int) -> NoReturn:
    end = start + 1
    while end < len(text) and (text[end].isalnum() or text[end] in "._"):
        end += 1
    raise TQLSyntaxError(
        f'"{text[start:end][:40]}" is neither a number nor a name',
        kind="malformed-number",
        hint='numbers are decimal, as 12, 0.5 or 1e-3; a name that starts with a digit stands in double quotes: "3d"',
        span=Span(start, end),
        text=text,
    )
