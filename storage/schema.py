"""What a tensor is: the frozen description that commits store and every layer reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .errors import NotFoundError


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a dataset.

    `column` is the name of its physical Arrow column and never changes, so renaming a tensor rewrites no data;
    further columns of the tensor are called ``column + suffix`` (``.shape``, ``.info``, ...; see `Htype.fields`).
    """

    name: str
    """What users call it; may hold "/" for groups."""
    column: str
    htype: str = "generic"
    """The inner htype: "image" for ``link[image]`` and for ``sequence[image]``."""
    dtype: str | None = None
    """NumPy dtype name; None until the first sample fixes it (generic only)."""
    ndim: int | None = None
    """Dimensions of a sample; None until the first sample fixes it, or where it varies (image)."""
    link: bool = False
    sequence: bool = False
    sample_compression: str | None = None
    """Codec of a stored sample ("jpeg", "png", ...); for links, the codec used when a view is materialised."""
    chunk_compression: str | None = None
    verify: bool = True
    """Read each linked file's header when it is appended, and refuse what cannot be read."""
    create_shape_tensor: bool = True
    create_sample_info_tensor: bool = True
    hidden: bool = False
    width: int | None = None
    """Numbers in one item where the htype leaves a choice: point and polygon (2 or 3), bbox.3d (9 or 24)."""

    @property
    def full_htype(self) -> str:
        """The htype as users write it, wrappers included: ``"link[image]"``."""
        inner = f"link[{self.htype}]" if self.link else self.htype
        return f"sequence[{inner}]" if self.sequence else inner

    def unlinked(self) -> TensorSpec:
        """The same tensor with its bytes held instead of linked, as a materialised view stores it."""
        return replace(self, link=False)

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults, so that schemas stay small and old readers keep working."""
        defaults = {f.name: f.default for f in fields(self)}
        return {key: value for key, value in asdict(self).items() if value != defaults[key]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TensorSpec:
        """The inverse of `to_json`; unknown keys are left out (they belong to optional features)."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})


@dataclass(frozen=True, slots=True)
class Schema:
    """The tensors of one version, in creation order."""

    tensors: tuple[TensorSpec, ...] = ()
    retired: tuple[str, ...] = field(default=())
    """Physical column names that deleted tensors used; never given out again."""

    def __iter__(self) -> Iterator[TensorSpec]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __contains__(self, name: object) -> bool:
        return any(spec.name == name for spec in self.tensors)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.tensors)

    def __getitem__(self, name: str) -> TensorSpec:
        """The tensor called `name`.

        Raises:
            NotFoundError: kind "unknown-tensor", with the nearest names as the hint.
        """
        for spec in self.tensors:
            if spec.name == name:
                return spec
        raise unknown_tensor(name, self.names)

    @property
    def label_columns(self) -> set[str]:
        """Physical columns that hold class indices."""
        return {spec.column for spec in self.tensors if spec.htype == "class_label" and not spec.sequence}

    def with_tensor(self, spec: TensorSpec) -> Schema:
        """This schema with `spec` added at the end, or put in the place of the tensor with its column."""
        if any(old.column == spec.column for old in self.tensors):
            return replace(self, tensors=tuple(spec if old.column == spec.column else old for old in self.tensors))
        return replace(self, tensors=(*self.tensors, spec))

    def without(self, name: str) -> Schema:
        """This schema with the tensor `name` dropped and its column retired."""
        gone = self[name]
        kept = tuple(spec for spec in self.tensors if spec.name != name)
        return Schema(kept, (*self.retired, gone.column))

    def free_column(self, name: str) -> str:
        """A physical column name for a new tensor called `name`."""
        taken = {spec.column for spec in self.tensors} | set(self.retired)
        column, number = name, 1
        while column in taken:
            number += 1
            column = f"{name}#{number}"
        return column

    def to_json(self) -> dict[str, Any]:
        return {"tensors": [spec.to_json() for spec in self.tensors], "retired": list(self.retired)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        return cls(tuple(TensorSpec.from_json(t) for t in data["tensors"]), tuple(data.get("retired", ())))


SETTLED = frozenset({"dtype", "ndim", "width"})
"""What the first sample fixes: two tensors that were made alike are one tensor, also if only one has a sample yet."""


def one_spec(before: TensorSpec | None, mine: TensorSpec, theirs: TensorSpec) -> TensorSpec | None:
    """A tensor after both sides' changes, property by property; None where they disagree. `before` is None if both
    made it."""
    found = {}
    for part in (option.name for option in fields(TensorSpec)):
        ours, other = getattr(mine, part), getattr(theirs, part)
        was = getattr(before, part) if before is not None else None
        if ours != other and (was not in (ours, other) or (before is None and part not in SETTLED)):
            return None
        found[part] = other if ours == was else ours
    return TensorSpec(**found)


def unknown_tensor(name: str, known: tuple[str, ...]) -> NotFoundError:
    """The one error for a tensor that is not there."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3)
    said = (
        f"did you mean {' or '.join(map(repr, near))}?" if near else f"the tensors are {', '.join(known) or 'none yet'}"
    )
    return NotFoundError(f"there is no tensor {name!r}", kind="unknown-tensor", place=f"tensor {name!r}", hint=said)
