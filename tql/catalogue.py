"""The functions of TQL, one entry each: name, signatures with their SQL, and one line of help.

The binder, shell completion and the reference page all read these entries. A signature's `sql` is a template over
its arguments. How they are handed over says `Way`:

- MAP: element by element; ``{0}`` is one element of the first argument.
- REDUCE: ``{0}`` is the flat list of a cell's elements; the result is one value.
- WHOLE: lists for arrays and values for scalars; the result is what the signature says.
- ROW and SPECIAL: the binder knows how (`lakebed.tql.bind_calls`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Way(Enum):
    MAP = "map"
    REDUCE = "reduce"
    WHOLE = "whole"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Signature:
    """Argument types, the type of the result, and SQL. `rest` says that the last argument may be repeated.

    Types: "number", "int", "float", "bool", "text", "json", "array", "text array", "box", "image", "label", "tag",
    "any"; a result "same" has the type of the first argument, "int array" and so on are vectors.
    """

    args: tuple[str, ...]
    result: str
    sql: str = ""
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    way: Way
    signatures: tuple[Signature, ...]
    help: str
    nullable: bool = False
    same_shape: bool = False


def _map(name: str, args: str, result: str, sql: str, help: str, *, nullable: bool = False) -> Function:
    return Function(name, Way.MAP, (Signature(tuple(args.split()), result, sql),), help, nullable=nullable)


def _reduce(name: str, result: str, sql: str, help: str) -> Function:
    return Function(name, Way.REDUCE, (Signature(("number",), result, sql),), help)


def _whole(name: str, args: str, result: str, sql: str, help: str, *, same_shape: bool = False) -> Function:
    return Function(name, Way.WHOLE, (Signature(tuple(args.split()), result, sql),), help, same_shape=same_shape)


def _special(name: str, help: str, *signatures: Signature) -> Function:
    return Function(name, Way.SPECIAL, signatures, help)


_S = Signature

_FUNCTIONS = (
    # --- conditions on arrays
    _special(
        "CONTAINS",
        "Membership in an array or list, part of a text, key of a JSON object; class names may hold * and ?.",
        _S(("array", "any"), "bool", "list_contains({0}, {1})"),
        _S(("text", "text"), "bool", "contains({0}, {1})"),
        _S(("json", "any"), "bool"),
        _S(("any", "any"), "bool", "({0} = {1})"),
    ),
    _special("ANY", "True if any element is true; false for an empty cell; an axis may be named.",
             _S(("array",), "bool"), _S(("array", "int"), "bool array")),
    _special("ALL", "True if every element is true, also for an empty cell; an axis may be named.",
             _S(("array",), "bool"), _S(("array", "int"), "bool array")),
    _special("ALL_STRICT", "True if the cell is not empty and every element is true.", _S(("array",), "bool")),
    _special("LOGICAL_AND", "Element-wise AND.", _S(("array", "array"), "bool array", rest=True)),
    _special("LOGICAL_OR", "Element-wise OR.", _S(("array", "array"), "bool array", rest=True)),
    _special("LOGICAL_NOT", "Element-wise NOT.", _S(("array",), "bool array")),
    # --- what a cell is
    _special("SHAPE", "The shape of a cell as a vector of integers; pixels are not read.", _S(("any",), "int array")),
    _special("HEIGHT", "Height of an image in pixels.", _S(("image",), "int")),
    _special("WIDTH", "Width of an image in pixels.", _S(("image",), "int")),
    _special("SAMPLE_INFO", "What is known of a file: format, mode, size, ... as JSON.", _S(("image",), "json")),
    _special("LINK_URL", "The URL of a linked sample.", _S(("image",), "text")),
    _special("COUNT", "Number of elements in a cell; COUNT(*) is the number of rows, or of a group's rows.",
             _S(("any",), "int")),
    # --- the row
    _special("ROW_NUMBER", "Position of the row from 0: in WHERE of its source, in SELECT of the result.", _S((), "int")),
    _special("ROW_ID", "Permanent id of the row.", _S((), "int")),
    _special("RANDOM", "A random integer from 0 up to 2**31, another one for each row.", _S((), "int")),
    _special("DATA", "The value of a column at one row of the dataset, the same for every row.",
             _S(("any", "int"), "same")),
)  # fmt: skip

FUNCTIONS: dict[str, Function] = {function.name: function for function in _FUNCTIONS}
