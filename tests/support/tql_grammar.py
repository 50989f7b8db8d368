"""The formal grammar at work: whether it accepts a text, and strategies for texts that it generates and near misses."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from hypothesis import strategies as st
from lark import Lark
from lark.exceptions import UnexpectedInput
from lark.grammar import NonTerminal, Rule, Symbol, Terminal

from tql_recogniser import Recogniser

GRAMMAR = Path(__file__).resolve().parents[2] / "grammar" / "tql.lark"

BUDGET = 30
"""Free choices in one generated text; after them every rule takes its shortest way out."""

SAMPLES = {
    "NAME": ["a", "boxes", "é_1", "_x", "contains", "selected"],
    "QUOTED": ['"a b"', '"order"', '"a""b"', '"group/x"'],
    "STRING": ["'car'", "'it''s'", "'--'"],
    "EMPTY_STRING": ["''"],
    "INTEGER": ["0", "5", "010", "9223372036854775807"],
    "FLOAT": [".5", "1.", "1e3", "2.5E-3"],
}

GAPS = [" ", " ", " ", "\n", "\t", " /* gap */ ", " -- gap\n"]


@cache
def grammar() -> Lark:
    return Lark(GRAMMAR.read_text(encoding="utf-8"), parser="earley", lexer="basic", ambiguity="forest")


def lark_accepts(text: str) -> bool:
    """Whether Lark's own parser finds a tree for the text: slow."""
    try:
        grammar().parse(text)
    except UnexpectedInput:
        return False
    return True


@cache
def recogniser() -> Recogniser:
    return Recogniser(grammar().rules, "start")


def accepts(text: str) -> bool:
    """Whether the text belongs to the language of the grammar."""
    try:
        words = [token.type for token in grammar().lex(text)]
    except UnexpectedInput:
        return False
    return recogniser().accepts(words)


@cache
def alternatives() -> dict[str, list[Rule]]:
    """The expansions of every rule, the one with the lowest tree first."""
    rules: dict[str, list[Rule]] = {}
    for rule in grammar().rules:
        rules.setdefault(str(rule.origin.name), []).append(rule)
    heights = dict.fromkeys(rules, 10**6)

    def height(rule: Rule) -> int:
        return 1 + max((0 if symbol.is_term else heights[symbol.name] for symbol in rule.expansion), default=0)

    while True:
        known = dict(heights)
        for name, expansions in rules.items():
            heights[name] = min(map(height, expansions))
        if heights == known:
            return {name: sorted(expansions, key=height) for name, expansions in rules.items()}


@cache
def spellings() -> dict[str, list[str]]:
    """Some texts of every terminal."""
    found = dict(SAMPLES)
    for terminal in grammar().terminals:
        value = str(terminal.pattern.value)
        if value.startswith("(?ai:"):
            word = value[len("(?ai:") :].split(")")[0]
            found[terminal.name] = [word.upper(), word, word.title()]
        else:
            found.setdefault(terminal.name, [value])
    return found


@st.composite
def sentences(draw: st.DrawFn) -> list[str]:
    """The words of a text that the grammar generates."""
    budget = BUDGET
    # How a word is written matters little, and a draw for each would take most of the time.
    rng = random.Random(draw(st.integers(0, 2**16)))
    words: list[str] = []
    pending: list[Symbol] = [NonTerminal("start")]
    while pending:
        symbol = pending.pop()
        if isinstance(symbol, Terminal):
            words.append(rng.choice(spellings()[symbol.name]))
            continue
        expansions = alternatives()[symbol.name]
        choice = 0
        if budget > 0 and len(expansions) > 1:
            budget -= 1
            # Half of the choices are the first: else no expression would ever end before the budget does.
            choice = max(0, draw(st.integers(1 - len(expansions), len(expansions) - 1)))
        pending += reversed(expansions[choice].expansion)
    return words


@st.composite
def near_misses(draw: st.DrawFn) -> list[str]:
    """The words of a generated text after one or two small accidents."""
    words = draw(sentences())
    vocabulary = sorted({text for texts in spellings().values() for text in texts})
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        place = draw(st.integers(0, len(words) - 1))
        accident = draw(st.sampled_from(["drop", "double", "swap", "replace", "insert"]))
        if accident == "drop" and len(words) > 1:
            del words[place]
        elif accident == "double":
            words.insert(place, words[place])
        elif accident == "swap":
            words[place], words[place - 1] = words[place - 1], words[place]
        elif accident == "replace":
            words[place] = draw(st.sampled_from(vocabulary))
        else:
            words.insert(place, draw(st.sampled_from(vocabulary)))
    return words


@st.composite
def texts(draw: st.DrawFn, words: st.SearchStrategy[list[str]]) -> str:
    """The words with white space, line ends and comments between them."""
    found = draw(words)
    gap = draw(st.sampled_from(GAPS))
    return gap.join(found)
