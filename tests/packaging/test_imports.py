from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

import lakebed
from sources import ROOT, USER_EXTRAS, pyproject, source_files

# What costs time or needs an extra: it is loaded by the call that needs it, not by `import lakebed`.
HEAVY = [
    "torch",
    "torchvision",
    "duckdb",
    "boto3",
    "botocore",
    "cv2",
    "PIL",
    "pycocotools",
    "lakebed.viewer",
    "lakebed.shell",
]

# Import name to the name a user installs, where they differ.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "botocore": "boto3",
    "cv2": "opencv-python-headless",
    "prompt_toolkit": "prompt-toolkit",
}


def run_python(code: str) -> str:
    """What a fresh interpreter prints when it runs `code`, away from this checkout."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd="/", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_lakebed_loads_nothing_heavy() -> None:
    loaded = run_python(f"import sys, lakebed; print(*[m for m in {HEAVY!r} if m in sys.modules])")
    assert loaded == ""


@pytest.mark.parametrize("part", ["lakebed.tql", "lakebed.storage", "lakebed.loader"])
def test_importing_a_part_loads_neither_torch_nor_the_database(part: str) -> None:
    loaded = run_python(f"import sys, {part}; print(*[m for m in ('torch', 'duckdb', 'boto3') if m in sys.modules])")
    assert loaded == ""


def test_the_query_language_needs_no_other_package() -> None:
    before = "import sys, lakebed; before = set(sys.modules); import lakebed.tql, pkgutil, importlib\n"
    walk = "for m in pkgutil.walk_packages(lakebed.tql.__path__, 'lakebed.tql.'): importlib.import_module(m.name)\n"
    show = "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    assert run_python(before + walk + show) == "lakebed"


def test_the_public_names_are_sorted_and_all_there() -> None:
    assert lakebed.__all__ == sorted(lakebed.__all__)
    assert [name for name in lakebed.__all__ if not hasattr(lakebed, name)] == []


def test_every_public_function_and_class_says_what_it_does() -> None:
    silent = [n for n in lakebed.__all__ if callable(getattr(lakebed, n)) and not getattr(lakebed, n).__doc__]
    assert silent == []


def _third_party_imports() -> set[str]:
    found: set[str] = set()
    for path in source_files().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"lakebed"}


def _declared() -> set[str]:
    project = pyproject()["project"]
    extras = [r for name in sorted(USER_EXTRAS) for r in project["optional-dependencies"][name]]
    return {_name(requirement) for requirement in [*project["dependencies"], *extras]}


def _name(requirement: str) -> str:
    """The distribution's name as its index writes it."""
    return re.split(r"[\[<>=;]", requirement)[0].strip().lower().replace("_", "-")


def test_the_declared_dependencies_are_what_the_package_imports() -> None:
    assert {DISTRIBUTIONS.get(name, name) for name in _third_party_imports()} == _declared()


def test_every_package_that_make_setup_installs_is_pinned_in_the_constraints() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {_name(line) for line in lines if "==" in line}
    project = pyproject()["project"]
    installed = re.search(r"^EXTRAS := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert installed is not None
    extras = [project["optional-dependencies"][name] for name in installed[1].split(",")]
    wanted = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    assert {_name(requirement) for requirement in wanted} - pinned == set()
