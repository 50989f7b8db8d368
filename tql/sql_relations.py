"""Each kind of relation as one step of the statement: scans, filters, computed columns, order, limits, joins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .bound import PIXELS, Base, Expr, Field, Ref, SortKey, is_pixel_part
from .relations import Compute, CountRows, CutTo, Filter, JoinOn, Scan, Sort
from .sql import Step, Writer, order_by
from .sql_columns import PARTS
from .sql_expressions import ExpressionWriter
from .sql_sequences import cell_shapes


def expression(expr: Expr, writer: Writer, step: Step) -> str:
    return ExpressionWriter(writer, step).value(expr)


# --- rows of datasets ------------------------------------------------------------------------------------------------


def write_scan(scan: Scan, writer: Writer) -> Step:
    """A registered table: the columns that the query reads, the row position ``r`` and the order ``o``."""
    columns = [pair for field in scan.fields for pair in physical_columns(field, writer)]
    flat = flat_cells(scan.fields)
    with_id = (0, "row_id") in writer.used
    pixels = pixel_columns(scan, writer)
    name = writer.input(scan.dataset, tuple(columns), scan.rows, with_id, scan.counter is not None, pixels)
    row, pos = writer.name("r"), writer.name("o")
    shown = [f"{flat.get(column, column)} AS {column}" for column, _ in columns]
    shown += [f"{column} AS {column}" for column, _, _ in pixels]
    shown += [f"row_id AS {row}_id"] if with_id else []
    shown += [f"window_number AS {column_name(scan.counter)}"] if scan.counter is not None else []
    shown += places(scan, writer)
    order = "row" if scan.rows is None else "pos"
    if scan.rows is None:
        writer.row_order.add(pos)
    step = writer.step(f"SELECT {', '.join([*shown, f'row AS {row}', f'{order} AS {pos}'])} FROM {name}")
    row_id = f"{row}_id" if with_id else None
    return Step(step, (pos,), ((row, scan.dataset),), in_order=True, dense=pos, row_id=row_id)


def places(scan: Scan, writer: Writer) -> list[str]:
    """Pixels are no SQL values: where a result shows them, their place stands for them."""
    images = [f for f in scan.fields if f.type.base is Base.IMAGE and (f.number, "value") in writer.used]
    place = f"struct_pack(dataset := {scan.dataset}, row := row)"
    return [f"{place} AS {column_name(f)}" for f in images]


def pixel_columns(scan: Scan, writer: Writer) -> tuple[tuple[str, str, str], ...]:
    """(name in the SQL, tensor, statistic) of the numbers about pixels that the query reads."""
    numbers = {f.number: f for f in scan.fields if f.origin is not None}
    wanted = sorted((n, part) for n, part in writer.used if n in numbers and is_pixel_part(part))
    return tuple(
        (column_name(numbers[n], part), origin.column.name, part.removeprefix(PIXELS))
        for n, part in wanted
        if (origin := numbers[n].origin) is not None
    )


def physical_columns(field: Field, writer: Writer) -> list[tuple[str, str]]:
    """(name in the SQL, physical column) of the parts of a field that are read."""
    assert field.origin is not None, "scans read stored columns"
    column = field.origin.column
    parts = {"value": column.value, "shape": column.shape, "info": column.info, "url": column.url}
    if field.type.base is Base.IMAGE:
        del parts["value"]
    found = []
    for part, physical in parts.items():
        if physical is not None and (field.number, part) in writer.used:
            found.append((column_name(field, part), physical))
    return found


def flat_cells(fields: Iterable[Field], source: str = "") -> dict[str, str]:
    """SQL by column, of sequences whose cells are lists of fixed-size lists: their cells as flat lists."""
    names = [
        column_name(f)
        for f in fields
        if f.origin is not None and f.origin.column.sequence and f.origin.column.item_shape and not f.grouped
    ]
    return {name: f"[flatten(e) FOR e IN {source}{name}]" for name in names}


def column_name(field: Field, part: str = "value") -> str:
    return f"c{field.number}" if part == "value" else f"c{field.number}_{part}"


def reread(writer: Writer, source: Step, row: tuple[str, int], fields: tuple[Field, ...]) -> Step:
    """`source` with stored columns of the rows that its column of positions names."""
    stored = {f.number: f for f in fields if f.origin is not None and not f.grouped}
    columns = [pair for field in stored.values() for pair in physical_columns(field, writer)]
    if not columns:
        return source
    name = writer.input(row[1], tuple(columns))
    flat = flat_cells(stored.values(), f"{name}.")
    shown = ", ".join(f"{flat.get(column, f'{name}.{column}')} AS {column}" for column, _ in columns)
    step = writer.step(
        f"SELECT {source.name}.*, {shown} FROM {source.name} JOIN {name} ON {name}.row = {source.name}.{row[0]}"
    )
    return replace(source, name=step, in_order=False)


# --- row by row ------------------------------------------------------------------------------------------------------


def write_filter(node: Filter, writer: Writer) -> Step:
    source = writer.write(node.source, writer)
    condition = expression(node.condition, writer, source)
    return replace(source, name=writer.step(f"SELECT * FROM {source.name} WHERE {condition}"), dense=None)


def write_compute(node: Compute, writer: Writer) -> Step:
    source = writer.write(node.source, writer)
    columns = [column for field, value in node.items for column in computed(field, value, writer, source)]
    if not columns:
        return source
    return replace(source, name=writer.step(f"SELECT *, {', '.join(columns)} FROM {source.name}"))


def computed(field: Field, value: Expr, writer: Writer, source: Step) -> list[str]:
    """The SQL columns of one field; a column shown under another name keeps its parts."""
    if isinstance(value, Ref) and value.part == "value" and field.origin is not None:
        return [
            f"{column_name(value.field, part)} AS {column_name(field, part)}"
            for part in stored_parts(field)
            if (field.number, part) in writer.used
        ]
    expressions = ExpressionWriter(writer, source)
    columns = [f"{expressions.value(value)} AS {column_name(field)}"]
    if value.type.needs_shape and (field.number, "shape") in writer.used:
        columns.append(f"{expressions.shape(value)} AS {column_name(field, 'shape')}")
    if value.type.lists_shapes and (field.number, "shape") in writer.used:
        columns.append(f"{cell_shapes(expressions, value)} AS {column_name(field, 'shape')}")
    return columns


def stored_parts(field: Field) -> list[str]:
    """The parts of a stored column that exist as SQL columns."""
    assert field.origin is not None
    column = field.origin.column
    have = {"value": column.value, "shape": column.shape, "info": column.info, "url": column.url}
    return [part for part in PARTS if have[part] is not None]


def write_sort(node: Sort, writer: Writer) -> Step:
    source = writer.write(node.source, writer)
    names = [writer.name("k") for _ in node.keys]
    columns = [f"{sort_value(key, writer, source)} AS {name}" for key, name in zip(node.keys, names, strict=True)]
    step = writer.step(f"SELECT *, {', '.join(columns)} FROM {source.name}")
    terms = [sort_term(key, name) for key, name in zip(node.keys, names, strict=True)]
    return replace(source, name=step, order=(*terms, *source.order), in_order=False, dense=None)


def sort_value(key: SortKey, writer: Writer, source: Step) -> str:
    """NaN sorts where NULL does, so that no direction puts it first unasked."""
    sql = expression(key.value, writer, source)
    if key.value.type.base is Base.FLOAT:
        return f"NULLIF({sql}, CAST('nan' AS DOUBLE))"  # in SQL NaN equals itself
    return json_sort_value(sql) if key.value.type.base is Base.JSON else sql


def json_sort_value(sql: str) -> str:
    """JSON numbers by size, before texts in their order."""
    number = f"TRY_CAST(CAST({sql} AS VARCHAR) AS DOUBLE)"
    text = f"CASE WHEN json_type({sql}) <> 'NULL' THEN COALESCE(json_extract_string({sql}, '$'), '') END"
    known = f"json_type({sql}) IS NOT NULL AND json_type({sql}) <> 'NULL'"
    return f"CASE WHEN {known} THEN struct_pack(text := {number} IS NULL, number := {number}, value := {text}) END"


def sort_term(key: SortKey, name: str) -> str:
    direction = "DESC" if key.descending else "ASC"
    return f"{name} {direction} NULLS {'FIRST' if key.nulls_first else 'LAST'}"


def write_cut(node: CutTo, writer: Writer) -> Step:
    source = writer.write(node.source, writer)
    cut = node.cut
    order = "" if source.in_order else order_by(source.order)
    limit = ""
    if cut.percent is not None:
        share = writer.param(cut.percent, "DOUBLE")
        limit = f" LIMIT (SELECT CAST(floor(count(*) * {share} / 100) AS BIGINT) FROM {source.name})"
    elif cut.count is not None:
        limit = f" LIMIT {int(cut.count)}"
    if cut.offset:
        limit += f" OFFSET {int(cut.offset)}"
    name = writer.step(f"SELECT * FROM {source.name}{order}{limit}")
    return replace(source, name=name, dense=None)


# --- joins and counts ------------------------------------------------------------------------------------------------


def write_join(node: JoinOn, writer: Writer) -> Step:
    """Rows of both sides; in the order of the left side, then of the right."""
    left, right = writer.write(node.left, writer), writer.write(node.right, writer)
    order = tuple(term if " " in term else f"{term} NULLS LAST" for term in (*left.order, *right.order))
    both = Step("", order, (*left.rows, *right.rows))
    if node.on is None:
        name = writer.step(f"SELECT * FROM {left.name} CROSS JOIN {right.name}")
    else:
        kind = "INNER" if node.kind == "CROSS" else node.kind
        on = expression(node.on, writer, both)
        name = writer.step(f"SELECT * FROM {left.name} {kind} JOIN {right.name} ON {on}")
    return replace(both, name=name)


def write_count(node: CountRows, writer: Writer) -> Step:
    source = writer.write(node.source, writer)
    return Step(writer.step(f"SELECT count(*) AS {column_name(node.field)} FROM {source.name}"), (), (), in_order=True)
