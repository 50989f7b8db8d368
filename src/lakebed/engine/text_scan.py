"""LIKE on text columns with Arrow, whose kernels for beginnings, ends and parts of texts are faster than SQL's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..storage.vectors import numpy_of
from ..tql.row_tests import TextTest
from .by_fragment import whole
from .element_tables import Array


def text_mask(column: pa.ChunkedArray, test: TextTest) -> Array:
    """One boolean for each text: it is there and fits the pattern, or with `negated` does not."""
    return whole([chunk_mask(chunk, test) for chunk in column.chunks], "bool")


def chunk_mask(texts: pa.Array, test: TextTest) -> Array:
    if test.regular:
        fits = numpy_of(pc.match_substring_regex(texts, rf"(?s)\A(?:{test.pattern})\z"))
    else:
        fits = numpy_of(pc.match_like(texts, test.pattern))
    fits = ~fits if test.negated else fits
    if not texts.null_count:
        return fits
    found: Array = np.logical_and(fits, numpy_of(texts.is_valid()))
    return found
