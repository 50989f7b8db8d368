"""Types of bound expressions: what an element of a value is, how many axes a cell has, and whether cells are listed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Base(Enum):
    """What one element of a value is."""

    BOOL = "bool"
    INT = "integer"
    FLOAT = "float"
    TEXT = "text"
    JSON = "json"
    IMAGE = "image"
    NULL = "null"


NUMERIC = frozenset({Base.BOOL, Base.INT, Base.FLOAT})

Dims = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Type:
    """The type of an expression: what an element is, and how many axes a cell has."""

    base: Base
    dims: Dims | None = ()
    """() for one value, (None, 4) for boxes; None where the number of axes is not known yet."""
    dtype: str = ""
    """NumPy dtype name where it is narrower than int64 or float64: "float32", "uint32", ..."""
    classes: tuple[str, ...] | None = None
    """Class names, where integers are class labels."""
    boxes: str = ""
    """LTRB, LTWH or CCWH: what four numbers in line are, where they are boxes of a column that says so."""
    nested: bool = False
    """A sequence of arrays: a list of cells, whose lengths may differ."""
    cell: Type | None = None
    """The type of one cell of a sequence, as long as its cells can be told apart; arithmetic joins them."""

    @property
    def is_array(self) -> bool:
        return self.dims != () or self.nested

    @property
    def is_number(self) -> bool:
        return self.base in NUMERIC

    @property
    def needs_shape(self) -> bool:
        """Whether the flat list of a cell's elements does not tell its shape."""
        return self.is_array and not self.nested and (self.dims is None or len(self.dims) > 1)

    @property
    def block(self) -> tuple[int, ...] | None:
        """The axes after the first, if known (and not 0), so that a flat list tells its shape: () of a vector."""
        if not self.dims:
            return None
        known = tuple(size for size in self.dims[1:] if size)
        return known if len(known) == len(self.dims) - 1 else None

    @property
    def lists_shapes(self) -> bool:
        """Whether the shapes of a sequence's cells are listed beside them."""
        return self.cell is not None and (self.cell.block is None or self.cell.base is Base.IMAGE)

    def element(self) -> Type:
        """The type of one element."""
        return replace(self, dims=(), nested=False, cell=None)

    def __str__(self) -> str:
        name = "class label" if self.classes is not None else self.base.value
        if not self.is_array:
            return name
        if self.cell is not None:
            return f"sequence of {self.cell}"
        if self.dims is None or self.nested:
            return f"array of {name}"
        axes = ", ".join("n" if size is None else str(size) for size in self.dims)
        return f"{name} array ({axes}{',' if len(self.dims) == 1 else ''})"


BOOL = Type(Base.BOOL)
INT = Type(Base.INT)
FLOAT = Type(Base.FLOAT)
TEXT = Type(Base.TEXT)
JSON = Type(Base.JSON)
NULL = Type(Base.NULL)


def sequence_of(cell: Type) -> Type:
    """The type of a list of cells; single values make a plain vector."""
    if cell.base is not Base.IMAGE and cell.dims == ():
        return replace(cell, dims=(None,))
    return replace(cell, dims=None, nested=True, cell=cell)
