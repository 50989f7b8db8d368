"""Tensors and groups of a dataset created, renamed and deleted; all of it versioned."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .group_names import GROUPS_KEY, all_groups
from .handle import Handle
from .reading import Group
from .storage.errors import AlreadyExistsError, InvalidInputError, NotFoundError, SchemaError
from .storage.htypes import check_tensor_name, new_spec
from .storage.names import is_text
from .storage.schema import TensorSpec, unknown_tensor
from .tensor import Tensor


class SchemaEdits(Handle):
    """The schema part of `Dataset`."""

    def create_tensor(
        self,
        name: str,
        htype: str = "generic",
        dtype: Any = None,
        sample_compression: str | None = None,
        chunk_compression: str | None = None,
        hidden: bool = False,
        create_sample_info_tensor: bool = True,
        create_shape_tensor: bool = True,
        create_id_tensor: bool = True,
        verify: bool = True,
        exist_ok: bool = False,
        verbose: bool = True,
        downsampling: Any = None,
        tiling_threshold: int | None = None,
        max_chunk_size: int | None = None,
        **htype_kwargs: Any,
    ) -> Tensor:
        """Create a tensor; rows that are already there get an empty cell.

        Args:
            name: any text; ``"group/name"`` puts it into a group.
            htype: what samples are: ``"image"``, ``"class_label"``, ``"bbox"``, ``"link[image]"``, ... ; see the docs.
            dtype: NumPy dtype of a generic tensor; None lets the first sample fix it, ``str`` makes it a text tensor.
                Other htypes have dtypes of their own; tensors of class codes accept any integer type.
            sample_compression: codec of each sample, required for images; for links the codec used when a view is
                materialised. ``"jpg"`` means ``"jpeg"``.
            chunk_compression: accepted where the htype allows it, instead of `sample_compression`.
            hidden: leave the tensor out of listings and of what `append` expects.
            create_sample_info_tensor: keep what is known of each file (format, size, orientation).
            create_shape_tensor: keep each sample's shape, so that queries on shapes read no file.
            verify: look at each linked file when it is appended, and refuse it if it cannot be read. With the three
                flags False nothing is read at append.
            exist_ok: return the tensor if it is there with the same htype.
            create_id_tensor: unused; rows always have permanent ids.
            verbose: unused. So are `downsampling`, `tiling_threshold` and `max_chunk_size`.
            htype_kwargs: ``class_names=``, ``coords=``, ``keypoints=``, ``connections=``, ``intrinsics=``.

        Raises:
            AlreadyExistsError: a tensor or group has that name.
            SchemaError: the name, htype or an option cannot be used.
            StateError: the dataset is read-only.
        """
        self._writable()
        name = _plain_name(name)
        if htype == "generic" and (dtype is str or dtype == "str"):
            htype, dtype = "text", None
        spec, info = new_spec(
            name,
            self._schema().free_column(name),
            htype,
            dtype=dtype,
            sample_compression=sample_compression,
            chunk_compression=chunk_compression,
            verify=verify,
            create_shape_tensor=create_shape_tensor,
            create_sample_info_tensor=create_sample_info_tensor,
            hidden=hidden,
            **htype_kwargs,
        )
        if name in self._schema():
            return self._existing(spec, exist_ok)
        self._check_place(name)
        self._add_tensor(spec, info)
        return Tensor(self, name)

    def create_tensor_like(self, name: str, source: Tensor, unlink: bool = False) -> Tensor:
        """Create a tensor with the htype, options and info of `source`, without its samples.

        With `unlink` a ``link[image]`` becomes an ``image``.
        """
        from dataclasses import replace

        self._writable()
        name = _plain_name(name)
        if not isinstance(source, Tensor):
            raise InvalidInputError(
                f"the tensor to be like is a Tensor, found a value of type {type(source).__name__}",
                kind="bad-argument",
                hint=f"ds.create_tensor_like({name!r}, ds[other])",
            )
        if name in self._schema():
            raise _taken(name, "choose another name")
        self._check_place(name)
        spec = source._spec.unlinked() if unlink else source._spec
        spec = replace(spec, name=name, column=self._schema().free_column(name))
        self._add_tensor(spec, source.info.to_dict())
        return Tensor(self, name)

    def create_group(self, name: str, exist_ok: bool = False) -> Group:
        """Create an empty group; ``create_tensor("group/name")`` makes groups without asking.

        Raises:
            AlreadyExistsError: a group or tensor has that name.
        """
        self._writable()
        name = _plain_name(name)
        empty = self._empty_groups()
        if name in all_groups(self._schema().names, empty):
            if not exist_ok:
                raise AlreadyExistsError(
                    f"there is a group {name!r} already", kind="group-exists", hint="pass exist_ok=True"
                )
            return Group(self, name)
        self._check_place(name)
        self._set_groups([*empty, name])
        return Group(self, name)

    def rename_tensor(self, name: str, new_name: str) -> None:
        """Give a tensor another name; no data is written anew.

        Raises:
            NotFoundError: there is no tensor `name`.
            AlreadyExistsError: `new_name` is taken.
        """
        self._writable()
        name, new_name = _plain_name(name), _plain_name(new_name)
        self._expect_tensor(name)
        if new_name in self._schema():
            raise _taken(new_name, "choose another name")
        self._check_place(new_name)
        self._ws.rename_tensor(name, new_name)

    def rename_group(self, name: str, new_name: str) -> None:
        """Give a group another name: each of its tensors is renamed.

        Raises:
            NotFoundError: there is no group `name`.
            AlreadyExistsError: `new_name` is taken.
        """
        self._writable()
        name, new_name = _plain_name(name), _plain_name(new_name)
        members = self._expect_group(name)
        self._check_free_group(new_name)
        with self._ws_transaction():
            for member in members:
                self._ws.rename_tensor(member, new_name + member[len(name) :])
            moved = [_moved(group, name, new_name) for group in self._empty_groups()]
            if tuple(moved) != self._empty_groups():
                self._set_groups(moved)

    def delete_tensor(self, name: str, large_ok: bool = False) -> None:
        """Delete a tensor from here on; commits made before keep it. `large_ok` is accepted for old scripts.

        Raises:
            NotFoundError: there is no tensor `name`.
        """
        self._writable()
        name = _plain_name(name)
        self._expect_tensor(name)
        self._ws.delete_tensor(name)

    def delete_group(self, name: str, large_ok: bool = False) -> None:
        """Delete a group and its tensors from here on; commits made before keep them.

        Raises:
            NotFoundError: there is no group `name`.
        """
        self._writable()
        name = _plain_name(name)
        members = self._expect_group(name)
        with self._ws_transaction():
            for member in members:
                self._ws.delete_tensor(member)
            kept = [group for group in self._empty_groups() if group != name and not group.startswith(name + "/")]
            if tuple(kept) != self._empty_groups():
                self._set_groups(kept)

    def _ws_transaction(self) -> Any:
        """The dataset itself as a context: `with` on it is one transaction."""
        return self

    def _add_tensor(self, spec: TensorSpec, info: dict[str, Any]) -> None:
        top = spec.name.split("/")[0]
        if hasattr(type(self), top):
            warnings.warn(
                f"{top!r} is also an attribute of Dataset: reach the tensor as ds[{spec.name!r}]",
                UserWarning,
                stacklevel=4,
            )
        self._ws.create_tensor(spec, info)
        self._staged.created(spec.name, len(self))

    def _existing(self, spec: TensorSpec, exist_ok: bool) -> Tensor:
        old = self._schema()[spec.name]
        if not exist_ok:
            raise _taken(spec.name)
        if old.full_htype != spec.full_htype:
            raise SchemaError(
                f"tensor {spec.name!r} is there already as {old.full_htype}, not {spec.full_htype}",
                kind="htype-differs",
            )
        return Tensor(self, spec.name)

    def _check_place(self, name: str) -> None:
        """A name cannot be a tensor and a group at once."""
        names = self._schema().names
        parents = ["/".join(name.split("/")[:depth]) for depth in range(1, name.count("/") + 1)]
        in_the_way = next((parent for parent in parents if parent in names), None)
        if in_the_way is not None:
            raise AlreadyExistsError(f"{in_the_way!r} is a tensor, so it cannot hold {name!r}", kind="tensor-exists")
        self._check_free_group(name)

    def _check_free_group(self, name: str) -> None:
        if name in self._schema().names or name in all_groups(self._schema().names, self._empty_groups()):
            raise AlreadyExistsError(f"there is a tensor or group {name!r} already", kind="group-exists")

    def _expect_tensor(self, name: str) -> None:
        if name not in self._schema():
            raise unknown_tensor(name, self._schema().names)

    def _expect_group(self, name: str) -> Sequence[str]:
        names = self._schema().names
        if name not in all_groups(names, self._empty_groups()):
            raise NotFoundError(
                f"there is no group {name!r}", kind="unknown-group", hint=f"tensors: {', '.join(names)}"
            )
        return [member for member in names if member.startswith(name + "/")]

    def _set_groups(self, groups: Sequence[str]) -> None:
        self._ws.set_info("", {**self._stored_info(""), GROUPS_KEY: list(groups)})


def _plain_name(name: str) -> str:
    """The name of a tensor or group without slashes around it. Raises SchemaError, kind "bad-name"."""
    plain = name.strip("/") if is_text(name) else name
    check_tensor_name(plain)
    return plain


def _taken(name: str, hint: str = "pass exist_ok=True, or choose another name") -> AlreadyExistsError:
    return AlreadyExistsError(f"there is a tensor {name!r} already", kind="tensor-exists", hint=hint)


def _moved(group: str, name: str, new_name: str) -> str:
    return new_name + group[len(name) :] if group == name or group.startswith(name + "/") else group
