"""Function calls: found in the catalogue, their arguments matched to a signature, the special ones bound by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from . import nodes
from .bind_axis import along, positional
from .bind_special import SPECIAL, plain
from .bind_subscripts import per_cell
from .bound import PIXELS, Base, Expr, ListCall, Map, Reduce, Ref, Type, UserCall
from .catalogue import FUNCTIONS, Function, Signature, Way
from .coerce import common_shape, suggest
from .errors import TQLNameError, TQLTypeError, TQLUnsupportedError
from .habits import FUNCTIONS as HABITS
from .scope import Scope, UserFunction, base_of_dtype
from .source import Span


def bind_call(node: nodes.Call, scope: Scope) -> Expr:
    """One function call.

    Raises:
        TQLNameError: there is no such function. TQLTypeError: the arguments do not fit it.
    """
    if node.name in scope.context.functions:
        return user_call(node, scope.context.functions[node.name], scope)
    function = FUNCTIONS.get(node.name)
    if function is None:
        known = [*FUNCTIONS, *scope.context.functions]
        raise TQLNameError(
            f"there is no function {node.name}",
            kind="unknown-function",
            span=node.span,
            hint=HABITS.get(node.name) or suggest(node.name, known, "functions"),
        )
    if node.distinct and node.name != "COUNT":
        raise TQLUnsupportedError(
            "DISTINCT inside a function works in COUNT only", kind="distinct-call", span=node.span
        )
    check_count(node, function.signatures)
    if scope.grouping is not None and function.name in PER_CELL:
        return per_cell(node, scope)
    if function.way is Way.SPECIAL:
        return SPECIAL[function.name](node, scope)
    if function.way is Way.REDUCE:
        node = positional(node)
    args = [scope.bind(plain(arg)) for arg in node.args]
    if function.way is Way.REDUCE and isinstance(args[0], Ref) and args[0].type == Type(Base.IMAGE):
        return pixel_statistic(function, args[0], node.span)
    signature = chosen(function, args, node.span)
    return WAYS[function.way](function, signature, args, node.span)


PIXEL_STATISTICS = {"MEAN": "mean", "AVG": "mean", "STD": "std", "SUM": "sum", "MIN": "min", "AMIN": "min",
                    "MAX": "max", "AMAX": "max", "MEDIAN": "median"}  # fmt: skip


def pixel_statistic(function: Function, image: Ref, span: Span) -> Expr:
    """A number about all pixels of an image, which the engine decodes for it."""
    if function.name not in PIXEL_STATISTICS:
        raise TQLTypeError(f"{function.name} does not look at pixels", kind="pixels", span=span)
    return Ref(image.field, PIXELS + PIXEL_STATISTICS[function.name], type=Type(Base.FLOAT), span=span)


def check_count(node: nodes.Call, signatures: Sequence[Signature]) -> None:
    given = len(node.args)
    if any(given == len(s.args) or (s.rest and given > len(s.args)) for s in signatures):
        return
    takes = " or ".join(sorted({str(len(s.args)) + (" or more" if s.rest else "") for s in signatures}))
    raise TQLTypeError(
        f"{node.name} takes {takes} arguments, and {given} were given", kind="argument-count", span=node.span
    )


# --- signatures ------------------------------------------------------------------------------------------------------


def chosen(function: Function, args: Sequence[Expr], span: Span) -> Signature:
    """The first signature that the arguments fit; of a function that is not special, none has a rest."""
    for signature in function.signatures:
        same = len(signature.args) == len(args)
        if same and all(fits(a.type, w) for a, w in zip(args, signature.args, strict=True)):
            return signature
    found = ", ".join(str(a.type) for a in args)
    takes = " or ".join(f"({', '.join(s.args)})" for s in function.signatures)
    json = any(a.type.base is Base.JSON for a in args)
    hint = "cast(x as float) turns JSON into numbers, cast(x as text) into text" if json else ""
    message = f"{function.name} takes {takes}, and was given ({found})"
    raise TQLTypeError(message, kind="argument-type", span=span, hint=hint)


def fits(type_: Type, wanted: str) -> bool:
    """Whether a value of `type_` may stand where a signature says `wanted`."""
    if type_.base is Base.NULL or wanted == "any":
        return True
    if wanted == "number":
        return type_.is_number
    if wanted == "array":
        return type_.is_array and type_.is_number
    if wanted.endswith(" array"):
        return type_.is_array and fits(type_.element(), wanted.removesuffix(" array"))
    base = {"int": Base.INT, "bool": Base.BOOL, "text": Base.TEXT, "json": Base.JSON, "image": Base.IMAGE}[wanted]
    return type_.base is base


def result_type(signature: Signature, args: Sequence[Expr]) -> Type:
    word, _, array = signature.result.partition(" ")
    if word == "same":
        base = args[0].type.base
        return Type(base, args[0].type.dims if array else (), args[0].type.dtype, args[0].type.classes)
    return Type(Base(RESULTS[word]), (None,) if array else ())


RESULTS = {"int": "integer", "float": "float", "bool": "bool", "text": "text", "json": "json"}


def map_call(function: Function, signature: Signature, args: list[Expr], span: Span) -> Expr:
    dims, nested = common_shape(args, span)
    type_ = replace(result_type(signature, args), dims=dims, nested=nested)
    return Map(function.name, tuple(args), signature.sql, function.nullable, type=type_, span=span)


def reduce_call(function: Function, signature: Signature, args: list[Expr], span: Span) -> Expr:
    if len(args) == 2:
        element = result_type(signature, args).element()
        return along(function.name, args[0], args[1], signature.sql, element, span)
    return Reduce(function.name, args[0], signature.sql, type=result_type(signature, args), span=span)


def whole_call(function: Function, signature: Signature, args: list[Expr], span: Span) -> Expr:
    if function.same_shape:
        common_shape(args, span)
    return ListCall(
        function.name, tuple(args), signature.sql, function.same_shape, type=result_type(signature, args), span=span
    )


WAYS: dict[Way, Callable[[Function, Signature, list[Expr], Span], Expr]] = {
    Way.MAP: map_call,
    Way.REDUCE: reduce_call,
    Way.WHOLE: whole_call,
}


def user_call(node: nodes.Call, function: UserFunction, scope: Scope) -> Expr:
    if len(node.args) != function.arity:
        raise TQLTypeError(
            f"{node.name} takes {function.arity} arguments, and {len(node.args)} were given",
            kind="argument-count",
            span=node.span,
        )
    args = tuple(scope.bind(plain(arg)) for arg in node.args)
    for arg in args:
        if arg.type.base is Base.IMAGE or arg.type.nested:
            raise TQLUnsupportedError(
                f"a registered function cannot be given {arg.type}", kind="argument-type", span=arg.span
            )
    element, vector = function.result.removesuffix("[]"), function.result.endswith("[]")
    type_ = Type(base_of_dtype(element), (None,) if vector else ())
    return UserCall(node.name, args, scope.context.new_field(node.name, type_), type=type_, span=node.span)


PER_CELL = frozenset(
    {"SHAPE", "HEIGHT", "WIDTH", "SAMPLE_INFO", "LINK_URL", "BOX_WIDTH", "BOX_HEIGHT", "BOX_AREA", "IOU"}
)
"""In a grouped select these are taken of each cell, and the group has the list of them."""
