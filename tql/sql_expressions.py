"""Expressions in DuckDB SQL.

A scalar is one SQL value; an array is a flat list in C order with its shape beside it. Element-wise operators over
arrays are fused into one lambda over the elements, so that no list is built between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .bound import (
    ELEMENTWISE,
    NUMERIC,
    Base,
    CellAt,
    CellOf,
    Cells,
    Choose,
    Compare,
    Const,
    ExistsRelation,
    Expr,
    InRelation,
    JsonPick,
    ListCall,
    Logic,
    Map,
    Member,
    Pick,
    Random,
    Reduce,
    ReduceAxis,
    Ref,
    Relevance,
    RowId,
    RowNumber,
    ShapeOf,
    Together,
    Type,
    UserCall,
)
from .errors import TQLLimitError, TQLUnsupportedError
from .schema import SMALL_FLOATS, ColumnInfo
from .sql import SQL_TYPES, Step, Writer
from .sql_compare import POINTED, json_compare, json_path, nan_guard
from .sql_operands import array_operands, maybe_null
from .sql_reductions import QUANTIFIERS, known_member, quantified, reduced_along, shape_along
from .sql_rows import write_call, write_exists, write_in_relation, write_random, write_relevance
from .sql_sequences import cell_items, cell_lists, cell_shape, sequence_shape, shape_of_flat
from .sql_subscripts import item_shape, pick_list, pick_one, pick_shape

MAX_SQL = 1_000_000
"""Characters of SQL beyond which an expression is refused."""
LONG = 200
"""Characters from which on an operand is named once instead of repeated."""
MISMATCH = "lakebed-shape-mismatch "
"""Starts the message of the SQL error that says two shapes differ; the engine makes a TQLTypeError of it."""

Leaves = Mapping[int, str]
"""SQL of one element for each array operand, by id of the operand."""


@dataclass(slots=True)
class ExpressionWriter:
    """Writes expressions over the rows of one step."""

    writer: Writer
    step: Step
    leaves: dict[int, str] = field(default_factory=dict)
    lists: dict[int, str] = field(default_factory=dict)
    """What was written of arrays so far: they are asked for more than once."""
    shapes: dict[int, str] = field(default_factory=dict)
    """Shapes that are known without asking the array, by its id."""

    def fresh(self) -> ExpressionWriter:
        """A writer over the same rows that has written nothing yet."""
        return ExpressionWriter(self.writer, self.step)

    # --- one value per row -------------------------------------------------------------------------------------------

    def value(self, expr: Expr) -> str:
        """`expr` as a result: a scalar, or a list (of lists, where it is a sequence)."""
        if expr.type.nested and isinstance(expr, Ref):
            return self.column(expr)
        if expr.type.nested and isinstance(expr, Cells):
            return cell_lists(self, expr)
        return self.items(expr) if expr.type.is_array else self.scalar(expr)

    def scalar(self, expr: Expr) -> str:
        """One SQL value: of the row, or of the element at hand."""
        if id(expr) in self.leaves:
            return self.leaves[id(expr)]
        return short_enough(self.write_scalar(expr), expr)

    def write_scalar(self, expr: Expr) -> str:
        match expr:
            case Const():
                return self.const(expr)
            case Ref():
                return self.column(expr)
            case Map():
                return self.map(expr)
            case Compare():
                return self.compare(expr)
            case Logic(op="NOT"):
                return f"(NOT {self.scalar(expr.args[0])})"
            case Logic():
                return "(" + f" {expr.op} ".join(self.scalar(arg) for arg in expr.args) + ")"
            case Member():
                return self.member(expr)
            case Choose():
                return self.choose(expr)
            case _:
                return SCALARS[type(expr)](self, expr)

    def map(self, expr: Map) -> str:
        """An operator or function; a long operand that its template repeats is named once instead."""
        args = [self.operand(arg, expr.type) for arg in expr.args]
        repeated = [i for i, arg in enumerate(args) if len(arg) > LONG and expr.sql.count(f"{{{i}}}") > 1]
        if not repeated:
            return expr.sql.format(*args)
        name = self.writer.name("e")
        values = ", ".join(f"a{i} := {args[i]}" for i in repeated)
        for i in repeated:
            args[i] = f"{name}.a{i}"
        return f"(list_transform([struct_pack({values})], lambda {name}: {expr.sql.format(*args)}))[1]"

    def row_id(self, expr: RowId) -> str:
        if self.step.row_id is None:
            raise TQLUnsupportedError("ROW_ID() needs rows of one dataset, not groups or joins", span=expr.span)
        return self.step.row_id

    def cell_value(self, expr: CellAt) -> str:
        cell = self.writer.runtime.cell(*cell_key(expr))
        return "NULL" if cell is None else self.writer.param(cell.value, SQL_TYPES[expr.type.base])

    def const(self, expr: Const, small: bool = False) -> str:
        if expr.value is None:
            return "NULL"
        if isinstance(expr.value, bool):
            return "TRUE" if expr.value else "FALSE"
        if isinstance(expr.value, tuple):
            return self.known_list(expr)
        return self.writer.param(expr.value, "FLOAT" if small else SQL_TYPES[expr.type.base])

    def known_list(self, expr: Const) -> str:
        item = "FLOAT" if expr.type.dtype in SMALL_FLOATS else SQL_TYPES[expr.type.base]
        return self.writer.param(list(expr.value if isinstance(expr.value, tuple) else ()), f"{item}[]")

    def column(self, expr: Ref) -> str:
        suffix = "" if expr.part == "value" else f"_{expr.part}"
        name = f"c{expr.field.number}{suffix}"
        if expr.type.base is Base.JSON:
            return f"CAST({name} AS JSON{'[]' if expr.type.is_array else ''})"
        return name

    def row_number(self) -> str:
        if self.step.dense is not None:
            return self.step.dense
        return f"(row_number() OVER (ORDER BY {', '.join(self.step.order) or '1'}) - 1)"

    def operand(self, expr: Expr, result: Type) -> str:
        """An argument of arithmetic, in 64 bits."""
        sql = self.scalar(expr)
        if expr.type.base not in NUMERIC:
            return sql
        if result.base is Base.FLOAT and (expr.type.base is not Base.FLOAT or expr.type.dtype in SMALL_FLOATS):
            return f"CAST({sql} AS DOUBLE)"
        narrow = expr.type.base is Base.INT and expr.type.dtype not in ("", "int64")
        if result.base is Base.INT and (expr.type.base is Base.BOOL or narrow):
            return f"CAST({sql} AS BIGINT)"
        return sql

    # --- comparing ---------------------------------------------------------------------------------------------------

    def compare(self, expr: Compare) -> str:
        left, right = expr.left, expr.right
        if Base.JSON in (left.type.base, right.type.base):
            return json_compare(self, expr)
        a, b = self.side(left, right), self.side(right, left)
        op = "<>" if expr.op == "!=" else expr.op
        base = f"{a} {op} {b}"
        guard = nan_guard(expr.op, left, right, a, b)
        return f"({base}{guard})"

    def side(self, expr: Expr, other: Expr) -> str:
        """One side of a comparison; a known number next to 32-bit floats is one of them, as in NumPy."""
        if (
            isinstance(expr, Const)
            and not expr.type.is_array
            and expr.type.is_number
            and other.type.dtype in SMALL_FLOATS
        ):
            return self.const(expr, small=True)
        sql = self.scalar(expr)
        if expr.type.base is Base.BOOL and other.type.base in (Base.INT, Base.FLOAT):
            return f"CAST({sql} AS BIGINT)"
        return sql

    def member(self, expr: Member) -> str:
        value = self.scalar(expr.value)
        if not expr.options:
            return f"({value} IS NULL AND NULL)"
        base, small = expr.value.type.base, expr.value.type.dtype in SMALL_FLOATS
        floats = any(isinstance(option, float) for option in expr.options)
        type_ = "FLOAT" if small else "DOUBLE" if floats else "VARCHAR" if base is Base.TEXT else "BIGINT"
        if base is Base.BOOL:
            value = f"CAST({value} AS BIGINT)"
        known = [int(o) if type_ == "BIGINT" else o for o in expr.options]
        if len(known) <= 32:
            return f"({value} IN ({', '.join(self.writer.param(o, type_) for o in known)}))"
        return f"list_contains({self.writer.param(known, type_ + '[]')}, {value})"

    def choose(self, expr: Choose) -> str:
        type_ = SQL_TYPES.get(expr.type.base, "VARCHAR")
        whens = [f"WHEN {self.scalar(test)} THEN CAST({self.scalar(result)} AS {type_})" for test, result in expr.whens]
        return f"(CASE {' '.join(whens)} ELSE CAST({self.scalar(expr.otherwise)} AS {type_}) END)"

    # --- JSON --------------------------------------------------------------------------------------------------------

    def json_pick(self, expr: JsonPick) -> str:
        """Keys that are known are one path: each function call parses the JSON anew."""
        path, inner = "", expr.value
        if isinstance(expr.key, Const) and isinstance(expr.key.value, str):
            path = json_path(expr.key.value)
            while isinstance(inner, JsonPick) and path.startswith("$") and (key := path_key(inner.key)):
                path, inner = json_path(key) + path[1:], inner.value
        elif expr.key.type.base is Base.TEXT:
            raise TQLUnsupportedError("a JSON key is a known text", kind="dynamic-key", span=expr.key.span)
        # A stored column needs no cast: it was checked when it was written, and the function takes text.
        stored = isinstance(inner, Ref) and inner.type.base is Base.JSON and not inner.type.is_array
        value = f"c{inner.field.number}" if isinstance(inner, Ref) and stored and inner.part == "value" else None
        key = self.writer.param(path, "VARCHAR") if path else self.scalar(expr.key)
        return f"json_extract({value or self.scalar(inner)}, {key})"

    # --- lists -------------------------------------------------------------------------------------------------------

    def items(self, expr: Expr) -> str:
        """The elements of an array as one flat list; never NULL."""
        if id(expr) not in self.lists:
            self.lists[id(expr)] = short_enough(self.write_items(expr), expr)
        return self.lists[id(expr)]

    def write_items(self, expr: Expr) -> str:
        if isinstance(expr, ELEMENTWISE):
            return self.elementwise(expr)
        return LISTS[type(expr)](self, expr)

    def cell_list(self, expr: CellAt) -> str:
        cell = self.writer.runtime.cell(*cell_key(expr))
        return self.writer.param([] if cell is None else cell.value, SQL_TYPES[expr.type.base] + "[]")

    def shape_list(self, expr: ShapeOf) -> str:
        return sequence_shape(self, expr.value) if expr.value.type.nested else self.shape(expr.value)

    def sequence_items(self, expr: Cells) -> str:
        cells = cell_lists(self, expr)
        return f"flatten({cells})" if expr.type.nested else cells

    def stored_list(self, expr: Ref) -> str:
        name = self.column(expr)
        if expr.type.nested:
            return f"flatten({name})"
        return f"COALESCE(flatten({name}), [])" if item_shape(expr) else f"COALESCE({name}, [])"

    def elementwise(self, expr: Expr) -> str:
        """One lambda over the elements of every array in `expr`."""
        operands = array_operands(expr)
        lists = [self.items(operand) for operand in operands]
        if len(lists) == 1:
            element = self.writer.name("e")
            body = ExpressionWriter(self.writer, self.step, {id(operands[0]): element}).scalar(expr)
            return f"list_transform({lists[0]}, lambda {element}: {body})"
        return self.zipped(expr, operands, lists)

    def zipped(self, expr: Expr, operands: list[Expr], lists: list[str]) -> str:
        element = self.writer.name("e")
        leaves = {id(operand): f"{element}[{i + 1}]" for i, operand in enumerate(operands)}
        body = ExpressionWriter(self.writer, self.step, leaves).scalar(expr)
        sql = f"list_transform(list_zip({', '.join(lists)}), lambda {element}: {body})"
        return self.checked(operands, lists, sql, "[]")

    def checked(self, operands: list[Expr], lists: list[str], sql: str, missing: str) -> str:
        """`sql` where the shapes are equal, `missing` where an array has no elements, else an error."""
        empty = " OR ".join(f"len({items}) = 0" for items in lists)
        equal = self.equal_shapes(operands, lists)
        return f"(CASE WHEN {empty} THEN {missing} WHEN {equal} THEN {sql} ELSE {self.mismatch(operands)} END)"

    def equal_shapes(self, operands: list[Expr], lists: list[str]) -> str:
        flat = all(operand.type.dims is not None and len(operand.type.dims) == 1 for operand in operands)
        shapes = [f"len({sql})" for sql in lists] if flat else [self.shape(operand) for operand in operands]
        return " AND ".join(f"{shapes[0]} = {other}" for other in shapes[1:])

    def mismatch(self, operands: list[Expr]) -> str:
        shapes = " || ' and ' || ".join(f"CAST({self.shape(operand)} AS VARCHAR)" for operand in operands)
        span = operands[0].span
        return f"error({self.writer.param(f'{MISMATCH}{span.start} {operands[-1].span.end} ', 'VARCHAR')} || {shapes})"

    # --- shapes ------------------------------------------------------------------------------------------------------

    def shape(self, expr: Expr) -> str:
        """The shape of an array as a list of BIGINT."""
        if id(expr) in self.shapes:
            return self.shapes[id(expr)]
        if expr.type.nested or (expr.type.dims is not None and len(expr.type.dims) == 1):
            return f"[CAST(len({self.items(expr)}) AS BIGINT)]"
        if isinstance(expr, ELEMENTWISE):
            return self.common_shape(array_operands(expr))
        return SHAPES[type(expr)](self, expr)

    def stored_shape(self, expr: Ref) -> str:
        item, dims = item_shape(expr), expr.type.dims
        if item:
            sizes = ", ".join(map(str, item))
            return f"[CAST(COALESCE(len(c{expr.field.number}), 0) AS BIGINT), {sizes}]"
        empty = self.writer.param([0] * (1 if dims is None else len(dims)), "BIGINT[]")
        return f"COALESCE(CAST(c{expr.field.number}_shape AS BIGINT[]), {empty})"

    def known_shape(self, expr: Const) -> str:
        return self.writer.param(list(expr.type.dims or ()), "BIGINT[]")

    def shape_of_cell(self, expr: CellAt) -> str:
        cell = self.writer.runtime.cell(*cell_key(expr))
        empty = [0] * len(expr.type.dims or (0,))
        return self.writer.param(empty if cell is None else list(cell.shape), "BIGINT[]")

    def common_shape(self, operands: list[Expr]) -> str:
        """The shape of an element-wise result: that of an empty operand, if one is, else that of all."""
        first, *others = [self.shape(operand) for operand in operands]
        empty = [f"WHEN list_product({shape}) = 0 THEN {shape}" for shape in others]
        return f"(CASE {' '.join(empty)} ELSE {first} END)" if empty else first

    # --- reductions --------------------------------------------------------------------------------------------------

    def reduce(self, expr: Reduce) -> str:
        if expr.name not in QUANTIFIERS:
            return f"({expr.sql.format(self.wide_items(expr.value))})"
        if not expr.value.type.is_array:
            return self.scalar(expr.value)
        return known_member(self, expr) or quantified(expr.name, self.items(expr.value), maybe_null(expr.value))

    def wide_items(self, expr: Expr) -> str:
        """The elements as BIGINT or DOUBLE."""
        items = self.items(expr) if expr.type.is_array else f"[{self.scalar(expr)}]"
        if expr.type.base in NUMERIC and (expr.type.base is Base.BOOL or expr.type.dtype):
            target = "DOUBLE" if expr.type.base is Base.FLOAT else "BIGINT"
            return f"CAST({items} AS {target}[])"
        return items

    def list_call(self, expr: ListCall) -> str:
        lists = [self.wide_items(arg) if arg.type.is_array else self.scalar(arg) for arg in expr.args]
        sql = f"({expr.sql.format(*lists)})"
        if not expr.same_shape:
            return sql
        arrays = [arg for arg in expr.args if arg.type.is_array]
        if len(arrays) < 2:
            return sql
        return self.checked(arrays, [self.items(arg) for arg in arrays], sql, "NULL")


def path_key(key: Expr) -> str:
    """A known JSON key that fits into a path with others, else ""."""
    return key.value if isinstance(key, Const) and isinstance(key.value, str) and key.value not in POINTED else ""


def short_enough(sql: str, expr: Expr) -> str:
    """`sql`, unless it has grown without bound.

    Raises:
        TQLLimitError: arrays and comparisons repeat their operands; nested many times that is too much.
    """
    if len(sql) > MAX_SQL:
        raise TQLLimitError(
            f"the expression needs over {MAX_SQL} characters of SQL",
            span=expr.span,
            hint="compute parts of it in a sub-query: select ... from (select *, part as x)",
        )
    return sql


SCALARS: dict[type, Callable[[ExpressionWriter, Any], str]] = {
    Reduce: ExpressionWriter.reduce,
    ListCall: ExpressionWriter.list_call,
    Pick: pick_one,
    JsonPick: ExpressionWriter.json_pick,
    RowNumber: lambda writer, expr: writer.row_number(),
    RowId: ExpressionWriter.row_id,
    Random: write_random,
    UserCall: write_call,
    CellAt: ExpressionWriter.cell_value,
    Relevance: write_relevance,
    InRelation: write_in_relation,
    ExistsRelation: write_exists,
}
"""How each expression that is one value, and no element-wise operator, is written."""


def cell_key(expr: CellAt) -> tuple[int, ColumnInfo, int]:
    origin = expr.field.origin
    assert origin is not None, "the binder lets only stored columns through"
    return origin.dataset, origin.column, expr.row


LISTS: dict[type, Callable[[ExpressionWriter, Any], str]] = {
    Const: ExpressionWriter.known_list,
    Ref: ExpressionWriter.stored_list,
    Pick: pick_list,
    CellOf: cell_items,
    Cells: ExpressionWriter.sequence_items,
    Together: lambda writer, expr: writer.items(expr.value),
    ShapeOf: ExpressionWriter.shape_list,
    ListCall: ExpressionWriter.list_call,
    CellAt: ExpressionWriter.cell_list,
    ReduceAxis: reduced_along,
    UserCall: lambda writer, expr: f"COALESCE({write_call(writer, expr)}, [])",
}
"""How the elements of each kind of array are written, where it is no element-wise operator."""

SHAPES: dict[type, Callable[[ExpressionWriter, Any], str]] = {
    Const: ExpressionWriter.known_shape,
    Ref: ExpressionWriter.stored_shape,
    Pick: pick_shape,
    CellOf: cell_shape,
    Together: lambda writer, expr: shape_of_flat(expr.type, writer.items(expr)),
    CellAt: ExpressionWriter.shape_of_cell,
    ReduceAxis: shape_along,
}
"""How the shape of each is written, where it has more axes than one."""
