"""The words and signs of the language: token kinds, reserved and contextual keywords."""

from __future__ import annotations

from typing import NamedTuple

from .source import Span

NAME = "name"
QUOTED = "quoted"
STRING = "string"
INTEGER = "integer"
FLOAT = "float"
END = "end"


def words(text: str) -> frozenset[str]:
    """The set of words in a text."""
    return frozenset(text.split())


RESERVED = words(
    """
    ALL AND ARRAY AS BETWEEN BY CASE CAST DISTINCT ELSE EXCEPT EXISTS FALSE FROM GROUP HAVING ILIKE IN INTERSECT IS
    JOIN LIKE LIMIT NOT NULL ON OR ORDER SELECT THEN TRUE UNION USING WHEN WHERE WITH
    """
)
"""Words that are never a bare name. ALL is the exception: followed by a parenthesis it is the function."""

FREE = words("FIRST LAST SPACE SPLIT TIME TOP")
"""Keywords in one place of the grammar each, and names everywhere else, also as an alias without AS."""

CLAUSE_WORDS = words(
    """
    ACROSS ASC CROSS DESC END ESCAPE EXPAND FULL INNER ISNULL LEFT NATURAL NULLS OFFSET OUTER OVERLAP PERCENT REPLACE
    RIGHT SAMPLE UNGROUP VERSION
    """
)
"""Keywords where an operand or a source has ended, and names where one starts; an alias of that name needs AS."""

CONTEXTUAL = FREE | CLAUSE_WORDS
KEYWORDS = {word: word for word in RESERVED | CONTEXTUAL}

NAME_KINDS = CONTEXTUAL | {NAME, QUOTED}
"""Tokens that may stand for a column, function, source or alias."""

ALIAS_KINDS = FREE | {NAME, QUOTED}
"""Tokens that may be an alias without AS."""


class Token(NamedTuple):
    """One word, literal or sign.

    `kind` is the upper-case keyword, the sign itself (``==`` as "=", ``<>`` as "!="), or one of the lower-case kinds
    above. `value` is the decoded literal, or the word as written.
    """

    kind: str
    value: str | int | float
    start: int
    end: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


def keyword_kind(word: str) -> str:
    """The kind of a bare word: its upper-case form if it is a keyword, else `NAME`.

    Only ASCII letters make keywords: the Kelvin sign is not a K, although Python folds it to one.
    """
    return KEYWORDS.get(word.upper(), NAME) if word.isascii() else NAME
