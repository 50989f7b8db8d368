"""What people mean when they write something that is not TQL: one sentence each, found from the tokens at the place."""

from __future__ import annotations

from ..suggest import nearest
from ..tokens import CLAUSE_WORDS, END, FLOAT, INTEGER, NAME, RESERVED, STRING, Token, words

OTHER_STATEMENTS = words(
    """
    ALTER ANALYZE ATTACH BEGIN CALL COMMIT COPY CREATE DELETE DESCRIBE DETACH DROP EXECUTE EXPLAIN EXPORT GRANT IMPORT
    INSERT INSTALL LOAD MERGE PRAGMA PREPARE REPLACE RESET ROLLBACK SET SHOW TRUNCATE UPDATE USE VACUUM VALUES
    """
)

CLAUSES = ("FROM", "WHERE", "EXPAND", "GROUP", "HAVING", "ACROSS", "UNGROUP", "ORDER", "LIMIT", "OFFSET", "SAMPLE")
ORDER_OF_CLAUSES = (
    "the order of clauses is SELECT, FROM, WHERE, EXPAND BY, GROUP BY, HAVING, ACROSS, UNGROUP BY, UNION, ORDER BY, "
    "LIMIT, OFFSET, SAMPLE BY"
)
SET_OPERATORS = ("UNION", "INTERSECT", "EXCEPT")

MISSPELT = tuple(sorted(RESERVED | CLAUSE_WORDS))
"""Words that a name in the wrong place may have been meant to be."""

SIGNS = {
    "[": "to write a constant array put ARRAY before the bracket: ARRAY[1, 2]",
    ":": "a colon stands in slices, x[1:5], and weights, MAX_WEIGHT(condition: 2); to convert write CAST(x AS INT)",
    "*": "* stands alone in the SELECT list or in COUNT(*)",
    "||": "|| joins texts; the logical operator is OR",
    ";": "leave out everything after the first ; and the second one too",
}


def hint_for(tokens: list[Token], position: int) -> str:
    """A hint for an error at `tokens[position]`, where something else was expected; "" where none is known."""
    token = tokens[position]
    before = tokens[position - 1] if position else None
    if before is not None and before.kind == ",":
        return "is the comma before it one too many?"
    if token.kind in CLAUSES:
        return hint_for_clause(token, before)
    if token.kind in SET_OPERATORS:
        return f"put each part around {token.kind} in parentheses: (SELECT ... LIMIT 5) {token.kind} (SELECT ...)"
    if (word := misspelt(token)) or (before is not None and (word := misspelt(before))):
        return f"did you mean {word}?"
    if token.kind in RESERVED:
        return f'{token.kind} is a word of the language: a column of that name is written "{token.value}"'
    if token.kind in SIGNS:
        return SIGNS[token.kind]
    if token.kind in (NAME, STRING, INTEGER, FLOAT) and before is not None and ends_operand(before):
        return "is a comma, an operator, AND or OR missing before it?"
    return ""


def hint_for_clause(token: Token, before: Token | None) -> str:
    if before is not None and (before.kind in RESERVED or not ends_operand(before)):
        return f'something is missing before it; a column called {token.value} is written "{token.value}"'
    return ORDER_OF_CLAUSES


def ends_operand(token: Token) -> bool:
    return token.kind not in RESERVED and (token.kind.isalpha() or token.kind in ")]*?")


def misspelt(token: Token) -> str:
    """The keyword that a name nearly is."""
    if token.kind != NAME or len(str(token.value)) < 3:
        return ""
    found = nearest(str(token.value).upper(), MISSPELT, limit=1)
    return found[0] if found and abs(len(found[0]) - len(str(token.value))) <= 1 else ""


def hint_for_statement(token: Token) -> tuple[str, str]:
    """Message and hint for a text that does not start with SELECT, WITH or a parenthesis."""
    if token.kind == END:
        return "the query is empty", "the shortest one is SELECT *"
    word = str(token.value).upper()
    if word in OTHER_STATEMENTS:
        return f"a query only reads: expected SELECT, found {word}", "change datasets with the methods of Dataset"
    if token.kind in CLAUSES:
        return f"expected SELECT, found {token.kind}", f"write SELECT * {token.kind} ..."
    if found := nearest(word, ("SELECT", "WITH"), limit=1):
        return f'expected SELECT, found "{token.value}"', f"did you mean {found[0]}?"
    return "expected SELECT at the start of the query", "to filter rows write SELECT * WHERE followed by the condition"
