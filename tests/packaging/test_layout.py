from __future__ import annotations

import ast
import importlib
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from sources import ROOT, package_dirs, pyproject, source_files

# Installed by an extra only, so their absence must not fail the check that every module can be imported.
EXTRAS = {"torch", "boto3", "botocore", "jpeglib", "keyring", "pandas", "polars", "ray", "tensorflow"}
LONGEST_MODULE = 500


def test_the_listed_packages_are_the_folders_that_hold_python_files() -> None:
    folders = {name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in source_files().items()}
    assert sorted(pyproject()["tool"]["setuptools"]["packages"]) == sorted(folders)


def test_no_package_folder_lacks_its_init_file() -> None:
    folders = {path.parent for path in source_files().values()}
    assert [str(f.relative_to(ROOT)) for f in sorted(folders) if not (f / "__init__.py").exists()] == []


def test_no_folder_was_left_at_the_root_by_accident() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    folders = {path.partition("/")[0] for path in tracked.splitlines() if "/" in path}
    assert folders == {
        ".ci",
        "src",
        "tql",
        "storage",
        "loader",
        "grammar",
        "tests",
        "bench",
        "docs",
        "examples",
        "scripts",
    }


@pytest.mark.parametrize("name", sorted(source_files()))
def test_each_source_file_is_importable_under_its_name(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in EXTRAS:
            pytest.skip(f"the extra that brings {error.name} is not installed")
        raise AssertionError(f"{error}; a new file is seen after `make sync`") from error
    assert module.__name__ == name


@pytest.mark.parametrize(("name", "path"), sorted(source_files().items()))
def test_each_module_opens_with_its_purpose_and_is_no_longer_than_a_room(name: str, path: Path) -> None:
    with tokenize.open(path) as file:
        text = file.read()
    purpose = ast.get_docstring(ast.parse(text))
    assert purpose, f"{name} has no docstring"
    assert text.count("\n") < LONGEST_MODULE, f"{name} has grown past {LONGEST_MODULE} lines: talk about a split"


@pytest.mark.parametrize("name", ["tql", "storage", "loader"])
def test_the_folder_name_is_refused_as_an_import_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    with pytest.raises(ImportError, match=rf"import lakebed\.{name}, not {name}"):
        importlib.import_module(name)


@pytest.mark.parametrize(
    ("part", "allowed"), [("tql", {"errors"}), ("storage", {"errors"}), ("loader", {"errors", "storage"})]
)
def test_a_part_imports_of_ours_only_what_lies_below_it(part: str, allowed: set[str]) -> None:
    wrong = []
    for name, path in source_files().items():
        if name.startswith(f"lakebed.{part}"):
            wrong += [f"{name}: {target}" for target in _imports_of_ours(name, path) if target not in {part, *allowed}]
    assert wrong == []


def _imports_of_ours(name: str, path: Path) -> Iterator[str]:
    """First word below `lakebed` of each import, also of those inside functions and under TYPE_CHECKING."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        targets = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] + "." if node.level else ""
            targets = [f"{base}{node.module}"] if node.module else [base + alias.name for alias in node.names]
        yield from (target.split(".")[1] for target in targets if target.startswith("lakebed."))


def test_no_folder_of_tests_is_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_mapped_folder_exists() -> None:
    assert [name for name, folder in package_dirs().items() if not folder.is_dir()] == []
