"""Every block of every page is run: Python and `lakebed` commands for real, queries through the parser.

The blocks of a page are one story: they share their variables and a fresh working folder, in which `examples/` is the
project's own. A `text` block right below a Python block is what that block prints (`...` stands for anything).
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docblocks import Block, blocks, pages
from sources import ROOT

RUN = {"python", "console", "tql"}
SHOWN_ONLY = {"text", "toml", "ini", "json", "bibtex", "lark", "sql", "mermaid", "make"}
# What other tests or CI run, or what needs a fresh machine.
OTHER_COMMANDS = ("make", "git", "cd", "pip", "uv", "python")
COMPARE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    with contextlib.chdir(tmp_path):
        yield tmp_path


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_blocks_of_the_page_run_and_print_what_it_says(page: Path, folder: Path) -> None:
    variables: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    for block in blocks(page):
        if block.language == "text" and block.output_of_previous and printed:
            _compare(block, block.text, printed)
        printed = ""
        if block.opted_out:
            continue
        if block.language == "python":
            printed = _run_python(block, variables)
        elif block.language == "console":
            _run_console(block, folder)
        elif block.language == "tql":
            _check_query(block)


def _run_python(block: Block, variables: dict[str, Any]) -> str:
    out = io.StringIO()
    # Line numbers of a traceback are those of the page.
    code = compile("\n" * block.line + block.text, str(ROOT / block.page), "exec")
    with contextlib.redirect_stdout(out):
        exec(code, variables)
    return out.getvalue()


def _run_console(block: Block, folder: Path) -> None:
    for command, expected in _commands(block):
        words = shlex.split(command)
        if words[0] != "lakebed":
            assert words[0] in OTHER_COMMANDS, f"{block.place}: {command!r} is neither run nor excused"
            continue
        done = subprocess.run(
            [sys.executable, "-m", "lakebed.cli", *words[1:]],
            cwd=folder, env={**os.environ, "COLUMNS": "120"}, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block.place}: {command}\n{done.stdout}\n{done.stderr}"
        if expected.strip():
            _compare(block, expected, done.stdout)


def _commands(block: Block) -> list[tuple[str, str]]:
    """Each `$ command` with the lines below it."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"{block.place}: a console block begins with `$ `"
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts[1:])]


def _check_query(block: Block) -> None:
    from lakebed import tql

    for query in block.text.split(";\n"):
        if query.strip():
            tql.parse(query)


def _compare(block: Block, expected: str, printed: str) -> None:
    if not doctest.OutputChecker().check_output(expected, printed, COMPARE):
        pytest.fail(f"{block.place} shows\n{expected}\nbut this is printed\n{printed}", pytrace=False)


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_each_block_says_what_it_is(page: Path) -> None:
    odd = [f"{b.place}: {b.language or 'no language'}" for b in blocks(page) if b.language not in RUN | SHOWN_ONLY]
    assert odd == []


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_each_link_to_a_file_of_the_project_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_each_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"(?:^\$ |`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) - set(targets) == set()


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_each_source_file_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:tql|storage|loader|src|tests|grammar|bench|docs|examples|scripts)/[\w./-]*)`",
        page.read_text(encoding="utf-8"),
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_list_of_pages_names_every_page() -> None:
    listed = re.findall(
        r"^\| \[[^]]*\]\(([^)]+)\)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(listed) == sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md")
