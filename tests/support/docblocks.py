"""Fenced blocks of the project's Markdown pages, ready to be run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sources import ROOT

NOT_RUN = re.compile(r"^(?:#|--|\$ #) not run: (?P<reason>\S.+)")
_FENCE = re.compile(r"^(?P<ticks>```+)(?P<language>[\w-]*)\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        page: path below the project's root.
        line: line number of the opening fence, from 1.
        language: what stands behind the fence.
        text: the lines between the fences.
        output_of_previous: only blank lines stand between this block and the one before.
    """

    page: str
    line: int
    language: str
    text: str
    output_of_previous: bool

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def opted_out(self) -> bool:
        """The reader is told, in the block's first line, why it is not run."""
        return NOT_RUN.match(self.text) is not None


def pages() -> list[Path]:
    """Every page whose blocks are run."""
    return sorted(
        [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("grammar/*.md")]
    )


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    name, lines = page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8").splitlines()
    number, end_of_last = 0, -1
    while number < len(lines):
        fence = _FENCE.match(lines[number].strip())
        if fence is None:
            number += 1
            continue
        end = next(n for n in range(number + 1, len(lines)) if lines[n].strip() == fence["ticks"])
        follows = end_of_last >= 0 and not any(line.strip() for line in lines[end_of_last + 1 : number])
        indent = len(lines[number]) - len(lines[number].lstrip())
        text = "".join(line[indent:] + "\n" for line in lines[number + 1 : end])
        yield Block(name, number + 1, fence["language"], text, follows)
        number, end_of_last = end + 1, end
