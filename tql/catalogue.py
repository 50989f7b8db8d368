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

    Types: "number", "int", "float", "bool", "text", "json", "array", "int array", "bool array", "text array", "box",
    "image", "label", "tag", "any"; a result "same" has the type of the first argument, "int array" and so on are
    vectors.
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


def _reduce(name: str, help: str, *signatures: Signature) -> Function:
    """A reduction; every signature may be given an axis too."""
    arrays = {"bool": "bool array", "int": "int array", "number": "array"}
    along = [
        Signature((arrays[s.args[0]], "int"), f"{s.result} array", s.sql) for s in signatures if s.args[0] in arrays
    ]
    return Function(name, Way.REDUCE, (*signatures, *along), help)


def _whole(name: str, args: str, result: str, sql: str, help: str, *, same_shape: bool = False) -> Function:
    return Function(name, Way.WHOLE, (Signature(tuple(args.split()), result, sql),), help, same_shape=same_shape)


def _special(name: str, help: str, *signatures: Signature) -> Function:
    return Function(name, Way.SPECIAL, signatures, help)


_S = Signature

_LEAST = "list_min({0})"
_LEAST_FLOAT = "CASE WHEN isnan(list_max({0})) THEN CAST('nan' AS DOUBLE) ELSE list_min({0}) END"
_LEAST_OF = (
    _S(("bool",), "bool", "CAST(list_min({0}) AS BOOLEAN)"),
    _S(("int",), "same", _LEAST),
    _S(("number",), "same", _LEAST_FLOAT),
    _S(("text",), "same", _LEAST),
)
_LARGEST_OF = (
    _S(("bool",), "bool", "CAST(list_max({0}) AS BOOLEAN)"),
    _S(("number",), "same", "list_max({0})"),
    _S(("text",), "same", "list_max({0})"),
)
_NOT_NAN = "CASE WHEN isnan(CAST(list_max({{0}}) AS DOUBLE)) THEN CAST('nan' AS DOUBLE) ELSE {0} END"
_FINITE = "CASE WHEN NOT isfinite(CAST(list_sum({{0}}) AS DOUBLE)) THEN CAST('nan' AS DOUBLE) ELSE {0} END"
_NORM = "CASE WHEN len({{0}}) > 0 THEN CAST({0} AS DOUBLE) END"

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
    _special(
        "ANY",
        "True if any element is true; false for an empty cell; an axis may be named.",
        _S(("array",), "bool"),
        _S(("array", "int"), "bool array"),
    ),
    _special(
        "ALL",
        "True if every element is true, also for an empty cell; an axis may be named.",
        _S(("array",), "bool"),
        _S(("array", "int"), "bool array"),
    ),
    _special(
        "ALL_STRICT",
        "True if the cell is not empty and every element is true; an axis may be named.",
        _S(("array",), "bool"),
        _S(("array", "int"), "bool array"),
    ),
    _special("LOGICAL_AND", "Element-wise AND.", _S(("array", "array"), "bool array", rest=True)),
    _special("LOGICAL_OR", "Element-wise OR.", _S(("array", "array"), "bool array", rest=True)),
    _special("LOGICAL_NOT", "Element-wise NOT.", _S(("array",), "bool array")),
    # --- what a cell is
    _special("SHAPE", "The shape of a cell as a vector of integers; pixels are not read.", _S(("any",), "int array")),
    _special("HEIGHT", "Height of an image in pixels.", _S(("image",), "int")),
    _special("WIDTH", "Width of an image in pixels.", _S(("image",), "int")),
    _special("SAMPLE_INFO", "What is known of a file: format, mode, size, ... as JSON.", _S(("image",), "json")),
    _special("LINK_URL", "The URL of a linked sample.", _S(("image",), "text")),
    _special(
        "COUNT",
        "Number of elements in a cell; COUNT(*) is the number of rows, or of a group's rows.",
        _S(("any",), "int"),
    ),
    # --- the row
    _special(
        "ROW_NUMBER", "Position of the row from 0: of the source in WHERE, of the result in SELECT.", _S((), "int")
    ),
    _special("ROW_ID", "Permanent id of the row.", _S((), "int")),
    _special("RANDOM", "A random integer from 0 up to 2**31, another one for each row.", _S((), "int")),
    _special(
        "DATA", "The value of a column at one row of the dataset, the same for every row.", _S(("any", "int"), "same")
    ),
    _special(
        "MAX_WEIGHT",
        "The largest weight whose condition holds, 0 if none does; pairs condition: weight.",
        _S(("weight",), "float", rest=True),
    ),
    _special(
        "SUM_WEIGHT",
        "The sum of the weights whose conditions hold; pairs condition: weight.",
        _S(("weight",), "float", rest=True),
    ),
    # --- from the elements of a cell to one number
    _reduce(
        "SUM",
        "Sum; 0 of an empty cell.",
        *(_S((kind,), "int", "COALESCE(CAST(list_sum({0}) AS BIGINT), 0)") for kind in ("bool", "int")),
        _S(("number",), "float", "COALESCE(list_sum({0}), 0)"),
    ),
    _reduce("PROD", "Product; 1 of an empty cell.", _S(("number",), "float", "COALESCE(list_product({0}), 1)")),
    *(
        _reduce(name, "Mean; NULL of an empty cell.", _S(("number",), "float", "list_avg({0})"))
        for name in ("AVG", "MEAN")
    ),
    _reduce(
        "STD",
        "Standard deviation (of the population); NULL of an empty cell.",
        _S(("number",), "float", _FINITE.format("list_stddev_pop({0})")),
    ),
    _reduce("MEDIAN", "Median; NULL of an empty cell.", _S(("number",), "float", _NOT_NAN.format("list_median({0})"))),
    *(
        _reduce(name, "Smallest element, NaN if one is NaN; NULL of an empty cell.", *_LEAST_OF)
        for name in ("MIN", "AMIN")
    ),
    *(
        _reduce(name, "Largest element, NaN if one is NaN; NULL of an empty cell.", *_LARGEST_OF)
        for name in ("MAX", "AMAX")
    ),
    # --- vectors
    _whole(
        "L1_NORM",
        "array",
        "float",
        _NORM.format("list_sum([abs(x) FOR x IN {0}])"),
        "Sum of absolute values; NULL of an empty cell.",
    ),
    _whole(
        "L2_NORM",
        "array",
        "float",
        _NORM.format("sqrt(list_sum([x * x FOR x IN {0}]))"),
        "Euclidean length; NULL of an empty cell.",
    ),
    _whole(
        "LINF_NORM",
        "array",
        "float",
        _NORM.format("list_max([abs(x) FOR x IN {0}])"),
        "Largest absolute value; NULL of an empty cell.",
    ),
    _whole(
        "COSINE_SIMILARITY",
        "array array",
        "float",
        "list_cosine_similarity(CAST({0} AS DOUBLE[]), CAST({1} AS DOUBLE[]))",
        "Cosine of the angle between two vectors of one shape; NaN if one is zero.",
        same_shape=True,
    ),
    *(
        _whole(
            name,
            "array array",
            "float",
            "list_inner_product(CAST({0} AS DOUBLE[]), CAST({1} AS DOUBLE[]))",
            "Dot product of two arrays of one shape.",
            same_shape=True,
        )
        for name in ("DOT", "INNER_PRODUCT")
    ),
    _whole(
        "HAMMING_DISTANCE",
        "array array",
        "int",
        "len(list_filter(list_zip({0}, {1}), lambda p: p[1] <> p[2]))",
        "Number of places where two arrays of one shape differ.",
        same_shape=True,
    ),
    _special(
        "MAXSIM",
        "Late interaction: the best dot product with a row of the first matrix, summed over the rows of the second.",
        _S(("array", "array"), "float"),
    ),
    _special("NONZERO", "Positions of the elements that are not zero (flat positions).", _S(("array",), "int array")),
    # --- boxes
    _special("BOX_WIDTH", "Width of each box, by the column's coords.", _S(("box",), "float array")),
    _special("BOX_HEIGHT", "Height of each box, by the column's coords.", _S(("box",), "float array")),
    _special("BOX_AREA", "Area of each box, by the column's coords.", _S(("box",), "float array")),
    _special(
        "IOU",
        "Overlap of each box with one box (same coords): intersection over union.",
        _S(("box", "array"), "float array"),
    ),
    # --- numbers, element by element
    Function(
        "ABS", Way.MAP, (_S(("int",), "int", "abs({0})"), _S(("number",), "float", "abs({0})")), "Absolute value."
    ),
    _map("SQRT", "number", "float", "sqrt(CAST({0} AS DOUBLE))", "Square root; NaN of a negative number."),
    _map("EXP", "number", "float", "exp({0})", "e to the power of x."),
    _map("LN", "number", "float", "ln({0})", "Natural logarithm; NaN of a negative number."),
    Function(
        "ROUND",
        Way.MAP,
        (
            _S(("number",), "float", "round_even({0}, 0)"),
            _S(("number", "int"), "float", "round_even({0}, CAST({1} AS INTEGER))"),
        ),
        "Rounded to whole numbers or to decimals; halves to even, as in NumPy.",
    ),
    _map("FLOOR", "number", "float", "floor({0})", "Largest whole number that is not greater."),
    _map("CEIL", "number", "float", "ceil({0})", "Smallest whole number that is not less."),
    _map("IS_NAN", "number", "bool", "isnan({0})", "Whether a number is NaN."),
    # --- text
    _map("UPPER", "text", "text", "upper({0})", "Upper case."),
    _map("LOWER", "text", "text", "lower({0})", "Lower case."),
    _map("LENGTH", "text", "int", "length({0})", "Number of characters."),
    _map("TRIM", "text", "text", "trim({0})", "Without white space at both ends."),
    _special("CONCAT", "Texts joined.", _S(("text", "text"), "text", rest=True)),
    Function(
        "SUBSTR",
        Way.MAP,
        (_S(("text", "int"), "text", "substr({0}, {1})"), _S(("text", "int", "int"), "text", "substr({0}, {1}, {2})")),
        "Part of a text: from a character (counted from 1), so many characters.",
    ),
    _map(
        "REPLACE",
        "text text text",
        "text",
        "replace({0}, {1}, {2})",
        "Every occurrence of one text replaced by another.",
    ),
    _map(
        "REGEXP_MATCHES",
        "text text",
        "bool",
        "regexp_matches({0}, {1})",
        "Whether a regular expression (RE2) is found in a text.",
    ),
    _map("EQUALS", "text text", "bool", "({0} = {1})", "Whether two texts are the same."),
    Function(
        "KEYS",
        Way.WHOLE,
        (_S(("json",), "text array", "CASE WHEN json_type({0}) = 'OBJECT' THEN json_keys({0}) ELSE [] END"),),
        "The top-level keys of a JSON object.",
    ),
    _special(
        "BM25_SIMILARITY",
        "How well a text answers a search: Okapi BM25 over the column's words, the higher the better.",
        _S(("text", "text"), "float"),
    ),
    # --- missing values
    _special("COALESCE", "The first argument that is not NULL.", _S(("any",), "same", rest=True)),
    _special("NULLIF", "NULL if the two are equal, else the first.", _S(("any", "any"), "same")),
)

FUNCTIONS: dict[str, Function] = {function.name: function for function in _FUNCTIONS}
