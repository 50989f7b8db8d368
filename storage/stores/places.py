"""Folders of the user's own, by the custom of each system: data, configuration, cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_folder() -> Path:
    """Where datasets without a path of their own go."""
    return _base("XDG_DATA_HOME", ".local/share", "Application Support", "LOCALAPPDATA") / "lakebed"


def config_folder() -> Path:
    """Where settings and managed credentials go; the environment variable LAKEBED_CONFIG overrides it."""
    own = os.environ.get("LAKEBED_CONFIG")
    return Path(own) if own else _base("XDG_CONFIG_HOME", ".config", "Application Support", "APPDATA") / "lakebed"


def cache_folder() -> Path:
    """Where copies of remote objects are kept; the environment variable LAKEBED_CACHE overrides it."""
    own = os.environ.get("LAKEBED_CACHE")
    return Path(own) if own else _base("XDG_CACHE_HOME", ".cache", "Caches", "LOCALAPPDATA") / "lakebed" / "cache"


def _base(xdg: str, unix: str, mac: str, windows: str) -> Path:
    if sys.platform == "win32":  # pragma: no cover
        return Path(os.environ.get(windows) or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":  # pragma: no cover
        return Path.home() / "Library" / mac
    return Path(os.environ.get(xdg) or Path.home() / unix)
