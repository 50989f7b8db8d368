"""How two expressions meet: comparing, class names, shapes, and constants known while binding. Pure functions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from .bound import BOOL, Base, Bound, Compare, Const, Dims, Expr, Logic, Map, Member, Reduce, Ref, Type
from .errors import TQLNameError, TQLTypeError
from .schema import SMALL_FLOATS
from .source import Span
from .suggest import did_you_mean

ORDERED = {"<", "<=", ">", ">="}


# --- truth -----------------------------------------------------------------------------------------------------------


def truth(expr: Expr) -> Expr:
    """`expr` as booleans, element by element: numbers are true unless zero.

    Raises:
        TQLTypeError: text, JSON or pixels stand where a condition is expected.
    """
    kind = expr.type.base
    if kind in (Base.BOOL, Base.NULL):
        return expr
    if kind in (Base.INT, Base.FLOAT):
        zero = Const(0, type=Type(Base.INT), span=expr.span)
        return Compare(
            "!=", expr, zero, type=replace(BOOL, dims=expr.type.dims, nested=expr.type.nested), span=expr.span
        )
    raise TQLTypeError(
        f"a condition is expected here, and this is {expr.type}",
        kind="not-a-condition",
        span=expr.span,
        hint="compare it with something, such as = 'text' or contains(column, 'text')",
    )


def condition(expr: Expr) -> Expr:
    """`expr` as one boolean per row; an array must be non-empty and true in every element (ALL_STRICT)."""
    expr = truth(expr)
    return Reduce("ALL_STRICT", expr, type=BOOL, span=expr.span) if expr.type.is_array else expr


def logic(op: str, args: Sequence[Expr], span: Span) -> Expr:
    """AND, OR or NOT of conditions, element by element."""
    bools = tuple(truth(arg) for arg in args)
    dims, nested = common_shape(bools, span)
    return Logic(op, bools, type=Type(Base.BOOL, dims, nested=nested), span=span)  # type: ignore[arg-type]  # a checked word


# --- shapes ----------------------------------------------------------------------------------------------------------


def common_shape(args: Iterable[Bound], span: Span) -> tuple[Dims | None, bool]:
    """The axes of an element-wise result: equal shapes, or a scalar with anything.

    Raises:
        TQLTypeError: two arrays whose shapes can never be equal.
    """
    dims: Dims | None = ()
    nested = False
    for arg in args:
        if not arg.type.is_array:
            continue
        if dims == () and not nested:
            dims, nested = arg.type.dims, arg.type.nested
        elif not nested and not arg.type.nested:
            dims = meet(dims, arg.type.dims, span)
    return dims, nested


def common_boxes(args: Iterable[Bound]) -> str:
    """What four numbers are in an element-wise result over boxes, if its operands agree."""
    modes = {arg.type.boxes for arg in args if arg.type.boxes}
    return modes.pop() if len(modes) == 1 else ""


def meet(a: Dims | None, b: Dims | None, span: Span) -> Dims | None:
    """What is known of the axes of two arrays that must have equal shapes."""
    if a is None or b is None:
        return b if a is None else a
    if len(a) != len(b) or any(x != y for x, y in zip(a, b, strict=True) if x is not None and y is not None):
        raise TQLTypeError(
            f"arrays of shapes {show_dims(a)} and {show_dims(b)} do not fit together",
            kind="shape-mismatch",
            span=span,
            hint="element-wise operations need equal shapes, or one side with a single value",
        )
    return tuple(x if x is not None else y for x, y in zip(a, b, strict=True))


def show_dims(dims: Dims) -> str:
    sizes = ["n" if size is None else str(size) for size in dims]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


# --- comparing -------------------------------------------------------------------------------------------------------


def compare(op: str, left: Expr, right: Expr, span: Span) -> Expr:
    """``left op right`` after class names became codes and the types were found to fit.

    Raises:
        TQLTypeError: the two can never be compared.
        TQLNameError: a class name is not one of the column's.
    """
    left, right = resolve_labels(left, right), resolve_labels(right, left)
    check_comparable(left, right, span)
    check_quantified(left, right, span)
    left, right = in_floats_of(left, right), in_floats_of(right, left)
    dims, nested = common_shape((left, right), span)
    return Compare(op, left, right, type=Type(Base.BOOL, dims, nested=nested), span=span)


def in_floats_of(value: Expr, other: Expr) -> Expr:
    """A known array next to an array of 32-bit floats is one of them, as a known number is: 0.1 finds 0.1."""
    small = other.type.dtype in SMALL_FLOATS
    if small and isinstance(value, Const) and isinstance(value.value, tuple) and value.type.is_number:
        return replace(value, type=replace(value.type, dtype=other.type.dtype))
    return value


def check_comparable(left: Expr, right: Expr, span: Span) -> None:
    a, b = left.type, right.type
    if Base.NULL in (a.base, b.base) or (a.is_number and b.is_number):
        return
    if Base.IMAGE in (a.base, b.base):
        raise TQLTypeError(
            "pixels cannot be compared",
            kind="pixels",
            span=span,
            hint="compare what is known of the image: shape(...), height(...), width(...), mean(...)",
        )
    if Base.JSON in (a.base, b.base) or a.base is b.base:
        return
    raise TQLTypeError(
        f"{a} cannot be compared with {b}",
        kind="not-comparable",
        span=span,
        hint="text is written in single quotes and numbers without; cast(x as type) converts",
    )


def check_quantified(left: Expr, right: Expr, span: Span) -> None:
    """``x = ANY(array)`` is SQL's membership; here ANY is true or false itself, which no column of numbers equals."""
    number = left.type.base in (Base.INT, Base.FLOAT) and not isinstance(left, Const)
    if number and isinstance(right, Reduce) and right.name in ("ANY", "ALL"):
        raise TQLTypeError(
            f"{right.name} gives true or false, and is compared with {left.type}",
            kind="not-comparable",
            span=span,
            hint="membership is x IN (1, 2, 3), or x IN (?) with a list",
        )


def member(value: Expr, items: Sequence[Expr], span: Span) -> Expr:
    """``value IN (items)``: one `Member` where all items are known, else equalities joined by OR."""
    items = [one for item in items for one in listed(item)]
    resolved = [resolve_labels(item, value) for item in items]
    for item in resolved:
        check_comparable(resolve_labels(value, item), item, span)
    shape = replace(BOOL, dims=value.type.dims, nested=value.type.nested)
    known = [i.value for i in resolved if isinstance(i, Const) and i.type.dims == () and i.value is not None]
    if len(known) == len(items) and value.type.base is not Base.JSON:
        options = tuple(k for k in known if not isinstance(k, tuple) and k == k)  # a NaN is a member of nothing
        return Member(value, options, type=shape, span=span)
    equal = [compare("=", value, item, span) for item in resolved]
    return equal[0] if len(equal) == 1 else logic("OR", equal, span)


def listed(item: Expr) -> list[Expr]:
    """The elements of a known list, as a parameter may be one: ``num IN (?)``."""
    if not isinstance(item, Const) or not isinstance(item.value, tuple) or len(item.type.dims or ()) != 1:
        return [item]
    return [Const(value, type=item.type.element(), span=item.span) for value in item.value]


# --- class labels ----------------------------------------------------------------------------------------------------


def resolve_labels(expr: Expr, other: Expr) -> Expr:
    """Class names in `expr` as codes, if `other` is a class label and `expr` known text."""
    classes = other.type.classes
    if classes is None or not isinstance(expr, Const) or expr.type.base is not Base.TEXT:
        return expr
    if isinstance(expr.value, tuple):
        codes = tuple(label_code(str(name), classes, other, expr.span) for name in expr.value)
        return Const(codes, type=Type(Base.INT, expr.type.dims), span=expr.span)
    return Const(label_code(str(expr.value), classes, other, expr.span), type=Type(Base.INT), span=expr.span)


def label_code(name: str, classes: tuple[str, ...], column: Expr, span: Span) -> int:
    """The index of a class name; names are case-sensitive."""
    try:
        return classes.index(name)
    except ValueError:
        raise unknown_class(name, classes, column, span) from None


def label_codes_like(pattern: str, classes: tuple[str, ...], column: Expr, span: Span) -> tuple[int, ...]:
    """The indices of the class names that fit a pattern with ``*`` (any run) and ``?`` (one character)."""
    if pattern in classes:
        return (classes.index(pattern),)
    if "*" not in pattern and "?" not in pattern:
        raise unknown_class(pattern, classes, column, span)
    fits = re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), re.DOTALL)
    codes = tuple(i for i, name in enumerate(classes) if fits.fullmatch(name))
    if not codes:
        raise unknown_class(pattern, classes, column, span)
    return codes


def unknown_class(name: str, classes: tuple[str, ...], column: Expr, span: Span) -> TQLNameError:
    where = f' in column "{column.field.name}"' if isinstance(column, Ref) else ""
    return TQLNameError(
        f"unknown class name {name!r}{where}", kind="unknown-class", span=span, hint=suggest(name, classes, "classes")
    )


def suggest(name: str, known: Iterable[str], noun: str) -> str:
    """A hint that names the nearest of `known`, or all of them where they are few."""
    names = list(dict.fromkeys(known))
    near = did_you_mean(name, names)
    if near:
        return near
    if not names:
        return f"there are no {noun} yet"
    shown = ", ".join(names[:10]) + (f", and {len(names) - 10} more" if len(names) > 10 else "")
    return f"the {noun} are {shown}"


# --- constants -------------------------------------------------------------------------------------------------------

INT64_MAX = 2**63 - 1


def const(value: object, span: Span) -> Const:
    """A literal or a parameter's value as a constant.

    Raises:
        TQLTypeError: values of this Python type have no place in a query, or an integer needs more than 64 bits.
    """
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        value = value.tolist()
    if value is None:
        return Const(None, type=Type(Base.NULL), span=span)
    if isinstance(value, (list, tuple)):
        return const_array(value, span)
    if isinstance(value, (bool, int, float, str)):
        return Const(check_int(value, span), type=Type(base_of(value)), span=span)
    raise TQLTypeError(
        f"a value of Python type {type(value).__name__} cannot be used in a query", kind="bad-value", span=span
    )


def check_int(value: bool | int | float | str, span: Span) -> bool | int | float | str:
    if isinstance(value, int) and not -INT64_MAX - 1 <= value <= INT64_MAX:
        raise TQLTypeError(f"the integer {value} does not fit in 64 bits", kind="overflow", span=span)
    return value


def base_of(value: bool | int | float | str) -> Base:
    if isinstance(value, bool):
        return Base.BOOL
    if isinstance(value, str):
        return Base.TEXT
    return Base.INT if isinstance(value, int) else Base.FLOAT


def const_array(items: Sequence[object], span: Span) -> Const:
    """Nested lists of equal lengths as one constant array."""
    parts = [const(item, span) for item in items]
    if not parts:
        return Const((), type=Type(Base.FLOAT, (0,)), span=span)
    if len({part.type.dims for part in parts}) > 1:
        raise TQLTypeError("the rows of an array literal have different lengths", kind="ragged-array", span=span)
    base = widest({part.type.base for part in parts}, span)
    flat: list[int | float | str | bool] = []
    for part in parts:
        flat += part.value if isinstance(part.value, tuple) else [part.value]  # type: ignore[list-item]  # NULL: see widest
    if base is Base.FLOAT:
        flat = [float(v) for v in flat]
    inner = parts[0].type.dims or ()
    return Const(tuple(flat), type=Type(base, (len(parts), *inner)), span=span)


def widest(bases: set[Base], span: Span) -> Base:
    if len(bases) == 1 and Base.NULL not in bases:
        return next(iter(bases))
    if bases <= {Base.INT, Base.FLOAT}:
        return Base.FLOAT
    found = " and ".join(sorted(base.value for base in bases))
    raise TQLTypeError(f"an array holds elements of one type, and this one has {found}", kind="mixed-array", span=span)


def negated(value: Const, span: Span) -> Const | None:
    """Minus a known number, or None if it is something else."""
    if isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
        return const(-value.value, span)
    return None


def is_zero_free(expr: Expr) -> bool:
    """Whether a divisor is known never to be zero."""
    return isinstance(expr, Const) and isinstance(expr.value, (int, float)) and expr.value != 0


def arithmetic_type(args: Sequence[Bound], floats: bool, span: Span) -> Type:
    """Arithmetic is done in 64 bits: integers stay integers unless a float takes part (or `floats` says so)."""
    dims, nested = common_shape(args, span)
    base = Base.FLOAT if floats or any(a.type.base is Base.FLOAT for a in args) else Base.INT
    return Type(base, dims, boxes=common_boxes(args), nested=nested)


def folded(expr: Expr) -> Const | None:
    """The value of an arithmetic expression of constants, or None."""
    if isinstance(expr, Const):
        return expr
    if not isinstance(expr, Map) or expr.name not in FOLDS:
        return None
    args = [folded(arg) for arg in expr.args]
    values = [a.value for a in args if a is not None and isinstance(a.value, (int, float))]
    if len(values) != len(expr.args):
        return None
    try:
        return const(FOLDS[expr.name](*values), expr.span)
    except (ZeroDivisionError, OverflowError):
        return None


FOLDS: dict[str, Callable[..., int | float]] = {
    "+": operator.add,
    "-": lambda a, b=None: -a if b is None else a - b,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
