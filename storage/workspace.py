"""A workspace: all that one handle can do with a dataset: rows, tensors, info, versions, views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .arrow import Ints
from .errors import AlreadyExistsError
from .exclusive import exclusive
from .history import History
from .htypes.specs import check_tensor_name, htype_of
from .objects import Staging, check_json
from .refs import Refs
from .saved import SavedViews
from .schema import TensorSpec


class Workspace(History, SavedViews):
    """Reads and writes one branch, or reads one old version (see `Handle` for transactions and landing)."""

    # --- rows ---

    @exclusive
    def extend(self, samples: Mapping[str, Sequence[Any]], count: int) -> None:
        """Append `count` rows; tensors not given get empty samples. Nothing is added if a sample does not fit."""
        self._writing().extend(samples, count)
        self._written()

    @exclusive
    def update(self, rows: Sequence[int] | Ints, samples: Mapping[str, Sequence[Any]]) -> None:
        """Replace the samples of rows, tensor by tensor. Nothing is changed if one does not fit."""
        self._writing().update(rows, samples)
        self._written()

    @exclusive
    def pop(self, rows: Sequence[int] | Ints) -> None:
        """Remove rows; later ones move up."""
        self._writing().pop(rows)
        self._written()

    # --- schema and info ---

    @exclusive
    def create_tensor(self, spec: TensorSpec, info: Mapping[str, Any]) -> None:
        """Add a tensor; rows that are there already get empty samples in it.

        Raises:
            AlreadyExistsError: a tensor has that name.
        """
        draft = self._writing()
        if spec.name in draft.schema:
            raise AlreadyExistsError(
                f"tensor {spec.name!r} is there already",
                kind="tensor-exists",
                place=f"tensor {spec.name!r}",
                hint="pass exist_ok=True to keep it as it is",
            )
        check_json(info, f"the info of tensor {spec.name!r}", "bad-info")
        column = draft.schema.free_column(spec.name)
        draft.set_schema(draft.schema.with_tensor(replace(spec, column=column)))
        draft.set_info(spec.name, info)
        self._written()

    @exclusive
    def delete_tensor(self, name: str) -> None:
        """Drop a tensor; older commits keep it."""
        draft = self._writing()
        draft.set_schema(draft.schema.without(name))
        draft.infos.pop(name, None)
        self._written()

    @exclusive
    def rename_tensor(self, old: str, new: str) -> None:
        """Give a tensor another name; no data is rewritten.

        Raises:
            NotFoundError, AlreadyExistsError
            SchemaError: kind "bad-name": tensors cannot have that name.
        """
        check_tensor_name(new)
        draft = self._writing()
        spec = draft.schema[old]
        if new in draft.schema:
            raise AlreadyExistsError(f"tensor {new!r} is there already", kind="tensor-exists", place=f"tensor {new!r}")
        draft.set_schema(draft.schema.with_tensor(replace(spec, name=new)))
        draft.set_info(new, draft.infos.pop(old, {}))
        self._written()

    @exclusive
    def set_info(self, tensor: str, info: Mapping[str, Any]) -> None:
        """Replace the info of a tensor, or of the dataset for "".

        Raises:
            SchemaError: class names, coords or what else the htype reads there do not fit it.
        """
        draft, kept = self._writing(), dict(info)
        if tensor:
            spec = draft.schema[tensor]
            htype_of(spec).check_spec(spec, kept)
        draft.set_info(tensor, kept)
        self._written()

    # --- creds keys ---

    def creds_keys(self) -> dict[str, dict[str, Any]]:
        """Creds key names and whether they are managed."""
        return {name: dict(value) for name, value in self.repository.state().refs.creds.items()}

    def set_creds_keys(self, change: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Add, change or (None) remove creds key names; values never come near the dataset."""
        self._check_writable()
        check_json(dict(change), "a creds key", "bad-name")

        def apply(refs: Refs, _: Staging) -> Refs:
            creds = {**refs.creds, **change}
            return replace(refs, creds={name: value for name, value in creds.items() if value is not None})

        self.repository.publish("creds", apply)
