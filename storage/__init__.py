"""Part of Lakebed, imported as `lakebed.storage`; the folder at the root of the project is its real source."""

from __future__ import annotations

if __name__ == "storage":
    raise ImportError("import lakebed.storage, not storage: the folder is mapped into the lakebed package")
