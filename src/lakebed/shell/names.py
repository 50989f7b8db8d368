"""What completion knows of the opened dataset: columns with their class names, functions, versions, saved views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..datasets import Dataset
from ..engine.schema import column_of
from ..reading import Readable
from ..tql.catalogue import FUNCTIONS, Function
from ..tql.functions import known_functions
from ..tql.schema import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A column as completion shows it; `class_names` only of class labels."""

    name: str
    about: str = ""
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """Everything that can be completed by name; all of it empty while no dataset is open."""

    columns: tuple[Column, ...] = ()
    branches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    commits: Mapping[str, str] = field(default_factory=dict)
    """Message by commit id."""
    views: Mapping[str, str] = field(default_factory=dict)
    """Message by view id."""

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


def names_of(dataset: Dataset, asked: Readable) -> Names:
    """The names of a dataset; the columns are those of `asked`, which is the dataset or a view of it."""
    return Names(
        columns=tuple(_column(asked, name) for name in asked._names()),
        branches=tuple(dataset.branches),
        tags=tuple(dataset.tags),
        commits={commit["commit"]: commit["message"] for commit in dataset.commits},
        views={entry.id: entry.message for entry in dataset.get_views()},
    )


def _column(asked: Readable, name: str) -> Column:
    spec = asked._schema()[name]
    column = column_of(spec, asked._stored_info(name))
    classes = column.class_names if column.kind is Kind.LABEL else ()
    counted = f", {len(classes)} classes" if classes else ""
    return Column(name, f"{spec.full_htype}{counted}", classes)


def functions() -> dict[str, tuple[str, str]]:
    """Arguments and one line of help by the function's name; those of `register_function` too."""
    found = {name: (arguments_of(function), function.help) for name, function in FUNCTIONS.items()}
    for name, own in known_functions().items():
        found[name] = (
            ", ".join("any" for _ in range(own.arity)),
            own.doc or f"registered Python function, returns {own.result}",
        )
    return found


def arguments_of(function: Function) -> str:
    """The arguments of the first signature, and "..." where there are more ways to call it or more arguments."""
    first = function.signatures[0]
    more = first.rest or len(function.signatures) > 1
    return ", ".join([*first.args, *(["..."] if more and first.args else [])])
