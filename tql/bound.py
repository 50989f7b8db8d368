"""The bound tree: expressions and queries whose names, types and class labels are resolved against one schema.

Nothing here is text any more: a column is a `Field` with a number of its own, a class name is its code, a parameter is
its value. `lakebed.tql.bind` makes these nodes, `lakebed.tql.plan` and `lakebed.tql.sql` read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from .schema import ColumnInfo
from .source import NOWHERE, Span
from .types import BOOL as BOOL
from .types import FLOAT as FLOAT
from .types import INT as INT
from .types import JSON as JSON
from .types import NULL as NULL
from .types import NUMERIC as NUMERIC
from .types import TEXT as TEXT
from .types import Base as Base
from .types import Dims as Dims
from .types import Type as Type

# --- expressions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """The stored column that a field shows unchanged: dataset number in the query, and the column."""

    dataset: int
    column: ColumnInfo


@dataclass(frozen=True, slots=True)
class Field:
    """One column of one relation in the query; `number` is unique in the query and names it in the SQL."""

    number: int
    name: str
    type: Type
    origin: Origin | None = None
    grouped: bool = False
    """The list of a group's cells (of `origin`, where it has one) instead of one cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    type: Type
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Const(Bound):
    """One known value; arrays are flat tuples in C order with their shape in ``type.dims``."""

    value: int | float | str | bool | tuple[int | float | str | bool, ...] | None


Part = str
"""Which of a column's SQL columns: "value", "shape", "info", "url", or a statistic of its pixels, "pixel_mean"."""

PIXELS = "pixel_"


def is_pixel_part(part: Part) -> bool:
    return part.startswith(PIXELS)


@dataclass(frozen=True, slots=True)
class Ref(Bound):
    """A column of the rows at hand, or one of the columns beside it."""

    field: Field
    part: Part = "value"


@dataclass(frozen=True, slots=True)
class Map(Bound):
    """An operator or function that works element by element; scalars are repeated along arrays.

    `sql` is a template over the elements: ``"({0} + {1})"``.
    """

    name: str
    args: tuple[Expr, ...]
    sql: str
    nullable: bool = False
    """The result may be NULL although no argument is (integer division by zero)."""


@dataclass(frozen=True, slots=True)
class Compare(Bound):
    """``= != < <= > >=``, element by element, NaN as in NumPy."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Logic(Bound):
    """AND, OR (any number of args) and NOT (one), element by element, three-valued."""

    op: OneOf["AND", "OR", "NOT"]
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Member(Bound):
    """``value IN (constants)``, element by element."""

    value: Expr
    options: tuple[int | float | str | bool, ...]


@dataclass(frozen=True, slots=True)
class Choose(Bound):
    """CASE: (condition, result) pairs and the other result, element by element."""

    whens: tuple[tuple[Expr, Expr], ...]
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Reduce(Bound):
    """Every element of a cell to one value: ANY, ALL, ALL_STRICT, or a `sql` template over the flat list."""

    name: str
    value: Expr
    sql: str = ""


@dataclass(frozen=True, slots=True)
class ReduceAxis(Bound):
    """A reduction along one axis of a cell: ANY, ALL, ALL_STRICT, or a `sql` template over the elements in line."""

    name: str
    value: Expr
    axis: int
    sql: str = ""


@dataclass(frozen=True, slots=True)
class ListCall(Bound):
    """A function of whole cells: `sql` is a template over flat lists (arrays) and values (scalars).

    With `same_shape` the arrays must have equal shapes, which is checked row by row.
    """

    name: str
    args: tuple[Expr, ...]
    sql: str
    same_shape: bool = False


@dataclass(frozen=True, slots=True)
class ShapeOf(Bound):
    """The shape of a computed array, as an integer vector."""

    value: Expr


@dataclass(frozen=True, slots=True)
class At:
    """One subscript that picks an element; negative counts from the end."""

    index: Expr


@dataclass(frozen=True, slots=True)
class Range:
    """One subscript ``start:stop:step`` of known integers."""

    start: int | None
    stop: int | None
    step: int


@dataclass(frozen=True, slots=True)
class Pick(Bound):
    """NumPy basic indexing of an array; axes after the last item are kept whole."""

    value: Expr
    items: tuple[At | Range, ...]


@dataclass(frozen=True, slots=True)
class CellOf(Bound):
    """One cell of a sequence, an empty one where there is none; negative positions count from the end."""

    value: Expr
    at: At


@dataclass(frozen=True, slots=True)
class Cells(Bound):
    """A slice of a sequence, and `items` picked in each of its cells."""

    value: Expr
    rows: Range
    items: tuple[At | Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Together(Bound):
    """The cells of a sequence one after the other, as one array."""

    value: Expr


@dataclass(frozen=True, slots=True)
class JsonPick(Bound):
    """A key or an element of a JSON value; NULL where it is not there."""

    value: Expr
    key: Expr


@dataclass(frozen=True, slots=True)
class CellAt(Bound):
    """The value of a column at one row of its dataset, the same for every row: ``DATA(col, i)``."""

    field: Field
    row: int


@dataclass(frozen=True, slots=True)
class RowNumber(Bound):
    """Position of the row in the relation that it is taken from."""


@dataclass(frozen=True, slots=True)
class RowId(Bound):
    """Permanent id of the row."""


@dataclass(frozen=True, slots=True)
class Random(Bound):
    """A number from 0 up to 2**31, another one for each row."""

    number: int
    """Tells one use from another."""


@dataclass(frozen=True, slots=True)
class UserCall(Bound):
    """A function registered from Python, run over whole columns by the engine; `field` receives its result."""

    name: str
    args: tuple[Expr, ...]
    field: Field


@dataclass(frozen=True, slots=True)
class Relevance(Bound):
    """How well a text column's cell answers the words of a search (BM25 over the whole column)."""

    value: Ref
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InRelation(Bound):
    """``value IN (SELECT one_column ...)``."""

    value: Expr
    query: BoundQuery


@dataclass(frozen=True, slots=True)
class ExistsRelation(Bound):
    query: BoundQuery


Expr = (
    Const | Ref | Map | Compare | Logic | Member | Choose | Reduce | ReduceAxis | ListCall | ShapeOf | Pick | CellOf
    | Cells | Together | JsonPick | CellAt | RowNumber | RowId | Random | UserCall | Relevance | InRelation
    | ExistsRelation
)  # fmt: skip

ELEMENTWISE = (Map, Compare, Logic, Member, Choose)

# --- queries ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoundDataset:
    """All rows of dataset `number` (0 is the one that was asked), with the fields made for this use of it."""

    number: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class BoundSubquery:
    query: BoundQuery

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.query.fields


@dataclass(frozen=True, slots=True)
class BoundJoin:
    kind: OneOf["INNER", "LEFT", "RIGHT", "FULL", "CROSS"]
    left: BoundSource
    right: BoundSource
    on: Expr | None
    fields: tuple[Field, ...]


BoundSource = BoundDataset | BoundSubquery | BoundJoin


@dataclass(frozen=True, slots=True)
class Output:
    """A result column: a field and what it holds (a plain `Ref` where it is a column as it stands)."""

    field: Field
    value: Expr

    @property
    def is_plain(self) -> bool:
        return isinstance(self.value, Ref) and self.value.field.number == self.field.number


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with equal keys become one; `members` are (grouped field, the expression whose cells it gathers)."""

    keys: tuple[tuple[Field, Expr], ...]
    members: tuple[tuple[Field, Expr], ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """UNGROUP: sequences split into rows (size None) or into pieces of `size` (repeating `sizes` where several)."""

    sizes: tuple[int, ...] = ()
    inner: tuple[Output, ...] = ()
    """The columns before they are split."""
    columns: tuple[tuple[Field, Field], ...] = ()
    """(sequence field, field of its pieces)."""
    counter: Field | None = None
    """Position in the sequence (``frame_number``), where every column was asked for."""


@dataclass(frozen=True, slots=True)
class Window:
    """EXPAND BY: rows before and after each hit."""

    before: int
    after: int
    overlap: bool
    counter: Field | None = None


@dataclass(frozen=True, slots=True)
class BoundSelect:
    source: BoundSource
    outputs: tuple[Output, ...]
    where: Expr | None = None
    window: Window | None = None
    group: Group | None = None
    having: Expr | None = None
    distinct: tuple[Expr, ...] | None = None
    """None: not asked; otherwise the expressions whose first rows are kept."""
    spread: Spread | None = None
    counts: bool = False
    """``COUNT(*)`` without GROUP BY: one row."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(output.field for output in self.outputs)


@dataclass(frozen=True, slots=True)
class BoundSetOperation:
    op: OneOf["UNION", "INTERSECT", "EXCEPT"]
    all: bool
    branches: tuple[BoundQuery, ...]
    """Two for INTERSECT and EXCEPT; two or more for UNION."""
    fields: tuple[Field, ...]
    by_row: bool
    """Compare rows by their place in the dataset; otherwise (several datasets) UNION puts one after the other."""
    stored: tuple[Field, ...] = ()
    """Columns of the dataset that ORDER BY may name; where branches only pick rows, `fields` are among them."""


@dataclass(frozen=True, slots=True)
class SortKey:
    value: Expr
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """LIMIT and OFFSET; `percent` of the rows instead of `count` where it is set."""

    count: int | None = None
    percent: float | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Draw:
    """SAMPLE BY."""

    weight: Expr
    replace: bool
    count: int | None
    percent: float | None


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """One query: its body, then order, sample, and cut in the order of the text."""

    body: BoundSelect | BoundSetOperation | BoundQuery
    order: tuple[SortKey, ...] = ()
    cut: Cut | None = None
    draw: Draw | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.body.fields
