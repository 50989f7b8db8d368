"""Part of Lakebed, imported as `lakebed.tql`; the folder at the root of the project is its real source."""

from __future__ import annotations

if __name__ == "tql":
    raise ImportError("import lakebed.tql, not tql: the folder is mapped into the lakebed package")

from .functions import register_function
from .parser import parse
from .printer import to_text

__all__ = ["parse", "register_function", "to_text"]
