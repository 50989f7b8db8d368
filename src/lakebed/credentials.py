"""The creds keys of a dataset: names that links use, whose secrets stay outside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .handle import Handle
from .storage.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from .storage.links.creds import Credentials as SessionCreds
from .storage.links.creds import Provider
from .storage.links.reader import UrlReader


class Credentials(Handle):
    """The part of `Dataset` that names credentials. No secret is ever written to a dataset."""

    def add_creds_key(self, creds_key: str, managed: bool = False) -> None:
        """Add a creds key name, for ``lakebed.link(url, creds_key=name)``; kept with the dataset.

        Args:
            creds_key: the name.
            managed: resolve it by this machine's own settings (keyring, configuration, environment), so that nobody has
                to call `populate_creds`.

        Raises:
            AlreadyExistsError: kind "creds-key-exists".
        """
        self._writable()
        _check_name(creds_key)
        if creds_key in self._ws.creds_keys():
            raise AlreadyExistsError(
                f"there is a creds key {creds_key!r} already",
                kind="creds-key-exists",
                place=self._path,
                hint="use it, or change it with ds.update_creds_key",
            )
        self._ws.set_creds_keys({creds_key: {"managed": bool(managed)}})

    def populate_creds(
        self,
        creds_key: str,
        creds: Mapping[str, Any] | Provider | None = None,
        from_environment: bool = False,
    ) -> None:
        """Give the secrets of a creds key for the rest of this session; they stay in this process.

        Args:
            creds_key: a name added with `add_creds_key`.
            creds: with any of aws_access_key_id, aws_secret_access_key, aws_session_token, endpoint_url, aws_region,
                profile_name; or a function that returns them, which is asked again when they have expired.
            from_environment: take them from the environment instead, by boto3's own rules.

        Raises:
            NotFoundError: kind "unknown-creds-key".
            InvalidInputError: neither or both of `creds` and `from_environment` are given.
        """
        self._expect_key(creds_key)
        self._session_creds().populate(creds_key, creds, from_environment)

    def update_creds_key(self, creds_key: str, new_creds_key: str | None = None, managed: bool | None = None) -> None:
        """Rename a creds key, or change whether it is managed. Links that were stored keep the old name.

        Raises:
            NotFoundError: kind "unknown-creds-key".
            AlreadyExistsError: the new name is taken.
        """
        self._writable()
        old = self._expect_key(creds_key)
        name = creds_key if new_creds_key is None else new_creds_key
        _check_name(name)
        if name != creds_key and name in self._ws.creds_keys():
            raise AlreadyExistsError(
                f"there is a creds key {name!r} already", kind="creds-key-exists", place=self._path
            )
        value = {**old, "managed": old.get("managed", False) if managed is None else managed}
        removed: dict[str, Any] = {} if name == creds_key else {creds_key: None}
        self._ws.set_creds_keys({**removed, name: value})
        if name != creds_key:
            self._session_creds().rename(creds_key, name)

    def change_creds_management(self, creds_key: str, managed: bool) -> None:
        """The same as ``ds.update_creds_key(creds_key, managed=managed)``."""
        self.update_creds_key(creds_key, managed=managed)

    def get_creds_keys(self) -> set[str]:
        """Names of all creds keys."""
        return set(self._ws.creds_keys())

    def get_managed_creds_keys(self) -> set[str]:
        """Names of the managed creds keys."""
        return {name for name, value in self._ws.creds_keys().items() if value.get("managed")}

    def _session_creds(self) -> SessionCreds:
        reader = self._ws.context.links
        assert isinstance(reader, UrlReader), "datasets are opened with a reader of URLs"
        return reader.credentials

    def _expect_key(self, name: str) -> dict[str, Any]:
        keys = self._ws.creds_keys()
        if name not in keys:
            raise NotFoundError(
                f"there is no creds key {name!r}",
                kind="unknown-creds-key",
                place=self._path,
                hint=f"the keys are {', '.join(keys) or 'none yet'}; add one with ds.add_creds_key",
            )
        return keys[name]


def _check_name(name: str) -> None:
    if not name or name == "ENV":
        raise InvalidInputError(
            f"{name!r} cannot be the name of a creds key",
            kind="bad-name",
            hint='a name is text that is not empty; "ENV" always means the environment',
        )
