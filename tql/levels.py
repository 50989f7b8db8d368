"""How tightly operators bind: one table that the parser climbs and the printer obeys."""

from __future__ import annotations

from .nodes import BinaryOp

OR, AND, NOT, EQUALITY, RELATION, NULLITY, SUM, PRODUCT, POWER, CONCAT, SIGN = range(1, 12)
"""How tightly operators bind, from loose to tight; subscripts bind tighter than all."""

BINARY: dict[str, tuple[int, BinaryOp]] = {
    "OR": (OR, "OR"),
    "AND": (AND, "AND"),
    "=": (EQUALITY, "="),
    "!=": (EQUALITY, "!="),
    "<": (RELATION, "<"),
    "<=": (RELATION, "<="),
    ">": (RELATION, ">"),
    ">=": (RELATION, ">="),
    "+": (SUM, "+"),
    "-": (SUM, "-"),
    "*": (PRODUCT, "*"),
    "/": (PRODUCT, "/"),
    "//": (PRODUCT, "//"),
    "%": (PRODUCT, "%"),
    "^": (POWER, "^"),
    "||": (CONCAT, "||"),
}
LEVELS = {word: level for word, (level, _) in BINARY.items()} | {
    "NOT": EQUALITY,  # only before one of NEGATABLE
    "LIKE": EQUALITY,
    "ILIKE": EQUALITY,
    "IN": EQUALITY,
    "BETWEEN": EQUALITY,
    "IS": NULLITY,
    "ISNULL": NULLITY,
}
NEGATABLE = ("LIKE", "ILIKE", "IN", "BETWEEN")
CHAINS_NOT = (EQUALITY, RELATION, NULLITY)
"""Levels whose operators do not follow each other: ``a = b = c`` is an error."""
