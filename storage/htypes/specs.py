"""From what users write to a checked `TensorSpec`: names, htype strings, options."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

import numpy as np

from ..codecs.formats import COMPRESSIONS, normalise_compression
from ..errors import SchemaError
from ..schema import TensorSpec
from .base import Htype
from .link import LinkHtype
from .payload import PayloadHtype
from .sequence import SequenceHtype
from .table import HTYPES

INFO_OPTIONS = ("class_names", "coords", "keypoints", "connections", "intrinsics")
"""Keyword arguments of `new_spec` that describe samples; they go into the tensor's info."""

_INFO_FOR = {
    "class_names": ("class_label", "segment_mask", "binary_mask", "instance_label", "bbox", "polygon"),
    "coords": ("bbox", "bbox.3d"),
    "keypoints": ("keypoints_coco",),
    "connections": ("keypoints_coco",),
    "intrinsics": ("image", "image.rgb", "image.gray"),
}

_RESERVED_ENDINGS = (".shape", ".info", ".ref", ".creds", ".seen")
_MAX_NAME = 255


def htype_of(spec: TensorSpec) -> Htype:
    """The htype that handles a tensor, wrappers included.

    Raises:
        SchemaError: there is no such htype, or it cannot be linked.
    """
    inner = named_htype(spec.htype)
    if spec.link:
        if not isinstance(inner, PayloadHtype):
            raise SchemaError(
                f"link[{spec.htype}] is not possible: only files can be linked",
                kind="bad-htype",
                hint=f"htypes of files are {', '.join(n for n, h in HTYPES.items() if h.is_payload)}",
            )
        inner = LinkHtype(inner)
    return SequenceHtype(inner) if spec.sequence else inner


def named_htype(name: str) -> Htype:
    """The htype called `name`, without wrappers.

    Raises:
        SchemaError: kind "unknown-htype", with the nearest names as the hint.
    """
    if name in HTYPES:
        return HTYPES[name]
    near = get_close_matches(name, HTYPES, n=3)
    said = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(HTYPES)}"
    raise SchemaError(f"there is no htype {name!r}", kind="unknown-htype", hint=said)


def parse_htype(text: str) -> tuple[str, bool, bool]:
    """``"sequence[link[image]]"`` to (inner htype, is a link, is a sequence); ``"sequence"`` is one of "generic".

    Raises:
        SchemaError: there is no such htype, or the brackets do not fit.
    """
    # Deep Lake takes a sequence that does not say of what for one of arrays.
    name = "sequence[generic]" if text.strip() in {"sequence", "sequence[]"} else text.strip()
    sequence = name.startswith("sequence[") and name.endswith("]")
    name = name[len("sequence[") : -1].strip() if sequence else name
    link = name.startswith("link[") and name.endswith("]")
    name = name[len("link[") : -1].strip() if link else name
    if name in {"link", "sequence"} or "[" in name or "]" in name:
        raise SchemaError(
            f"the htype {text!r} cannot be read",
            kind="unknown-htype",
            hint="write link[image] or sequence[link[image]]",
        )
    named_htype(name)
    return name, link, sequence


def check_tensor_name(name: str) -> None:
    """Refuse names that cannot be kept or asked for.

    "/" separates groups, so its parts must not be empty; control characters and the endings that our own columns
    use (``.shape``, ``.info``, ...) are taken.

    Raises:
        SchemaError: says what is wrong with the name.
    """
    problem = _name_problem(name)
    if problem:
        raise SchemaError(f"{name!r} cannot be the name of a tensor: {problem}", kind="bad-name")


def _name_problem(name: object) -> str:
    if not isinstance(name, str) or not name:
        return "it must be a string that is not empty"
    if len(name.encode("utf-8", "replace")) > _MAX_NAME:
        return f"it is longer than {_MAX_NAME} bytes"
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name):
        return "it holds control characters or broken Unicode"
    if any(not part.strip() or part in {".", ".."} for part in name.split("/")):
        return "a part between slashes is empty"
    if name != name.strip():
        return "it starts or ends with a space"
    ending = next((end for end in _RESERVED_ENDINGS if name.endswith(end)), "")
    return f"the ending {ending!r} is used for the tensor's own columns" if ending else ""


def new_spec(
    name: str,
    column: str,
    htype: str = "generic",
    dtype: Any = None,
    sample_compression: str | None = None,
    chunk_compression: str | None = None,
    verify: bool = True,
    create_shape_tensor: bool = True,
    create_sample_info_tensor: bool = True,
    hidden: bool = False,
    **htype_kwargs: Any,
) -> tuple[TensorSpec, dict[str, Any]]:
    """The checked spec and the first info of a new tensor; `column` is its physical column name.

    `htype_kwargs` are `class_names`, `coords`, `keypoints`, `connections`, `intrinsics`, where the htype has them.

    Raises:
        SchemaError: a name, htype, option or combination that cannot be.

    >>> spec, info = new_spec("boxes", "boxes", "bbox", coords={"type": "pixel", "mode": "LTWH"})
    >>> spec.full_htype, info
    ('bbox', {'coords': {'type': 'pixel', 'mode': 'LTWH'}})
    """
    check_tensor_name(name)
    inner, link, sequence = parse_htype(htype)
    info = _check_options(name, inner, htype_kwargs)
    spec = TensorSpec(
        name=name,
        column=column,
        htype=inner,
        link=link,
        sequence=sequence,
        verify=verify,
        dtype=_dtype_name(dtype, inner, name),
        sample_compression=normalise_compression(sample_compression),
        chunk_compression=normalise_compression(chunk_compression),
        create_shape_tensor=create_shape_tensor,
        create_sample_info_tensor=create_sample_info_tensor,
        hidden=hidden,
    )
    handler = htype_of(spec)
    _check_compression(spec)
    return handler.check_spec(spec, info), info


def _check_compression(spec: TensorSpec) -> None:
    """What holds for every htype; those of files check more. Rows need no compression, but "lz4" and "zstd" do no harm:
    Deep Lake's scripts give them to labels and boxes."""
    codec = spec.sample_compression or spec.chunk_compression
    if spec.sample_compression and spec.chunk_compression:
        raise SchemaError(
            "found sample_compression and chunk_compression, expected one of them",
            kind="bad-compression",
            place=f"tensor {spec.name!r}",
        )
    if codec and not named_htype(spec.htype).is_payload and COMPRESSIONS[codec].kind != "array":
        raise SchemaError(
            f"compression {codec!r} does not fit htype {spec.htype!r}",
            kind="bad-compression",
            place=f"tensor {spec.name!r}",
            hint="leave it out; for pictures use htype='image'",
        )


def _dtype_name(dtype: Any, htype: str, name: str) -> str | None:
    """The dtype to keep in the spec: of generic tensors as asked, of others their own."""
    from .arrays import check_dtype

    own = named_htype(htype).default_dtype
    if htype == "generic":
        return check_dtype(dtype, name)
    asked = check_dtype(dtype, name) if own in _NUMBERS else None
    # Codes of classes are whole numbers of any width in Deep Lake's scripts; here they are uint32.
    if asked not in {None, own} and not (own == "uint32" and np.dtype(asked).kind in "iu"):
        raise SchemaError(
            f"htype {htype!r} holds {own}, found dtype={dtype!r}",
            kind="bad-dtype",
            place=f"tensor {name!r}",
            hint="images have 8 bits a channel; keep others in a tensor of htype 'generic'"
            if htype.startswith("image")
            else "leave dtype out; samples of other types are cast where nothing is lost",
        )
    return own


_NUMBERS = ("bool", "uint8", "uint32", "int32", "float32", "float64")


def _check_options(name: str, htype: str, options: dict[str, Any]) -> dict[str, Any]:
    for option in options:
        if option not in INFO_OPTIONS:
            near = get_close_matches(option, [*INFO_OPTIONS, *_PLAIN_OPTIONS], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join([*_PLAIN_OPTIONS, *INFO_OPTIONS])}"
            raise SchemaError(
                f"there is no option {option!r}", kind="unknown-option", place=f"tensor {name!r}", hint=hint
            )
        if htype not in _INFO_FOR[option]:
            raise SchemaError(
                f"htype {htype!r} has no {option!r}",
                kind="unknown-option",
                place=f"tensor {name!r}",
                hint=f"htypes that have it: {', '.join(_INFO_FOR[option])}",
            )
    # Arrays are given for intrinsics and key points; info keeps lists.
    given = {option: value for option, value in options.items() if value is not None}
    return {option: value.tolist() if isinstance(value, np.ndarray) else value for option, value in given.items()}


_PLAIN_OPTIONS = (
    "htype",
    "dtype",
    "sample_compression",
    "chunk_compression",
    "verify",
    "create_shape_tensor",
    "create_sample_info_tensor",
    "hidden",
)
