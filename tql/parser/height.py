"""Limits on nesting, which keep the parser and every stage after it within Python's recursion limit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .. import nodes
from ..errors import TQLLimitError

T = TypeVar("T")

MAX_DEPTH = 256
"""Levels of nesting: parentheses, calls, subscripts, CASE, sub-queries, signs and NOTs inside each other."""

STACK_DEPTH = 16
"""Levels parsed on one stack; a level takes up to 35 frames of Python's default 1,000."""

MAX_HEIGHT = 1000
"""Nodes from the root of a tree to its furthest leaf; the branches of a chain of set operators count as one level."""


def on_fresh_stack(function: Callable[[], T]) -> T:
    """What `function` returns or raises, run on a thread of its own, whose stack is empty.

    Python counts frames per thread. Raising the recursion limit instead would change it for the whole process.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def refuse_tall(tree: nodes.Query, tokens: int, text: str) -> None:
    """Raise where the tree is higher than `MAX_HEIGHT`, as a long chain like ``a + a + a ...`` makes it."""
    if tokens * 2 < MAX_HEIGHT:  # no token opens more than two levels, so most queries need no look
        return
    pending: list[tuple[nodes.Node, int]] = [(tree, 1)]
    while pending:
        node, height = pending.pop()
        if height > MAX_HEIGHT:
            raise TQLLimitError(
                f"the query's tree is higher than {MAX_HEIGHT} nodes",
                kind="too-high",
                hint="chains of AND, OR, UNION and lists may be long; shorten the others, or put parts in parentheses",
                span=node.span,
                text=text,
            )
        for child in node.children():
            flat = isinstance(node, nodes.SetOperation) and child is node.left
            pending.append((child, height if flat else height + 1))
