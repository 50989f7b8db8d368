"""Credentials by key name: a dataset stores the names, and this module asks for the values when a link is read.

A key is looked up in this order, and again whenever a server says that what it got has expired:

1. what `Credentials.populate` was told in this session: values, or a function that returns them;
2. environment variables ``LAKEBED_CREDS_<KEY>_<FIELD>``, such as ``LAKEBED_CREDS_MY_KEY_AWS_ACCESS_KEY_ID``;
3. managed keys of this user and machine (see `managed`);
4. a profile of that name in the AWS configuration files.

No key, or the key "ENV", means boto3's own rules.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import InvalidInputError, NotFoundError
from ..stores.s3_client import S3_KEYS, has_profile
from ..stores.secrets import Secrets
from . import managed

Provider = Callable[[], Mapping[str, str]]

FIELDS = (*S3_KEYS, "authorization")
"""What the values of a key may hold: those for S3, and the whole ``Authorization`` header for http(s)."""

ENVIRONMENT = "ENV"
"""The key that means boto3's own rules: environment, configuration files, roles."""


class MissingCredsError(NotFoundError):
    """No values are known for a creds key; names the key, the URL that needed it, and the ways to supply them."""

    default_kind = "unknown-creds-key"


class Credentials:
    """What this session was told about creds keys.

    A pickle holds functions by reference, and no secrets (but see `Secrets` on spawned processes): a copy elsewhere
    looks in its own environment, managed keys and profiles, and raises MissingCredsError if it finds nothing there.

    >>> creds = Credentials()
    >>> creds.populate("my_key", {"aws_access_key_id": "A", "aws_secret_access_key": "hush"})
    >>> creds.resolve("my_key")
    Secrets(aws_access_key_id=***, aws_secret_access_key=***)
    """

    def __init__(self) -> None:
        self._told: dict[str, Secrets | Provider] = {}
        self.version = 0
        """Grows with every change, so that connections made with earlier values can be told apart."""

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self._told))})"

    def populate(
        self, key: str, creds: Mapping[str, Any] | Provider | None = None, from_environment: bool = False
    ) -> None:
        """Give the values of `key` for this session.

        Args:
            key: name of the creds key.
            creds: any of `FIELDS`, or a function without arguments that returns them: it is called again when they have
                expired. Worker processes get a function by its name, so it must stand at the top of a module there.
            from_environment: use boto3's own rules for this key.

        Raises:
            InvalidInputError: kind "bad-creds": nothing given, both given, or an unknown field.
        """
        if (creds is None) is not from_environment:
            raise InvalidInputError(
                "either creds or from_environment=True is expected, found "
                + ("both" if from_environment else "neither"),
                kind="bad-creds",
                place=f"creds key {key!r}",
            )
        self._told[key] = creds if callable(creds) else Secrets(check_fields(creds or {}))
        self.version += 1

    def rename(self, old: str, new: str) -> None:
        """Keep the values of key `old` under the name `new`; nothing happens if there are none."""
        if old in self._told:
            self._told[new] = self._told.pop(old)
            self.version += 1

    def forget(self, key: str) -> None:
        """Drop what was told of `key`."""
        self._told.pop(key, None)
        self.version += 1

    def resolve(self, key: str | None, url: str = "") -> Secrets:
        """The values of `key`, asked anew at each call; `url` goes into the message.

        Raises:
            MissingCredsError: kind "unknown-creds-key".
            StorageError: the file of managed keys cannot be read, or others may read it.
        """
        if key is None or key == ENVIRONMENT:
            return Secrets({})
        told = self._told.get(key)
        if callable(told):
            return _ask(told, key, url)
        if told is not None and not told.withheld:
            return told
        found = _from_environment(key) or managed.load(key)
        if found:
            return Secrets(found)
        if has_profile(key):
            return Secrets({"profile_name": key})
        raise _missing(key, url, told is not None)


def check_fields(creds: Mapping[str, Any]) -> dict[str, str]:
    """A copy of `creds` without empty values. Raises InvalidInputError (kind "bad-creds") that names unknown fields."""
    given: object = creds  # a caller without a type checker gives anything
    if not isinstance(given, Mapping):
        raise InvalidInputError(
            f"credentials are a mapping of values by name, found a value of type {type(given).__name__}",
            kind="bad-creds",
            hint=f"the names are {', '.join(FIELDS)}",
        )
    unknown = sorted(repr(name) for name in creds if name not in FIELDS)
    if unknown:
        raise InvalidInputError(
            f"credentials cannot hold {', '.join(unknown)}", kind="bad-creds", hint=f"known are {', '.join(FIELDS)}"
        )
    return {name: str(value) for name, value in creds.items() if value}


def variable(key: str, field: str) -> str:
    """Name of the environment variable that holds one field of a key.

    >>> variable("my-key", "aws_region")
    'LAKEBED_CREDS_MY_KEY_AWS_REGION'
    """
    return f"LAKEBED_CREDS_{re.sub('[^A-Za-z0-9]', '_', key)}_{field}".upper()


def _ask(provider: Provider, key: str, url: str) -> Secrets:
    try:
        return Secrets(check_fields(provider()))
    except Exception as error:
        raise MissingCredsError(
            f"the function that gives the credentials of key {key!r} failed ({type(error).__name__})",
            place=url,
            hint="see the error above; it is called without arguments and returns a mapping",
        ) from error


def _from_environment(key: str) -> dict[str, str]:
    values = {field: os.environ.get(variable(key, field), "") for field in FIELDS}
    return {field: value for field, value in values.items() if value}


def _missing(key: str, url: str, withheld: bool) -> MissingCredsError:
    found = "were not carried to this process" if withheld else "are not known here"
    example = variable(key, "aws_access_key_id")
    return MissingCredsError(
        f"the credentials of key {key!r} {found}",
        place=url,
        hint=f"call populate_creds({key!r}, {{...}}) in this process, set {example} and its like, make it a managed "
        f"key, or name an AWS profile {key!r}",
    )
