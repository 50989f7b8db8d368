"""Tokens to tree: a recursive-descent parser whose methods stand in the order of the grammar (`grammar/tql.lark`).

`cursor` moves over the tokens; `queries`, `expressions` and `operands` hold the grammar; `hints` knows what people mean
when they write something else; `height` keeps trees low enough for the stages that come after.
"""

from __future__ import annotations

from .. import nodes
from ..errors import TQLTypeError
from ..lexer import tokenize
from .height import on_fresh_stack, refuse_tall
from .queries import QueryParser

__all__ = ["parse"]


def parse(text: str) -> nodes.Query:
    """The tree of a query; `Query` is always at the top.

    Raises:
        TQLTypeError: what is given is no text.
        TQLSyntaxError: the text is not a query; the error has the place, and usually a hint.
        TQLLimitError: the query is too long, too deeply nested or its tree too high.

    >>> parse("select * where label = 'car' limit 10").limit
    Limit(count=Literal(value=10), percent=False)
    """
    check_text(text)
    try:
        return parse_here(text)
    except RecursionError:
        # The caller's own stack was nearly full; the query's nesting is bounded, so a stack of its own is enough.
        return on_fresh_stack(lambda: parse_here(text))


def check_text(text: object) -> None:
    """Refuse what is no `str`.

    Raises:
        TQLTypeError: kind "not-a-text".
    """
    if not isinstance(text, str):
        hint = "decode it: query.decode()" if isinstance(text, bytes) else ""
        raise TQLTypeError(f"a query is a text, found {type(text).__name__}", kind="not-a-text", hint=hint)


def parse_here(text: str) -> nodes.Query:
    tokens = tokenize(text)
    tree = QueryParser(text, tokens).parse_statement()
    refuse_tall(tree, len(tokens), text)
    return tree
