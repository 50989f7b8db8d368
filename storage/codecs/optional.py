"""Libraries that only some formats need: imported when a sample of that format is decoded."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ..errors import SampleError


@cache
def maybe_import(package: str) -> Any | None:
    """The package, or None if it is not installed; asked once, as looking for what is not there is slow."""
    try:
        return import_module(package)
    except ImportError:
        return None


def expect_import(package: str, format: str) -> Any:
    """The package that decodes `format`.

    Raises:
        SampleError: kind "missing-library", with how to install it.
    """
    library = maybe_import(package)
    if library is None:
        raise SampleError(
            f"decoding {format} needs the package {package}, which is not installed",
            kind="missing-library",
            hint=f"pip install {package}; the stored bytes can be had with tobytes()",
        )
    return library
