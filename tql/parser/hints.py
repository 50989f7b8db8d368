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

ASKED_OTHERWISE = {
    "SHOW": "ds.summary() shows the tensors, in the shell .schema",
    "DESCRIBE": "ds.summary() shows the tensors, in the shell .schema",
    "EXPLAIN": "ds.explain(query) shows how it runs, in the shell .explain",
}

CLAUSES = {
    "FROM": "FROM",
    "WHERE": "WHERE",
    "EXPAND": "EXPAND BY",
    "GROUP": "GROUP BY",
    "HAVING": "HAVING",
    "ACROSS": "ACROSS",
    "UNGROUP": "UNGROUP BY",
    "ORDER": "ORDER BY",
    "LIMIT": "LIMIT",
    "OFFSET": "OFFSET",
    "SAMPLE": "SAMPLE BY",
}
"""The clauses in their order, by their first words."""

SET_OPERATORS = ("UNION", "INTERSECT", "EXCEPT")

MISSPELT = tuple(sorted(RESERVED | CLAUSE_WORDS))
"""Words that a name in the wrong place may have been meant to be."""

SIGNS = {
    "[": "to write a constant array put ARRAY before the bracket: ARRAY[1, 2]",
    ":": "a colon stands in slices, x[1:5], and weights, MAX_WEIGHT(condition: 2); to convert write CAST(x AS INT)",
    "*": "* stands alone in the SELECT list or in COUNT(*)",
    "||": "|| joins texts; the logical operator is OR",
    "NOT": "NOT binds loosely: put it and what it negates in parentheses",
}

STARTERS = words("ARRAY CASE CAST DISTINCT EXISTS")
"""Keywords that something has to follow; where it does not, a column of that name may have been meant."""

FOREIGN = {
    "CONTAINS": "it is a function: CONTAINS(column, value)",
    "NOTNULL": "write IS NOT NULL",
    "REGEXP": "it is a function: REGEXP_MATCHES(text, 'pattern')",
    "RLIKE": "it is a function: REGEXP_MATCHES(text, 'pattern')",
    "AS": "AS stands in CAST(x AS INT), and before names in the SELECT list and in FROM",
}
"""Hints for a word that stands where all could have ended."""

_DATES = "there are no dates: texts such as '2020-01-31' compare in their order"

FOREIGN_BEFORE = {
    "OVER": "there are no window functions: GROUP BY makes groups, and ROW_NUMBER() counts rows",
    "DATE": _DATES,
    "TIMESTAMP": _DATES,
    "INTERVAL": _DATES,
}
"""The same for the word before it, which was taken for a name."""

BEFORE_CONDITIONS = words("SELECT WHERE AND OR NOT HAVING ON BY WHEN")

PAIRS = {
    ("=", ">"): "at least is written >=",
    ("=", "<"): "at most is written <=",
    ("=", "="): "equality is written = or ==",
    ("-", ">"): "a key of a JSON column is written column['key']",
    ("<", ">"): "not equal is written != or <>",
}


def hint_for(tokens: list[Token], position: int) -> str:
    """A hint for an error at `tokens[position]`, where something else was wanted, or "". A query starts before it."""
    token, previous = tokens[position], tokens[position - 1]
    before = previous.kind
    if before == ",":
        return "is the comma before it one too many?"
    if (before, token.kind) in PAIRS:
        return PAIRS[before, token.kind]
    if before in STARTERS or (before == "NOT" and tokens[position - 2].kind in BEFORE_CONDITIONS):
        return f'a column of that name is written "{previous.value}"'
    if token.kind in SIGNS:
        return SIGNS[token.kind]
    if token.kind in RESERVED or token.kind in CLAUSES:
        return f'is something missing before it? a column of that name is written "{token.value}"'
    return ""


def hint_for_extra(tokens: list[Token], position: int) -> str:
    """A hint for `tokens[position]`, which stands where all could have ended."""
    token = tokens[position]
    if token.kind in CLAUSES:
        return hint_for_clause(token.kind, clauses_before(tokens, position))
    if token.kind in SET_OPERATORS:
        return f"put each part around {token.kind} in parentheses: (SELECT ... LIMIT 5) {token.kind} (SELECT ...)"
    if str(token.value).upper() in FOREIGN:
        return FOREIGN[str(token.value).upper()]
    if str(tokens[position - 1].value).upper() in FOREIGN_BEFORE:
        return FOREIGN_BEFORE[str(tokens[position - 1].value).upper()]
    if word := misspelt(token) or misspelt(tokens[position - 1]):
        return f"did you mean {word}?"
    if token.kind in (NAME, STRING, INTEGER, FLOAT):
        return "is a comma, an operator, AND or OR missing before it?"
    return SIGNS.get(token.kind, "")


def hint_for_clause(clause: str, before: list[str]) -> str:
    """A hint for a clause after those before it, given by their first words."""
    words_in_order = list(CLAUSES)
    if clause in before:
        return f"{CLAUSES[clause]} may stand once in a query"
    later = [word for word in before if words_in_order.index(word) > words_in_order.index(clause)]
    if later:
        return f"{CLAUSES[clause]} comes before {CLAUSES[later[0]]}"
    if clause in ("HAVING", "ACROSS"):
        return f"{CLAUSES[clause]} comes after GROUP BY"
    return f"to select from a query in parentheses write SELECT * FROM (...) {CLAUSES[clause]} ..."


def clauses_before(tokens: list[Token], position: int) -> list[str]:
    """First words of the clauses between the SELECT that `position` belongs to and `position`."""
    found: list[str] = []
    depth = 0
    for token in reversed(tokens[:position]):
        depth += (token.kind in ")]") - (token.kind in "([")
        if depth < 0 or (depth == 0 and token.kind == "SELECT"):
            break
        if depth == 0 and token.kind in CLAUSES:
            found.append(token.kind)
    return found[::-1]


def misspelt(token: Token) -> str:
    """The keyword that a name nearly is, or ""."""
    name = str(token.value)
    if token.kind != NAME or len(name) < 3:
        return ""
    found = nearest(name.upper(), MISSPELT, limit=1)
    return found[0] if found and abs(len(found[0]) - len(name)) <= 1 else ""


def hint_for_statement(token: Token) -> tuple[str, str]:
    """Message and hint for a text that does not start with SELECT, WITH or a parenthesis."""
    if token.kind == END:
        return "the query is empty", "the shortest query is SELECT *"
    word = str(token.value).upper()
    known = word in OTHER_STATEMENTS or word in CLAUSES
    message = f"expected SELECT, found {word}" if known else f'expected SELECT, found "{str(token.value)[:40]}"'
    if word in ASKED_OTHERWISE:
        return message, ASKED_OTHERWISE[word]
    if word in OTHER_STATEMENTS:
        return message, "a query only reads: only SELECT is there; the methods of Dataset change a dataset"
    if token.kind in CLAUSES:
        return message, f"write SELECT * {CLAUSES[token.kind]} ..."
    if found := nearest(word, ("SELECT", "WITH"), limit=1):
        return message, f"did you mean {found[0]}?"
    if token.kind == NAME:
        return message, "to filter rows write SELECT * WHERE followed by the condition"
    return message, "the shortest query is SELECT *"
