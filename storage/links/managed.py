"""Managed creds keys: values kept for this user on this machine, outside every dataset.

They go to the keyring of the operating system if the package keyring is installed and has one, else to one file per key
in ``<config>/creds``, readable by the user alone.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import StorageError
from ..stores import durable
from ..stores.os_errors import storage_error
from ..stores.places import config_folder

_SERVICE = "lakebed"


def save(key: str, values: Mapping[str, str]) -> str:
    """Keep the values of `key`, replacing earlier ones; returns where: "keyring" or the path of the file.

    Raises:
        StorageError: neither place can be written.
    """
    text = json.dumps(dict(values))
    if _try_keyring("set_password", key, text) is not None:
        _remove_file(key)  # an earlier value there would be found first
        return "keyring"
    path = _file_of(key)
    _write_private(path, text)
    return str(path)


def load(key: str) -> dict[str, str]:
    """The values of `key`, or {} if it is not a managed key here. Raises StorageError."""
    text = _read_private(_file_of(key)) or _try_keyring("get_password", key)
    return json.loads(text) if isinstance(text, str) and text else {}


def delete(key: str) -> None:
    """Forget the values of `key`; absent is fine. Raises StorageError."""
    _remove_file(key)
    _try_keyring("delete_password", key)


def _try_keyring(call: str, key: str, *text: str) -> Any:
    """What the keyring says (True for a silent success), or None: no keyring, it is locked, or has no such key."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    if keyring.get_keyring().priority < 1:  # the stand-ins for "no keyring on this machine"
        return None
    try:
        found = getattr(keyring, call)(_SERVICE, key, *text)
    except Exception:
        # Backends raise what the system's services raise (locked, no session bus, too long): the file serves instead.
        return None
    return True if found is None and text else found


def _file_of(key: str) -> Path:
    return config_folder() / "creds" / f"{quote(key, safe='')}.json"


def _write_private(path: Path, text: str) -> None:
    temporary = f"{path}.{durable.random_name()}"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.write_new_file(temporary, text.encode(), mode=0o600)
        os.replace(temporary, path)
    except OSError as error:
        durable.remove_quietly(temporary)
        raise storage_error(error, "write the managed credentials", str(path)) from error


def _read_private(path: Path) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            if os.name != "nt" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise _readable_by_others(path)
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise storage_error(error, "read the managed credentials", str(path)) from error


def _readable_by_others(path: Path) -> StorageError:
    return StorageError(
        "the file of managed credentials can be read by other users",
        kind="unsafe-permissions",
        place=str(path),
        hint=f"run chmod 600 {path}, and replace the credentials if others may have seen them",
    )


def _remove_file(key: str) -> None:
    try:
        _file_of(key).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, "delete the managed credentials", str(_file_of(key))) from error
