"""The cells of a page, brought here from where they are: the part of the materialiser that waits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from ..errors import LakebedError
from ..storage.htypes import htype_of
from ..storage.links.shared_pool import SharedPool
from ..storage.schema import TensorSpec
from ..storage.source import Failures
from .recipe import Ints, Recipe

Cells = dict[str, pa.Array]

_ALONE = 8
"""Rows that are read side by side where the whole page could not be."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell that cannot be read."""

    position: int
    """In the page."""
    tensor: str
    error: LakebedError


@dataclass(frozen=True, slots=True)
class Fetched:
    """Cells of some source rows; those that cannot be read are null and listed."""

    rows: Ints
    cells: dict[str, Cells]
    problems: list[Problem]


def fetch_rows(recipe: Recipe, rows: Ints) -> Fetched:
    """Read the cells of source rows, linked files included.

    Raises:
        LakebedError: a row cannot be read and the recipe is strict; the error's place names row and URL.
    """
    fetched = Fetched(rows, {}, [])
    for spec in recipe.schema:
        failed: Failures = {}
        try:
            fetched.cells[spec.name] = recipe.source.cells(spec.name, rows, failed)
        except LakebedError:
            fetched.cells[spec.name] = _row_by_row(recipe, spec, fetched)
            continue
        for position, error in failed.items():
            if recipe.strict:
                raise recipe.located(error, int(rows[position]), spec.name) from error
            fetched.problems.append(Problem(position, spec.name, error))
    return fetched


def _row_by_row(recipe: Recipe, spec: TensorSpec, fetched: Fetched) -> Cells:
    """The cells of a tensor of which not all can be read."""
    singles = [fetched.rows[i : i + 1] for i in range(len(fetched.rows))]
    parts: list[Cells] = []
    for position, cells in enumerate(SharedPool(_ALONE, "lakebed-alone").map(partial(_alone, recipe, spec), singles)):
        if isinstance(cells, LakebedError):
            fetched.problems.append(Problem(position, spec.name, cells))
            cells = {suffix: pa.nulls(1, kind) for suffix, kind in htype_of(spec).fields(spec).items()}
        parts.append(cells)
    return {suffix: pa.concat_arrays([part[suffix] for part in parts]) for suffix in parts[0]}


def _alone(recipe: Recipe, spec: TensorSpec, row: Ints) -> Cells | LakebedError:
    """The cells of one row, or what is wrong with it; raised if the recipe is strict."""
    try:
        return recipe.source.cells(spec.name, row)
    except LakebedError as error:
        if recipe.strict:
            raise recipe.located(error, int(row[0]), spec.name) from error
        return error
