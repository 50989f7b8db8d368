"""What is known of a fragment without reading its rows, as a version with its own edits sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints, column_or_none
from .fragment import value_range
from .fragment_cache import FragmentCache
from .manifest import Entry
from .objects import Staging
from .vectors import numpy_of


def entry_zone(
    fragments: FragmentCache, entry: Entry, column: str, staging: Staging | None = None
) -> tuple[Any, Any] | None:
    """The least and the greatest value of a column of single numbers; None if not known.

    Missing values and NaN are left out. Edited rows widen what the descriptor says; that what they replaced may be gone
    is not looked at.
    """
    zone = fragments.descriptor(entry.fragment, staging).zones.get(column)
    if zone is None:
        return None
    low, high = zone
    for overlay in entry.overlays:
        edited = column_or_none(fragments.overlay(overlay, staging), column)
        if edited is not None:
            ends = value_range(edited) or (low, high)
            # In this order NaN, which is no less and no greater, widens nothing.
            low, high = min(low, ends[0]), max(high, ends[1])
    return low, high


def entry_codes(fragments: FragmentCache, entry: Entry, column: str, staging: Staging | None = None) -> Ints | None:
    """The codes in a label column, ascending, those of edited rows among them; None if not known."""
    known = fragments.descriptor(entry.fragment, staging).labels.get(column)
    if known is None:
        return None
    codes = [np.array(known, dtype=np.int64)]
    for overlay in entry.overlays:
        edited = column_or_none(fragments.overlay(overlay, staging), column)
        if edited is not None:
            codes += [flat_codes(chunk) for chunk in edited.chunks]
    return codes[0] if len(codes) == 1 else np.unique(np.concatenate(codes))


def flat_codes(cells: pa.Array) -> Ints:
    codes: Ints = numpy_of(cells.flatten()).astype(np.int64)
    return codes
