"""The small changes to a module that `scripts/mutate.py` tries, one at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SWAPS: dict[type, type] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip

NO_BEHAVIOUR = {"frozen", "slots", "kw_only", "strict"}
"""Keywords whose boolean only guards against mistakes, or saves memory: nothing that works does otherwise without."""


@dataclass(frozen=True)
class Mutant:
    """A changed tree.

    Attributes:
        line: where the change is.
        reach: the lines of the statement around it; a test that runs none of them cannot notice.
        what: the change in words.
    """

    line: int
    reach: range
    what: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Every small change to what runs."""
    tree = ast.parse(source)
    statements = reaches(tree)
    passed_over = unchanged(tree)
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in passed_over:
            continue
        for what, change in changes(node):
            changed = copy.deepcopy(tree)
            change(list(ast.walk(changed))[number])
            ast.fix_missing_locations(changed)
            line = getattr(node, "lineno", 0)
            yield Mutant(line, statements.get(id(node), range(line, line + 1)), what, changed)


def unchanged(tree: ast.Module) -> set[int]:
    """Nodes that are left alone: types, and booleans without behaviour."""
    left = [getattr(node, part, None) for node in ast.walk(tree) for part in ("annotation", "returns")]
    left += [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in NO_BEHAVIOUR]
    return {id(inner) for node in left if node is not None for inner in ast.walk(node)}


def reaches(tree: ast.Module) -> dict[int, range]:
    """The lines of the innermost statement around each node; of an `if` or a loop its head alone."""
    found: dict[int, range] = {}
    # An outer statement comes before those inside it, so that the innermost is the last to write.
    for statement in (node for node in ast.walk(tree) if isinstance(node, ast.stmt)):
        body = getattr(statement, "body", None)
        last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
        lines = range(statement.lineno, max(last, statement.lineno) + 1)
        found.update((id(inner), lines) for inner in ast.walk(statement))
    return found


def changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    """What is done to one node: the change in words, and a function that makes it in a copy."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield "comparison turned round", lambda n: setattr(n, "ops", [SWAPS[type(op)]()])
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in SWAPS:
            yield f"{type(op).__name__} turned round", lambda n: setattr(n, "op", SWAPS[type(op)]())
        case ast.If() | ast.IfExp():
            yield "condition negated", lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))  # type: ignore[attr-defined]  # a condition
        case ast.Constant(value=bool() as value):
            yield "boolean turned round", lambda n: setattr(n, "value", not value)
        case ast.Constant(value=int() as value):
            yield "number one larger", lambda n: setattr(n, "value", value + 1)
        case ast.Expr(value=ast.Call()):
            yield "call dropped", lambda n: setattr(n, "value", ast.Constant(None))
        case ast.Return(value=ast.expr() as given) if ast.unparse(given) != "None":
            yield "returns None", lambda n: setattr(n, "value", ast.Constant(None))
