"""Values as text, and how wide the columns of a table may be."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from rich.cells import cell_len

NARROWEST = 8
"""Characters below which a column is left out rather than made narrower."""

MOST_ITEMS = 500
"""Items of a list that are shown; a screen holds no more."""


def one_line(value: Any) -> str:
    """A value in one line.

    >>> one_line(["car", "traffic light"]), one_line([[1.0, 2.5]]), one_line(None)
    ('car, traffic light', '[1 2.5]', '')
    """
    return "  ".join(_parts(value)) if _is_rows(value) else _scalar_or_list(value)


def lines_of(value: Any) -> list[str]:
    """A value in a line of its own for each part: boxes one below the other."""
    return _parts(value) if _is_rows(value) else [_scalar_or_list(value)]


def _parts(value: Any) -> list[str]:
    return _with_rest([_scalar_or_list(part, "[{}]") for part in value[:MOST_ITEMS]], len(value))


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, list) for part in value)


def _scalar_or_list(value: Any, brackets: str = "{}") -> str:
    if isinstance(value, list):
        texts = all(isinstance(part, str) for part in value)
        shown = _with_rest([_scalar_or_list(part, "[{}]") for part in value[:MOST_ITEMS]], len(value))
        return brackets.format((", " if texts else " ").join(shown))
    return scalar(value)


def _with_rest(shown: list[str], total: int) -> list[str]:
    return shown if len(shown) == total else [*shown, f"… {total - len(shown):,} more"]


def scalar(value: Any) -> str:
    """One value, floats to six digits, white space and what cannot be printed made harmless."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(str(value).split())
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def fitting(wanted: Sequence[int], available: int, gap: int, rigid: Collection[int] = ()) -> list[int]:
    """Widths for as many columns, from the left, as fit side by side; wide ones give way first.

    Args:
        wanted: the width that each column would like.
        available: characters in a line.
        gap: characters between two columns.
        rigid: places of columns that get what they want as long as there is room, because half a picture is none.

    >>> fitting([3, 50, 9], 40, 2)
    [3, 24, 9]
    >>> fitting([30, 30, 30], 20, 2)
    [9, 9]
    >>> fitting([30, 16, 30], 40, 2, rigid=[1])
    [10, 16, 10]
    """
    least = [width if place in rigid else min(width, NARROWEST) for place, width in enumerate(wanted)]
    shown = len(wanted)
    while shown > 1 and sum(least[:shown]) + gap * (shown - 1) > available:
        shown -= 1
    room = max(1, available - gap * (shown - 1))
    if sum(least[:shown]) > room:
        return _shared(wanted[:shown], [0] * shown, room)
    return _shared(wanted[:shown], [least[place] if place in rigid else 0 for place in range(shown)], room)


def _shared(wanted: Sequence[int], kept: Sequence[int], room: int) -> list[int]:
    """`room` shared out: what is kept for a column comes first; who wants less than an equal share gets all of it."""
    widths = list(kept)
    room -= sum(kept)
    waiting = sorted((place for place in range(len(wanted)) if not kept[place]), key=lambda place: wanted[place])
    while waiting:
        place = waiting.pop(0)
        widths[place] = max(1, min(wanted[place], room // (len(waiting) + 1)))
        room -= widths[place]
    return widths


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns of the terminal, "…" where it was longer.

    >>> cut("traffic light", 8)
    'traffic…'
    """
    if cell_len(text) <= width:
        return text
    kept = ""
    for letter in text:
        if cell_len(kept) + cell_len(letter) > width - 1:
            break
        kept += letter
    return kept.rstrip() + "…"


def wrapped(parts: Sequence[str], width: int, lines: int) -> list[str]:
    """Lines of at most `width` columns, `lines` at most; the last one says how much is left out."""
    found: list[str] = []
    for part in parts:
        found += _broken(part, width)
    if len(found) <= lines:
        return found
    return [*found[: lines - 1], cut(f"… {len(found) - lines + 1} more", width)]


def _broken(text: str, width: int) -> list[str]:
    """`text` broken at spaces; a word that is longer than a line is cut."""
    found, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if cell_len(longer) <= width:
            line = longer
            continue
        if line:
            found.append(line)
        line = cut(word, width)
    return [*found, line] if line or not found else found
