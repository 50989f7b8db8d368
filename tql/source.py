"""Places in a query's text: spans, and the line and column they fall on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of character offsets in the query text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end)


NOWHERE = Span(0, 0)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    r"""Line (from 1) and column (from 0) of a character offset.

    >>> line_and_column("select *\nwhere", 9)
    (2, 0)
    """
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1)
