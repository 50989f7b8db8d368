"""What the binder knows of a dataset version: column names, kinds, class names, and where the data lies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SMALL_FLOATS = ("float32", "float16")
"""Element dtypes that a decimal number of a query is rounded to before it is compared, as NumPy does."""


class Kind(Enum):
    """How a column's cells behave in a query. The Arrow type of its value column is in brackets."""

    LABEL = "label"
    """class_label [list<uint32>]: class indices of one row."""
    BOX = "box"
    """bbox [list<fixed_size_list<float32, 4>>]: an (n, 4) array."""
    SCALAR = "scalar"
    """generic with 0-d samples [a number, bool]: one value a row, null where missing."""
    ARRAY = "array"
    """generic, embedding, keypoints, ... [list<number> in C order]; the shape column gives dimensions (list<int32>);
    without a shape column the cell is one-dimensional."""
    TEXT = "text"
    """text [string]."""
    JSON = "json"
    """json, list [string of JSON text]."""
    TAG = "tag"
    """tag [list<string>]."""
    IMAGE = "image"
    """image, mask, video, audio: pixels are not in the row; SHAPE, HEIGHT, WIDTH read the shape column."""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One tensor as the binder sees it; `value`, `shape`, `info`, `url` are physical column names, None if absent."""

    name: str
    kind: Kind
    value: str
    dtype: str = ""
    """NumPy dtype name of the elements: "uint32", "float32", "int64", "bool", ...; "str" for text."""
    ndim: int | None = None
    shape: str | None = None
    info: str | None = None
    url: str | None = None
    class_names: tuple[str, ...] = ()
    coords: tuple[str, str] = ("pixel", "LTWH")
    """Of a box: ("pixel" | "fractional", "LTRB" | "LTWH" | "CCWH")."""
    sequence: bool = False
    """Each cell is a list of such cells, and `value` and `shape` are lists of what they would be."""
    item: tuple[int, ...] = ()
    """Shape of one element where the value column is a list of fixed-size lists: (9,) for 3-d boxes."""

    @property
    def item_shape(self) -> tuple[int, ...]:
        """`item`, which is (4,) of a box without saying."""
        return (4,) if self.kind is Kind.BOX else self.item


@dataclass(frozen=True, slots=True)
class DatasetSchema:
    """The columns of one source of rows, in order."""

    columns: tuple[ColumnInfo, ...]
