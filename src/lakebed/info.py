"""The `info` of a dataset or tensor: a dictionary with attribute access whose writes are versioned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, NoReturn

from .storage.errors import InvalidInputError, StateError

RESERVED = "@"
"""Keys that start so are Lakebed's own (empty groups); `Info` neither shows nor takes them."""


class Info(MutableMapping[str, Any]):
    """Facts about a dataset or tensor: ``info["note"]``, ``info.class_names``, ``info.update(source="camera 3")``.

    Values are JSON: None, bool, int, float, str, list, dict. Every write lands in the working copy and is versioned
    with the next commit. Nested lists and dicts are read-only, because a change inside them could not be noticed:
    assign the whole value instead. On a view or an old commit every write is a StateError.

    >>> info = Info(lambda: {"class_names": ["car", "bus"]})
    >>> info.class_names.index("bus")
    1
    """

    __slots__ = ("_read", "_refusal", "_write")

    def __init__(
        self,
        read: Callable[[], Mapping[str, Any]],
        write: Callable[[dict[str, Any]], None] | None = None,
        refusal: str = "a view's info belongs to the commit it is pinned to and cannot be changed",
    ) -> None:
        object.__setattr__(self, "_read", read)
        object.__setattr__(self, "_write", write)
        object.__setattr__(self, "_refusal", refusal)

    def __getitem__(self, key: str) -> Any:
        if key.startswith(RESERVED):
            raise KeyError(key)
        return frozen(self._read()[key])

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._read() if not key.startswith(RESERVED))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and not key.startswith(RESERVED) and key in self._read()

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        kept = dict(self._read())
        del kept[key]
        self._store(kept)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several keys in one step, as `dict.update` does."""
        news = dict(*args, **kwargs)
        for key, value in news.items():
            _check_key(key)
            _check_value(value, key)
        self._store({**self._read(), **news})

    def replace(self, value: Mapping[str, Any]) -> None:
        """Set exactly these keys, and forget others."""
        given: object = value  # a caller without a type checker gives anything
        if not isinstance(given, Mapping):
            raise InvalidInputError(
                f"info is a dictionary, found a value of type {type(given).__name__}",
                kind="bad-info",
                hint="info['key'] = value sets one key, info.replace({}) forgets all",
            )
        for key, one in value.items():
            _check_key(key)
            _check_value(one, key)
        reserved = {key: one for key, one in self._read().items() if key.startswith(RESERVED)}
        self._store({**reserved, **value})

    def to_dict(self) -> dict[str, Any]:
        """A plain copy."""
        return {key: thawed(self._read()[key]) for key in self}

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"info has no key {key!r}; it has {', '.join(self) or 'none'}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value

    def __delattr__(self, key: str) -> None:
        if key not in self:
            raise AttributeError(f"info has no key {key!r}")
        del self[key]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        return f"Info({self.to_dict()!r})"

    def _store(self, value: dict[str, Any]) -> None:
        if self._write is None:
            raise StateError(self._refusal, kind="read-only", hint="change the info of the dataset on its branch")
        self._write(thawed(value))


class FrozenList(list[Any]):
    """A list inside an `Info`: reads like any list; every change is a StateError that says how to assign."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise _nested_change()

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled and copied as the plain list it looks like; list's own way would call append.
        return (list, (list(self),))


class FrozenDict(dict[str, Any]):
    """A dict inside an `Info`: reads like any dict; every change is a StateError that says how to assign."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise _nested_change()

    __setitem__ = __delitem__ = update = pop = popitem = clear = setdefault = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return (dict, (dict(self),))


def frozen(value: Any) -> Any:
    """`value` with its lists and dicts, at every depth, made read-only."""
    if isinstance(value, Mapping):
        return FrozenDict({key: frozen(inner) for key, inner in value.items()})
    if isinstance(value, (list, tuple)):
        return FrozenList(frozen(inner) for inner in value)
    return value


def thawed(value: Any) -> Any:
    """A plain deep copy of JSON-like `value`."""
    if isinstance(value, Mapping):
        return {str(key): thawed(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [thawed(inner) for inner in value]
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not key or key.startswith(RESERVED):
        raise InvalidInputError(
            f"{key!r} cannot be a key of info",
            kind="bad-info",
            hint=f"keys are text that is not empty and does not start with {RESERVED!r}",
        )


MOST_LEVELS = 100
"""Lists and dicts inside each other; JSON readers give up somewhere."""


def _check_value(value: Any, where: str, level: int = 0) -> None:
    if level > MOST_LEVELS:
        raise InvalidInputError(f"info holds more than {MOST_LEVELS} levels of lists and dicts", kind="bad-info")
    if value is None or isinstance(value, (bool, int, float, str)):
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_value(inner, f"{where}.{key}", level + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _check_value(inner, f"{where}[]", level + 1)
    elif not (hasattr(value, "item") and getattr(value, "ndim", 1) == 0):
        raise InvalidInputError(
            f"info[{where!r}] cannot hold a value of type {type(value).__name__}",
            kind="bad-info",
            hint="info keeps JSON: None, bool, int, float, str, lists and dicts of them; arrays belong in a tensor",
        )


def _nested_change() -> StateError:
    return StateError(
        "a change inside a value of info would be lost",
        kind="nested-info",
        hint="assign the whole value: names = list(info.class_names); names.append('x'); info.class_names = names",
    )
