"""How many generated cases the tests of a run compared; `tests/conftest.py` prints the sums at its end."""

from __future__ import annotations

from collections import Counter

CASES: Counter[str] = Counter()
"""By what was counted."""


def count(what: str) -> None:
    """One more case of `what`."""
    CASES[what] += 1
