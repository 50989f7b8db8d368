"""The rows nearest to a vector: one product per fragment in the numbers as they are stored says which may be.

What that loses in rounding is bounded, and every row that may belong to the answer is measured again as SQL would.
"""

from __future__ import annotations

import numpy as np

from ..tql.rows import NearKey
from .element_tables import Array, Derived, Ints, plain_values

SMALLEST, GREATEST = 1e-12, 1e12
"""Lengths of vectors between which products of floats of 32 bits neither vanish nor overflow."""
SLACK = 4
"""How often the bound of the rounding error is taken, for what it leaves out: the length, the quotient, the vector."""
MOST = 4
"""At most one row in so many can be wanted for a search to pay."""


def nearest(source: Derived, rows: Ints | None, key: NearKey, wanted: int) -> Ints | None:
    """The first `wanted` of the ascending rows (None: all) by a key; None if SQL must sort them all."""
    found = candidates(source, rows, key, wanted)
    if found is None:
        return None
    values = exact(source, found, key)
    order = np.argsort(-values if key.descending else values, kind="stable")
    first: Ints = found[order[:wanted]]
    return first


def candidates(source: Derived, rows: Ints | None, key: NearKey, wanted: int) -> Ints | None:
    """The rows that may be among the first `wanted`; None if that cannot be said, or is not worth while."""
    size = len(source.live())
    given = size if rows is None else len(rows)
    length = float(np.linalg.norm(np.array(key.vector)))
    if wanted < 1 or wanted * MOST > given or given * MOST < size or not SMALLEST < length < GREATEST:
        return None
    parts = [bounds(source, key, length, number) for number in source.fragments()]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    low, high = (np.concatenate([part[end] for part in known]) for end in (0, 1))
    if rows is not None:
        low, high = low[rows], high[rows]
    last = np.partition(high, wanted - 1)[wanted - 1]
    if last == np.inf:
        return None
    found = np.flatnonzero(low <= last)
    return found if rows is None else rows[found]


def bounds(source: Derived, key: NearKey, length: float, number: int) -> tuple[Array, Array] | None:
    """Between which numbers the key of each row lies, the first rows having the least; infinite where it is missing.

    None if rows may not be compared with the vector, or not so.
    """
    lengths = source.cell_lengths(key.column.value, number)
    there = lengths == len(key.vector)
    if np.any(lengths[~there]):
        return None
    elements = source.elements(key.column.value, None, number)
    matrix = elements.reshape(-1, len(key.vector))
    norms = source.remember(("norms", key.column.value, number), lambda: np.sqrt(np.einsum("ij,ij->i", matrix, matrix)))
    if len(norms) and not (norms.min() > SMALLEST and norms.max() < GREATEST):
        return None
    # Matrix products in several threads would cost more than they read.
    product = np.einsum("ij,j->i", matrix, np.array(key.vector, matrix.dtype))
    value, error = measured(product, norms, length, key)
    if there.all():
        return value - error, value + error
    low = np.full(len(there), np.inf, matrix.dtype)
    high = low.copy()
    low[there], high[there] = value - error, value + error
    return low, high


def measured(product: Array, norms: Array, length: float, key: NearKey) -> tuple[Array, Array]:
    """The key of each row, and how far from the exact one it can be."""
    kind = product.dtype.type
    step = kind(SLACK * (len(key.vector) + 8) * np.finfo(np.float32).eps)
    if key.metric == "cosine":
        value, error = product / (norms * kind(length)), np.full(1, step)
    elif key.metric == "dot":
        value, error = product, norms * (step * kind(length))
    else:  # the square sorts as the distance does
        value = norms * norms - 2 * product + kind(length * length)
        error = step * (norms + kind(length)) ** 2
    return (-value if key.descending else value), error


def exact(source: Derived, rows: Ints, key: NearKey) -> Array:
    """The key of some rows as DuckDB works it out: in doubles, summed from the first element to the last."""
    cells = source.arrays_at([key.column.value], rows)[0]
    elements = np.concatenate([plain_values(chunk.flatten()) for chunk in cells.chunks])
    matrix = elements.reshape(len(rows), -1).astype(np.float64)
    vector = np.array(key.vector)
    if key.metric == "distance":
        return np.sqrt(total((matrix - vector) ** 2))
    product = total(matrix * vector)
    if key.metric == "dot":
        return product
    lengths = np.sqrt(total(matrix**2) * total(vector[None] ** 2))
    cosines: Array = np.clip(product / lengths, -1, 1)
    return cosines


def total(terms: Array) -> Array:
    sums: Array = np.cumsum(terms, axis=1)[:, -1]
    return sums
