"""Conditions on elements as plain scans of element tables."""

from __future__ import annotations

from .bound import BOOL, Expr, Logic
from .compile import write
from .elements import Leaf, leaf_of
from .row_tests import ElementTest
from .sql import Compiled, Input, Step, Writer
from .sql_expressions import ExpressionWriter
from .walking import children


def compile_elements(test: ElementTest) -> Compiled:
    """SQL for the rows (ascending, with repeats) of the elements that decide the test.

    For ANY these are the elements where the condition holds, for ALL and ALL_STRICT those where it fails.
    """
    condition = test.condition
    if test.quantifier != "ANY":
        condition = Logic("NOT", (condition,), type=BOOL, span=condition.span)
    names: dict[Leaf, str] = {}
    leaves: dict[int, str] = {}
    name_leaves(condition, names, leaves)
    writer = Writer(write)
    where = ExpressionWriter(writer, Step("e0", (), ()), leaves).scalar(condition)
    elements = tuple((name, column, part) for (column, part), name in names.items())
    source = Input("e0", 0, (), elements=elements)
    return Compiled(f"SELECT row FROM e0 WHERE {where}", tuple(writer.params), (source,), (), (), ascending=False)


def name_leaves(expr: Expr, names: dict[Leaf, str], leaves: dict[int, str]) -> None:
    leaf = leaf_of(expr)
    if leaf is not None:
        leaves[id(expr)] = names.setdefault(leaf, f"v{len(names)}")
        return
    for child in children(expr):
        name_leaves(child, names, leaves)
