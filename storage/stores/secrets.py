"""Holds secret values so that they show up in no repr, log, traceback or pickle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from multiprocessing import context

from ..errors import StorageError

_OPEN_TO_SEE = {"endpoint_url", "aws_region", "profile_name"}


class Secrets(Mapping[str, str]):
    """A read-only mapping whose repr hides its values.

    A pickle of it holds no secret, with one exception that `multiprocessing` makes for its own keys too: while a child
    process of ours is being spawned, the values travel to it through the pipe between the two and nowhere else. Any
    other copy says on first use that the secrets are missing.

    >>> Secrets({"aws_secret_access_key": "hush", "aws_region": "eu-west-1"})
    Secrets(aws_secret_access_key=***, aws_region='eu-west-1')
    """

    __slots__ = ("_values", "_withheld")

    def __init__(self, values: Mapping[str, str], withheld: bool = False) -> None:
        self._values = dict(values)
        self._withheld = withheld

    def __getitem__(self, name: str) -> str:
        if self._withheld:
            raise withheld_error()
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" if name in _OPEN_TO_SEE else f"{name}=***" for name, value in self._values.items())
        return f"Secrets({', '.join(shown)}{' withheld' if self._withheld else ''})"

    @property
    def withheld(self) -> bool:
        """Whether the secrets stayed behind when this copy was pickled."""
        return self._withheld

    def __reduce__(self) -> tuple[type[Secrets], tuple[dict[str, str], bool]]:
        if context.get_spawning_popen() is not None:  # type: ignore[no-untyped-call,unused-ignore]
            return (Secrets, (self._values, self._withheld))
        plain = {name: value for name, value in self._values.items() if name in _OPEN_TO_SEE}
        return (Secrets, (plain, self._withheld or plain != self._values))


def withheld_error(place: str = "") -> StorageError:
    """The error of a copy that was pickled without its secrets."""
    return StorageError(
        "the credentials given in this session are not carried in a pickle",
        kind="no-credentials",
        place=place,
        hint="in the other process give them again, or open without creds and set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or a profile",
    )
