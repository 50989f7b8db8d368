"""Plans of texts: a text that is asked again of the same rows is not parsed, bound and planned again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from ..tql.functions import known_functions
from ..tql.plan import Plan

KEPT = 64
"""Plans of one source; the one asked for least recently goes first."""
LONGEST = 1 << 14
"""Characters of a text that is kept."""


@dataclass(slots=True)
class Plans:
    """Plans of texts without parameters about one source and no other; sources do not change."""

    held: OrderedDict[object, Plan] = field(default_factory=OrderedDict)

    def find(self, text: str) -> Plan | None:
        key = key_of(text)
        found = self.held.pop(key, None)
        if found is not None:
            self.held[key] = found
        return found

    def keep(self, text: str, plan: Plan) -> None:
        if len(text) <= LONGEST:
            self.held[key_of(text)] = plan
        while len(self.held) > KEPT:
            self.held.popitem(last=False)


def key_of(text: str) -> object:
    """A registered function of another signature makes another plan."""
    return text, tuple(known_functions().values())
