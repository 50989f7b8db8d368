from __future__ import annotations

import re
import subprocess

import pytest

from sources import ROOT

# Folders of a developer's machine: a path below one of them works nowhere else.
MACHINE_PATH = re.compile(r"(?<![\w.{}-])/(?:home|Users|root|work|workspace|mnt)/[\w.-]+|[A-Z]:\\\\?Users")
LARGEST_FILE = 1 << 20
TEXT = {".py", ".md", ".toml", ".txt", ".cfg", ".json", ".lark", ".tql", ".sh", ".html", ".css", ".js", ""}


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """Paths under version control; the tests of this file are about those alone."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def test_no_committed_file_names_a_folder_of_the_machine_it_was_written_on(tracked: list[str]) -> None:
    found = []
    for name in tracked:
        path = ROOT / name
        if path.suffix in TEXT and path.stat().st_size < LARGEST_FILE and name != "tests/packaging/test_repository.py":
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [
                f"{name}:{n}: {line.strip()[:80]}" for n, line in enumerate(lines, 1) if MACHINE_PATH.search(line)
            ]
    assert found == []


def test_no_committed_file_is_larger_than_a_megabyte(tracked: list[str]) -> None:
    assert [name for name in tracked if (ROOT / name).stat().st_size > LARGEST_FILE] == []


def test_no_build_output_is_committed(tracked: list[str]) -> None:
    assert [name for name in tracked if name.startswith(("build/", "dist/", ".venv/")) or "__pycache__" in name] == []
