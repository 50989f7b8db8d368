"""How much is fuzzed: about a minute of one core in CI, about an hour at night."""

from __future__ import annotations

from hypothesis import settings

NIGHT = 2000
"""Examples of an ordinary property at night; the profiles are in `tests/conftest.py`."""

_EXAMPLES = settings.default.max_examples if settings.default else 25

FUZZING = settings(max_examples=_EXAMPLES * (56 if _EXAMPLES >= NIGHT else 4))
"""For tests that throw texts at something: seven of them, some 5 ms a text."""
