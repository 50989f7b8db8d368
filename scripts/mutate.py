"""Change one thing at a time in modules of Lakebed and see whether their tests notice.

``python scripts/mutate.py tql/coerce.py tql/scope.py --tests tests/tql tests/engine`` prints the mutants that no test
noticed. All is imported and collected once. Each mutant runs in a fork of that process, which puts the changed code
into the functions that are there and runs the tests that reach the changed statement: first those that noticed other
mutants of the module, then the quick ones. A change outside of functions is imported anew, in a process of its own.

Tests that Hypothesis feeds are left out: what chance notices today it may not notice tomorrow.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from mutants import Mutant, mutants

PACKAGES = {"tql": "lakebed.tql", "storage": "lakebed.storage", "loader": "lakebed.loader", "src/lakebed": "lakebed"}
LIMIT = 60
"""Seconds after which a test counts as one that notices: it hangs."""
PYTEST = ["-q", "-s", "-n", "0", "-p", "no:cacheprovider"]


def main() -> int:
    options = arguments()
    if options.fresh is not None:
        return run_fresh(Path(options.modules[0]), options.fresh, options.tests)
    return int(pytest.main([*PYTEST, *options.tests], plugins=[Mutation(options)]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("modules", nargs="+", help="source files, as tql/coerce.py")
    parser.add_argument("--tests", nargs="+", required=True, help="test files or folders")
    parser.add_argument("--sample", type=int, help="how many mutants of each module to run (default: all)")
    parser.add_argument("--skip", type=int, default=0, help="how many to leave out before: those of an earlier sample")
    parser.add_argument("--seed", type=int, default=0, help="of the order in which they run")
    parser.add_argument("--lines", type=int, nargs="+", help="only mutants of these lines")
    parser.add_argument("--fresh", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def module_name(path: Path) -> str:
    folder = next(folder for folder in PACKAGES if path.as_posix().startswith(f"{folder}/"))
    inside = path.relative_to(folder).with_suffix("")
    return ".".join([PACKAGES[folder], *inside.parts])


# --- one process for each mutant -------------------------------------------------------------------------------------


@dataclass
class Known:
    """What a run of all tests over the unchanged source tells.

    Attributes:
        lines: the lines of each source file that each test runs.
        seconds: how long each test takes.
        modules: all that was imported by then.
    """

    lines: dict[str, dict[str, set[int]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)


class WithoutHypothesis:
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        from hypothesis import is_hypothesis_test  # pytest wants to import it first

        items[:] = [item for item in items if not is_hypothesis_test(getattr(item, "obj", None))]


class Mutation(WithoutHypothesis):
    """A plugin that runs the collected tests over mutants instead of once."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.failed: Callable[[str], None] = lambda test: None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = session.items
        paths = [Path(module) for module in self.options.modules]
        for path in paths:
            importlib.import_module(module_name(path))
        known = in_child(lambda: self.known(items, {str(sys.modules[module_name(p)].__file__) for p in paths}))
        if not isinstance(known, Known):
            raise pytest.UsageError(f"without any change, {known or 'something'} fails")
        for name in known.modules:
            with contextlib.suppress(ImportError):  # some are made while running, and found under no name
                importlib.import_module(name)
        for path in paths:
            self.module(path, items, known)
        return True

    def known(self, items: list[pytest.Item], files: set[str]) -> Known:
        """Run everything, looking at which lines are reached."""
        known = Known()
        self.failed = end_child
        for item, following in zip(items, [*items[1:], None], strict=True):
            known.lines[item.nodeid] = defaultdict(set)
            start = time.perf_counter()
            with reached(files, known.lines[item.nodeid]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            known.seconds[item.nodeid] = time.perf_counter() - start
        known.modules = sorted(sys.modules)
        return known

    def module(self, path: Path, items: list[pytest.Item], known: Known) -> None:
        """All mutants of one module."""
        source = path.read_text(encoding="utf-8")
        file = str(sys.modules[module_name(path)].__file__)
        every = [(n, m) for n, m in enumerate(mutants(source)) if m.line in (self.options.lines or [m.line])]
        random.Random(self.options.seed).shuffle(every)
        chosen = every[self.options.skip :][: self.options.sample]
        swap = Swap(source, file, module_name(path))
        order = sorted(items, key=lambda item: known.seconds[item.nodeid])
        start, survived = time.perf_counter(), 0
        for number, mutant in chosen:
            reaching = [i for i in order if not known.lines[i.nodeid][file].isdisjoint(mutant.reach)]
            noticed = self.noticed(swap, mutant, number, path, reaching)
            if noticed is None:
                survived += 1
                say(f"{path}:{mutant.line}: {mutant.what}: {source.splitlines()[mutant.line - 1].strip()}")
            else:
                order.sort(key=lambda item: item.nodeid != noticed)
        spent = (time.perf_counter() - start) / max(1, len(chosen))
        say(f"{path}: {survived} of {len(chosen)} mutants survived ({len(every)} in all), {spent:.2f} s a mutant")

    def noticed(self, swap: Swap, mutant: Mutant, number: int, path: Path, items: list[pytest.Item]) -> str | None:
        """The test that fails over a mutant; None if none does."""
        pairs = swap.changed(mutant)
        if pairs is None:
            return None if fresh(path, number, self.options.tests) else ""
        if not items:
            return None
        noticed: str | None = in_child(lambda: self.run(pairs, items))
        return noticed

    def run(self, pairs: list[tuple[FunctionType, CodeType]], items: list[pytest.Item]) -> str | None:
        self.failed = end_child
        for function, code in pairs:
            function.__code__ = code
        for item, following in zip(items, [*items[1:], None], strict=True):
            signal.alarm(LIMIT)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return None


def say(line: str) -> None:
    print(line, flush=True)


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` returns, or hands to `end_child`, in a fork of this process; "" if the fork dies of it."""
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            global _answer
            _answer = answer
            quiet = os.open(os.devnull, os.O_RDWR)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            try:
                end_child(work())
            except BaseException:  # whatever ends the tests has noticed the change
                end_child("")
        os.waitpid(child, 0)
        answer.seek(0)
        written = answer.read()
        return pickle.loads(written) if written else ""


_answer: Any = None


def end_child(answer: Any) -> None:
    """Leave the fork at once, with an answer for the process it came from."""
    pickle.dump(answer, _answer)
    _answer.flush()
    os._exit(0)


@contextlib.contextmanager
def reached(files: set[str], lines: dict[str, set[int]]) -> Iterator[None]:
    """Collect the lines of `files` that run meanwhile."""

    def look(frame: FrameType, event: str, arg: object) -> Any:
        file = frame.f_code.co_filename
        if file not in files:
            return None
        lines[file].add(frame.f_lineno)
        return look

    threading.settrace(look)
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)


# --- changed code in functions that are there ------------------------------------------------------------------------


class Swap:
    """The functions of an imported module, and what a mutant makes of their code."""

    def __init__(self, source: str, file: str, name: str) -> None:
        self.file = file
        self.original = compile(source, file, "exec")
        self.functions: dict[tuple[str, int], list[FunctionType]] = defaultdict(list)
        for found in gc.get_objects():
            if isinstance(found, FunctionType) and found.__module__ == name and found.__code__.co_filename == file:
                self.functions[found.__code__.co_qualname, found.__code__.co_firstlineno].append(found)

    def changed(self, mutant: Mutant) -> list[tuple[FunctionType, CodeType]] | None:
        """Functions and their changed code; None if the change is outside of functions."""
        pairs: list[tuple[FunctionType, CodeType]] = []
        if not self.collect(self.original, compile(mutant.tree, self.file, "exec"), pairs):
            return None
        return pairs

    def collect(self, old: CodeType, new: CodeType, pairs: list[tuple[FunctionType, CodeType]]) -> bool:
        """Whether all that differs is inside of functions that exist."""
        within_function = bool(old.co_flags & 2)  # CO_NEWLOCALS: neither a module nor a class
        theirs = self.functions.get((old.co_qualname, old.co_firstlineno), [])
        pairs += [(function, new) for function in theirs]
        before, after = inner(old), inner(new)
        if any(function.__code__.co_freevars != new.co_freevars for function in theirs) or len(before) != len(after):
            return False
        nested = [self.collect(a, b, pairs) for a, b in zip(before, after, strict=True) if a != b]
        if within_function:
            return bool(theirs) or (bool(nested) and all(nested))
        return own(old) == own(new) and all(nested)


def inner(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def own(code: CodeType) -> tuple[Any, ...]:
    """What a module or a class does itself, apart from its functions."""
    return code.co_code, code.co_names, [repr(c) for c in code.co_consts if not isinstance(c, CodeType)]


# --- changes outside of functions ------------------------------------------------------------------------------------


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds one module in changed source."""

    def __init__(self, name: str, file: Path, code: CodeType) -> None:
        self.name, self.file, self.code = name, file, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self, origin=str(self.file)) if name == self.name else None

    def get_source(self, fullname: str) -> str:
        return self.file.read_text(encoding="utf-8")

    def get_code(self, fullname: str) -> CodeType:
        return self.code


def fresh(path: Path, number: int, tests: list[str]) -> bool:
    """Whether all tests pass in a new process that imports the changed module."""
    command = [sys.executable, __file__, str(path), "--fresh", str(number), "--tests", *tests]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run_fresh(path: Path, number: int, tests: list[str]) -> int:
    mutant = next(m for n, m in enumerate(mutants(path.read_text(encoding="utf-8"))) if n == number)
    sys.meta_path.insert(0, Changed(module_name(path), path, compile(mutant.tree, str(path), "exec")))
    return int(pytest.main([*PYTEST, "-x", *tests], plugins=[WithoutHypothesis()]))


if __name__ == "__main__":
    sys.exit(main())
