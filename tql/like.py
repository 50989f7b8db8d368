"""Patterns of LIKE as regular expressions: ``%`` and ``*`` any run, ``?`` one character, ``(a|b)`` alternatives."""

from __future__ import annotations

import re

from .errors import TQLTypeError
from .source import Span

SQL_LIKE = "{0} LIKE {1}"


def like_to_regex(pattern: str, escape: str, ignore_case: bool, span: Span) -> str:
    """The regular expression (RE2 and Python) that fits the same texts as a whole.

    Raises:
        TQLTypeError: the escape is not one character, or nothing follows it.

    >>> like_to_regex("a_%(b|c)?", "", False, Span(0, 0))
    'a_.*(?:b|c).'
    """
    if len(escape) > 1:
        raise TQLTypeError("ESCAPE takes one character", kind="bad-escape", span=span)
    depth = balanced(pattern, escape)
    out: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if escape and char == escape:
            following = next(chars, None)
            if following is None:
                raise TQLTypeError("the pattern ends with its escape character", kind="bad-escape", span=span)
            out.append(re.escape(following))
        else:
            out.append(one(char, depth))
    return ("(?i)" if ignore_case else "") + "".join(out)


def plain_like(pattern: str, escape: str, ignore_case: bool) -> str | None:
    """The pattern as SQL's LIKE has it, which is faster than a regular expression; None if it needs one.

    >>> plain_like("*kitchen", "", False), plain_like("b?d", "", False)
    ('%kitchen', None)
    """
    if escape or ignore_case or any(char in pattern for char in "?_\\") or balanced(pattern, escape):
        return None
    return pattern.replace("*", "%")


def one(char: str, groups: bool) -> str:
    if char in "%*":
        return ".*"
    if char == "?":
        return "."
    if groups and char in "(|)":
        return {"(": "(?:", "|": "|", ")": ")"}[char]
    return re.escape(char)


def balanced(pattern: str, escape: str) -> bool:
    """Whether the parentheses close; where they do not they stand for themselves."""
    depth, skip = 0, False
    for char in pattern:
        if skip or (escape and char == escape):
            skip = not skip
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth < 0:
                return False
    return depth == 0 and "(" in pattern
