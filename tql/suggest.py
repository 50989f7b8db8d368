"""The names nearest to one that is not known, for the "did you mean" of errors."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SIMILAR = 0.6
"""How alike two names must be to be offered: twice the matching characters over all characters."""

LONGEST = 100
"""Names past this length are offered only where they differ in case alone: comparing them costs too much."""


def nearest(name: str, known: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """At most `limit` of the known names that look like `name`, the nearest first.

    Case does not count, so that a name that differs in case alone comes first.

    >>> nearest("trafic light", ["car", "traffic light", "truck"])
    ('traffic light',)
    """
    by_folded: dict[str, list[str]] = {}
    for candidate in known:
        by_folded.setdefault(candidate.casefold(), []).append(candidate)
    wanted = name.casefold()
    if len(wanted) > LONGEST:
        folded = [wanted] if wanted in by_folded else []
    else:
        short = [candidate for candidate in by_folded if len(candidate) <= LONGEST]
        folded = get_close_matches(wanted, short, n=limit, cutoff=SIMILAR)
    found = [candidate for each in folded for candidate in by_folded[each]]
    return tuple(found[:limit])


def did_you_mean(name: str, known: Iterable[str], quote: str = "'") -> str:
    """A hint that offers the nearest names, or "" where nothing is near.

    >>> did_you_mean("boxs", ["boxes", "categories"])
    "did you mean 'boxes'?"
    """
    found = [f"{quote}{each}{quote}" for each in nearest(name, known)]
    if not found:
        return ""
    return f"did you mean {' or '.join(found)}?"
