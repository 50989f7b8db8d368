"""Whether a row of words belongs to a context-free language: Earley's algorithm without trees, for many short texts.

Lark's Earley parser keeps every tree of every text and takes a third of a second for a query. This one only says yes or
no, some hundred times as fast; `test_grammar_agreement` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lark.grammar import Rule

Item = tuple[int, int]
"""A place in a rule, and the position in the text where the rule began."""


class Recogniser:
    """The language of `rules` from the symbol `start`; words are given by the names of their terminals."""

    def __init__(self, rules: Sequence[Rule], start: str) -> None:
        self.start = start
        self.bodies = [(str(rule.origin.name), [(s.name, s.is_term) for s in rule.expansion]) for rule in rules]
        self.nullable = empty_symbols(self.bodies)
        self.first = first_words(self.bodies, self.nullable)
        self.after: list[tuple[str, bool] | None] = []
        """What stands after each place in a rule; None at its end."""
        self.head: list[str] = []
        self.entries: dict[str, list[tuple[int, frozenset[str], bool]]] = {}
        """The rules of a symbol: first place, the words that it may start with, whether it may be empty."""
        for head, body in self.bodies:
            starts, empty = words_of(body, self.first, self.nullable)
            self.entries.setdefault(head, []).append((len(self.after), starts, empty))
            self.after += [*body, None]
            self.head += [head] * (len(body) + 1)

    def accepts(self, words: Sequence[str]) -> bool:
        """Whether `words` are a sentence of the language."""
        waiting: list[dict[str, list[Item]]] = []
        items = self.entered(self.start, 0, words[0] if words else "")
        for position, word in enumerate([*words, ""]):
            waiting.append({})
            items, finished = self.step(items, position, word, waiting)
            if not items and position < len(words):
                return False
        return (self.start, 0) in finished

    def step(
        self, items: Iterable[Item], position: int, word: str, waiting: list[dict[str, list[Item]]]
    ) -> tuple[list[Item], set[tuple[str, int]]]:
        """The items after `word`, and the symbols that ended before it, each with the position where it began."""
        todo = list(items)
        seen = set(todo)
        following: list[Item] = []
        finished: set[tuple[str, int]] = set()
        while todo:
            place, origin = todo.pop()
            symbol = self.after[place]
            if symbol is None:
                head = self.head[place]
                if (head, origin) in finished:
                    continue
                finished.add((head, origin))
                found = [(p + 1, o) for p, o in waiting[origin].get(head, ())]
            elif symbol[1]:
                if symbol[0] == word:
                    following.append((place + 1, origin))
                continue
            else:
                found = self.expected(symbol[0], place, origin, position, word, waiting[position])
            fresh = [item for item in found if item not in seen]
            seen.update(fresh)
            todo += fresh
        return following, finished

    def expected(
        self, name: str, place: int, origin: int, position: int, word: str, here: dict[str, list[Item]]
    ) -> list[Item]:
        """What a place before the symbol `name` leads to without reading a word."""
        found = [] if name in here else self.entered(name, position, word)
        here.setdefault(name, []).append((place, origin))
        return [*found, (place + 1, origin)] if name in self.nullable else found

    def entered(self, name: str, position: int, word: str) -> list[Item]:
        """The beginnings of the rules of a symbol that `word` does not rule out."""
        return [(place, position) for place, starts, empty in self.entries[name] if empty or word in starts]


Body = list[tuple[str, bool]]


def empty_symbols(bodies: Sequence[tuple[str, Body]]) -> frozenset[str]:
    """The symbols that may stand for no word at all."""
    found: set[str] = set()
    while True:
        more = {head for head, body in bodies if all(not is_word and name in found for name, is_word in body)}
        if more <= found:
            return frozenset(found)
        found |= more


def first_words(bodies: Sequence[tuple[str, Body]], nullable: frozenset[str]) -> dict[str, frozenset[str]]:
    """The words that each symbol may start with."""
    found: dict[str, frozenset[str]] = {head: frozenset() for head, _ in bodies}
    while True:
        known = dict(found)
        for head, body in bodies:
            found[head] |= words_of(body, found, nullable)[0]
        if found == known:
            return found


def words_of(body: Body, first: dict[str, frozenset[str]], nullable: frozenset[str]) -> tuple[frozenset[str], bool]:
    """The words that a row of symbols may start with, and whether it may be empty."""
    starts: set[str] = set()
    for name, is_word in body:
        starts |= {name} if is_word else first[name]
        if is_word or name not in nullable:
            return frozenset(starts), False
    return frozenset(starts), True
