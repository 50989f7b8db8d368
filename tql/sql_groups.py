"""DISTINCT, GROUP BY and UNGROUP BY in SQL: a group is the list of its row positions, with lists of cells."""

from __future__ import annotations

from dataclasses import replace

from .bound import Const, Expr, Field, Ref
from .relations import Distinct, GroupBy, SpreadOut
from .sql import Step, Writer, order_by, place_in_order
from .sql_expressions import ExpressionWriter
from .sql_relations import column_name, expression, reread, stored_parts
from .sql_sequences import shape_of_flat


def write_distinct(node: Distinct, writer: Writer) -> Step:
    """The first row, in the order so far, of those with equal keys."""
    source = writer.write(node.source, writer)
    keys = [sql for key in node.keys for sql in key_columns(key, writer, source)]
    rank = f"row_number() OVER (PARTITION BY {', '.join(keys)}{order_by(source.order)})"
    name = writer.step(f"SELECT * FROM {source.name} QUALIFY {rank} = 1")
    return replace(source, name=name, in_order=False, dense=None)


def key_columns(key: Expr, writer: Writer, source: Step) -> list[str]:
    """A value that two rows share if and only if their cells are equal: elements and, where needed, shape."""
    expressions = ExpressionWriter(writer, source)
    shape = [expressions.shape(key)] if key.type.needs_shape else []
    return [expressions.value(key), *shape]


def write_group(node: GroupBy, writer: Writer) -> Step:
    """One row per key, in order of first appearance."""
    source = writer.write(node.source, writer)
    pos = writer.name("o")
    number = place_in_order(source)
    keys, shown = group_keys(node, writer, source, pos)
    numbered = writer.step(f"SELECT *, {number} AS {pos}, {', '.join(keys)} FROM {source.name}")
    here = replace(source, name=numbered, order=(pos,))
    columns = [*shown, *members(node, writer, here, pos)]
    groups = None
    if len(source.rows) == 1:
        groups = (writer.name("g"), source.rows[0][1])
        row = source.rows[0][0]
        ascending = len(source.order) == 1 and source.order[0] in writer.row_order
        ordered = f"list_sort(list({row}))" if ascending else f"list({row} ORDER BY {pos})"
        columns.append(f"{ordered} AS {groups[0]}")
    by = ", ".join(key.rsplit(" AS ", 1)[1] for key in keys)
    first = writer.name("o")
    name = writer.step(f"SELECT {', '.join([*columns, f'min({pos}) AS {first}'])} FROM {numbered} GROUP BY {by}")
    return Step(name, (first,), (), groups=groups)


def group_keys(node: GroupBy, writer: Writer, source: Step, pos: str) -> tuple[list[str], list[str]]:
    """Key columns to group by, and the columns that show them as fields; arrays show as the first row has them."""
    keys, shown = [], []
    for field, value in node.group.keys:
        parts = key_columns(value, writer, source)
        names = [writer.name("k") for _ in parts]
        keys += [f"{sql} AS {name}" for sql, name in zip(parts, names, strict=True)]
        if isinstance(value, Ref) and value.type.is_array and field.origin is not None:
            shown += [
                f"first({column_name(value.field, part)} ORDER BY {pos}) AS {column_name(field, part)}"
                for part in stored_parts(field)
                if part in ("value", "shape") and (value.field.number, part) in writer.used
            ]
            continue
        shown.append(f"{names[0]} AS {column_name(field)}")
        if len(names) > 1:
            shown.append(f"{names[1]} AS {column_name(field, 'shape')}")
    return keys, shown


def members(node: GroupBy, writer: Writer, source: Step, pos: str) -> list[str]:
    """Lists of the cells of the columns that the query reads."""
    columns = []
    for field, value in node.group.members:
        if (field.number, "value") not in writer.used or field.type.base.name == "IMAGE":
            continue
        if isinstance(value, Const):
            columns.append(f"count(*) AS {column_name(field)}")
        else:
            columns.append(f"list({expression(value, writer, source)} ORDER BY {pos}) AS {column_name(field)}")
        if field.type.lists_shapes and (field.number, "shape") in writer.used:
            shape = ExpressionWriter(writer, source).shape(value)
            columns.append(f"list({shape} ORDER BY {pos}) AS {column_name(field, 'shape')}")
    return columns


# --- UNGROUP BY ------------------------------------------------------------------------------------------------------


def write_spread(node: SpreadOut, writer: Writer) -> Step:
    """Sequences as rows again (SPLIT), or as shorter sequences."""
    source = writer.write(node.source, writer)
    grouped = [(whole, piece) for whole, piece in node.spread.columns if whole.grouped]
    size = f"len({source.groups[0] if source.groups else column_name(grouped[0][0])})"
    return split(node, writer, source, size) if not node.spread.sizes else pieces(node, writer, source, size)


def split(node: SpreadOut, writer: Writer, source: Step, size: str) -> Step:
    at, pos = writer.name("i"), writer.name("o")
    unnested = writer.step(f"SELECT *, unnest(range({size})) AS {at} FROM {source.name}")
    order = [*source.order, at]
    columns = [
        column
        for whole, piece in node.spread.columns
        for column in one_piece(whole, piece, f"[{at} + 1]", writer, source)
    ]
    if node.spread.counter is not None:
        columns.append(f"{at} AS {column_name(node.spread.counter)}")
    rows: tuple[tuple[str, int], ...] = ()
    if source.groups is not None:
        rows = ((writer.name("r"), source.groups[1]),)
        columns.append(f"{source.groups[0]}[{at} + 1] AS {rows[0][0]}")
    columns.append(f"row_number() OVER ({order_by(tuple(order)).strip()}) - 1 AS {pos}")
    name = writer.step(f"SELECT {', '.join(columns)} FROM {unnested}")
    step = Step(name, (pos,), rows, dense=pos)
    return reread(writer, step, rows[0], tuple(piece for _, piece in node.spread.columns)) if rows else step


def one_piece(whole: Field, piece: Field, at: str, writer: Writer, source: Step) -> list[str]:
    """The column of one field after splitting; stored cells are read again by their rows instead."""
    if (piece.number, "value") not in writer.used:
        return []
    if whole.grouped and piece.origin is not None and source.groups is not None and not piece.grouped:
        return []
    if (
        not whole.grouped
        and whole.origin is not None
        and source.groups is not None
        and not piece.grouped
        and at.endswith("+ 1]")
    ):
        return []
    value = f"{column_name(whole)}{at}" if whole.grouped else column_name(whole)
    shaped = piece.type.needs_shape or piece.type.lists_shapes
    shape = [f"{piece_shape(whole, at)} AS {column_name(piece, 'shape')}"] if shaped else []
    return [f"{value} AS {column_name(piece)}", *shape]


def piece_shape(whole: Field, at: str) -> str:
    """The shape of one cell of a computed sequence, or of a computed array that is repeated."""
    if not whole.grouped or whole.type.lists_shapes:
        return f"{column_name(whole, 'shape')}{at if whole.grouped else ''}"
    return shape_of_flat(whole.type.cell or whole.type, f"{column_name(whole)}{at}")


def pieces(node: SpreadOut, writer: Writer, source: Step, size: str) -> Step:
    """Sequences cut into pieces of the given sizes, which repeat."""
    sizes = list(node.spread.sizes)
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    lengths, offsets = writer.param(sizes, "BIGINT[]"), writer.param(starts, "BIGINT[]")
    count, total = len(sizes), sum(sizes)
    begin = f"(i // {count}) * {total} + ({offsets})[i % {count} + 1]"
    spans = (
        f"list_filter([struct_pack(low := {begin}, high := {begin} + ({lengths})[i % {count} + 1]) "
        f"FOR i IN range({size})], lambda s: s.low < {size})"
    )
    at, pos = writer.name("i"), writer.name("o")
    unnested = writer.step(f"SELECT *, unnest({spans}) AS {at} FROM {source.name}")
    bounds = f"[{at}.low + 1 : {at}.high]"
    columns = [
        column for whole, piece in node.spread.columns for column in one_piece(whole, piece, bounds, writer, source)
    ]
    groups = None
    if source.groups is not None:
        groups = (writer.name("g"), source.groups[1])
        columns.append(f"{source.groups[0]}{bounds} AS {groups[0]}")
    order = order_by((*source.order, f"{at}.low")).strip()
    columns.append(f"row_number() OVER ({order}) - 1 AS {pos}")
    name = writer.step(f"SELECT {', '.join(columns)} FROM {unnested}")
    return Step(name, (pos,), (), dense=pos, groups=groups)
