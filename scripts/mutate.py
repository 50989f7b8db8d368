"""Change one thing at a time in a module of Lakebed and see whether its tests notice.

``python scripts/mutate.py tql/coerce.py tests/tql/test_bind.py tests/engine --sample 100`` prints the mutants that no
test noticed. Each runs in a process of its own, whose import of the module finds the changed source.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.machinery
import io
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

PACKAGES = {"tql": "lakebed.tql", "storage": "lakebed.storage", "loader": "lakebed.loader", "src/lakebed": "lakebed"}
LIMIT = 300
"""Seconds after which a mutant counts as noticed: it hangs."""

SWAPS: dict[type, type] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip


def main() -> int:
    options = arguments()
    path = Path(options.module)
    source = path.read_text(encoding="utf-8")
    every = list(mutants(ast.parse(source)))
    chosen = (
        every if options.sample is None else random.Random(options.seed).sample(every, min(options.sample, len(every)))
    )
    survived = 0
    for line, what, tree in chosen:
        if not noticed(module_name(path), ast.unparse(tree), options.tests):
            survived += 1
            print(f"{path}:{line}: {what}: {source.splitlines()[line - 1].strip()}", flush=True)
    print(f"{path}: {survived} of {len(chosen)} mutants survived ({len(every)} in all)", flush=True)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", help="a source file, as tql/coerce.py")
    parser.add_argument("tests", nargs="+", help="test files, the quickest first")
    parser.add_argument("--sample", type=int, help="how many mutants to run (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def module_name(path: Path) -> str:
    folder = next(folder for folder in PACKAGES if path.as_posix().startswith(f"{folder}/"))
    inside = path.relative_to(folder).with_suffix("")
    return ".".join([PACKAGES[folder], *inside.parts])


# --- mutants ---------------------------------------------------------------------------------------------------------


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """(line, what was done, the changed tree) for every small change to what runs."""
    hints = [getattr(node, part, None) for node in ast.walk(tree) for part in ("annotation", "returns")]
    types = {id(inner) for hint in hints if hint is not None for inner in ast.walk(hint)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in types:
            continue
        for what, change in changes(node):
            changed = copy.deepcopy(tree)
            change(list(ast.walk(changed))[number])
            ast.fix_missing_locations(changed)
            yield getattr(node, "lineno", 0), what, changed


def changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
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


# --- running one -----------------------------------------------------------------------------------------------------


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds one module in changed source."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self, origin=name) if name == self.name else None

    def get_source(self, fullname: str) -> str:
        return self.source


def noticed(name: str, source: str, tests: list[str]) -> bool:
    """Whether a test fails over the changed module."""
    child = os.fork()
    if child == 0:
        os._exit(run(name, source, tests))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def run(name: str, source: str, tests: list[str]) -> int:
    signal.alarm(LIMIT)
    sys.meta_path.insert(0, Changed(name, source))
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            import pytest

            return int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", *tests]))
    except BaseException:  # whatever ends the tests has noticed the change
        return 1


if __name__ == "__main__":
    import duckdb  # noqa: F401  # loaded once for all children
    import numpy as np  # noqa: F401
    import pyarrow as pa  # noqa: F401

    sys.exit(main())
