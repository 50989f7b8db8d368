"""Part of Lakebed, imported as `lakebed.loader`; the folder at the root of the project is its real source."""

from __future__ import annotations

if __name__ == "loader":
    raise ImportError("import lakebed.loader, not loader: the folder is mapped into the lakebed package")
