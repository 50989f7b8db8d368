"""Something asked of chosen rows, fragment by fragment: those that hold none of them stay closed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from .element_tables import Array, Derived, Ints, joined
from .row_sets import is_ascending

Ask = Callable[[int, Ints | None], Array]
"""(fragment, places in it or None for all of them) to one value for each."""


def by_fragment(source: Derived, rows: Ints | None, ask: Ask, dtype: str) -> Array:
    """One value for each of `rows` (None: all), in their order; `dtype` is that of no values at all."""
    if rows is None:
        return whole([ask(number, None) for number in source.fragments()], dtype)
    starts = source.starts()
    if is_ascending(rows):
        cuts = np.searchsorted(rows, starts).tolist()
        spans = [(n, low, high) for n, (low, high) in enumerate(pairwise(cuts)) if high > low]
        return whole([ask(n, places(source, n, rows[low:high])) for n, low, high in spans], dtype)
    owner = source.fragments_of(rows)
    numbers = np.unique(owner).tolist()
    own = [np.flatnonzero(owner == number) for number in numbers]
    asked = whole([ask(n, rows[at] - starts[n]) for n, at in zip(numbers, own, strict=True)], dtype)
    found = np.empty_like(asked)
    found[np.concatenate(own)] = asked
    return found


def whole(parts: list[Array], dtype: str) -> Array:
    return joined(parts) if parts else np.zeros(0, dtype=dtype)


def places(source: Derived, number: int, rows: Ints) -> Ints | None:
    """Ascending rows as places in a fragment; None if they are all of it."""
    every = len(rows) == source.size(number) and bool(np.all(rows[1:] > rows[:-1]))
    found: Ints = rows - source.starts()[number]
    return None if every else found
