"""Where the source of the package is: the map read from pyproject.toml, and the modules found in the folders."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
USER_EXTRAS = {"s3", "torch", "jpeg", "polars", "keyring", "ray", "tensorflow"}
"""Extras that modules of the package import from; pandas is imported by pyarrow, the others by examples and tests."""


def pyproject() -> dict[str, Any]:
    """The project file as a dictionary."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def package_dirs() -> dict[str, Path]:
    """Import name to source folder, as setuptools maps them; the longest names first."""
    mapping = pyproject()["tool"]["setuptools"]["package-dir"]
    return {name: ROOT / mapping[name] for name in sorted(mapping, key=len, reverse=True)}


def source_files() -> dict[str, Path]:
    """Every Python file of the package by the dotted name it must be importable under."""
    found: dict[str, Path] = {}
    for package, folder in package_dirs().items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((package, *(p for p in parts if p != "__init__")))] = path
    return found


def data_files() -> dict[str, Path]:
    """Every file of the package that is not Python, by its path in a wheel."""
    found: dict[str, Path] = {}
    for package, folder in package_dirs().items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in {".py", ".pyc"}:
                found["/".join((*package.split("."), *path.relative_to(folder).parts))] = path
    return found
