"""Sets of 64-bit integers as sorted ranges: unions, complements, half lines."""

from __future__ import annotations

from collections.abc import Iterable

LOWEST, HIGHEST = -(2**63), 2**63 - 1
Intervals = tuple[tuple[int, int], ...]
"""Sorted, disjoint, inclusive ranges of integers."""


def points(values: Iterable[int]) -> Intervals:
    """Just these integers.

    >>> points([5, 3, 4, 9])
    ((3, 5), (9, 9))
    """
    return union([((value, value),) for value in values])


def half_line(op: str, n: int) -> Intervals:
    """The integers ``x`` for which ``x op n`` is true.

    >>> half_line("!=", 3) == (*half_line("<", 3), *half_line(">", 3))
    True
    """
    below: Intervals = ((LOWEST, n - 1),) if n > LOWEST else ()
    above: Intervals = ((n + 1, HIGHEST),) if n < HIGHEST else ()
    here: Intervals = ((n, n),)
    parts: dict[str, list[Intervals]] = {
        "=": [here],
        "!=": [below, above],
        "<": [below],
        "<=": [below, here],
        ">": [above],
        ">=": [here, above],
    }
    return union(parts[op])


def union(parts: list[Intervals]) -> Intervals:
    """The integers of any of the sets.

    >>> union([((3, 5),), ((1, 2), (9, 9))])
    ((1, 5), (9, 9))
    """
    merged: list[tuple[int, int]] = []
    for low, high in sorted(interval for part in parts for interval in part):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def intersection(parts: list[Intervals]) -> Intervals:
    """The integers of all of the sets."""
    return complement(union([complement(part) for part in parts]))


def complement(intervals: Intervals) -> Intervals:
    """All other integers."""
    gaps: list[tuple[int, int]] = []
    start = LOWEST
    for low, high in intervals:
        if low > start:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= HIGHEST:
        gaps.append((start, HIGHEST))
    return tuple(gaps)
