"""SAMPLE BY and set operations of computed rows in SQL."""

from __future__ import annotations

from dataclasses import replace

from .bound import Base, Field, Ref, UserCall
from .errors import BAD_WEIGHTS
from .relations import Combine, DrawFrom
from .source import Span
from .sql import Step, Writer, order_by, place_in_order
from .sql_expressions import ExpressionWriter
from .sql_relations import column_name, reread
from .sql_rows import mixed_hash
from .walking import walk

TWO_64 = "18446744073709551616.0"


# --- SAMPLE BY -------------------------------------------------------------------------------------------------------


def write_draw(node: DrawFrom, writer: Writer) -> Step:
    """Rows drawn by weight; the randomness is a hash of the run's salt and the draw's number: a seed repeats it."""
    source = writer.write(node.source, writer)
    weight, pos = writer.name("w"), writer.name("o")
    sql = f"COALESCE(CAST({ExpressionWriter(writer, source).scalar(node.draw.weight)} AS DOUBLE), 0)"
    # Weights are worked out again where they are read again: keeping them would keep every column beside them. What a
    # function of the user's gives may change.
    again = not any(isinstance(e, UserCall) for e in walk(node.draw.weight))
    select = f"SELECT *, {sql} AS {weight}, {place_in_order(source)} AS {pos} FROM {source.name}"
    weighted = writer.step(select, again=again)
    total = writer.step(
        f"SELECT {checked_total(weight, writer, node.draw.weight.span)} AS total, count(*) AS n FROM {weighted}"
    )
    step = replace(source, name=weighted, in_order=False, dense=None)
    if node.draw.replace:
        return with_replacement(node, writer, step, weight, pos, total)
    return without_replacement(node, writer, step, weight, pos, total)


def checked_total(weight: str, writer: Writer, span: Span) -> str:
    """The sum of the weights; an error if nothing can be drawn by them."""
    start = f"{BAD_WEIGHTS}{span.start} {span.end} "
    negative = writer.param(f"{start}a weight is negative", "VARCHAR")
    odd = writer.param(f"{start}a weight is not a finite number", "VARCHAR")
    zero = writer.param(f"{start}every weight is zero", "VARCHAR")
    return (
        f"CASE WHEN count(*) = 0 THEN 0 WHEN min({weight}) < 0 THEN CAST(error({negative}) AS DOUBLE) "
        f"WHEN NOT isfinite(max({weight})) THEN CAST(error({odd}) AS DOUBLE) "
        f"WHEN max({weight}) = 0 THEN CAST(error({zero}) AS DOUBLE) ELSE sum({weight}) END"
    )


def amount(node: DrawFrom, writer: Writer, total: str) -> str:
    """How many rows to draw: as many as there are, unless LIMIT says otherwise."""
    if node.draw.count is not None:
        return writer.param(node.draw.count, "BIGINT")
    if node.draw.percent is not None:
        return f"CAST(floor({total}.n * {writer.param(node.draw.percent, 'DOUBLE')} / 100) AS BIGINT)"
    return f"{total}.n"


def uniform(what: str, writer: Writer) -> str:
    """A number in [0, 1) for each value of `what`."""
    salt = writer.param(writer.runtime.salt, "BIGINT")
    return f"({mixed_hash([what, salt])} / {TWO_64})"


def with_replacement(node: DrawFrom, writer: Writer, source: Step, weight: str, pos: str, total: str) -> Step:
    before = f"sum({weight}) OVER (ORDER BY {pos} ROWS UNBOUNDED PRECEDING) - {weight}"
    running = writer.step(f"SELECT *, {before} AS low FROM {source.name} WHERE {weight} > 0")
    draw = writer.name("o")
    count = f"CASE WHEN {total}.n = 0 THEN 0 ELSE {amount(node, writer, total)} END"
    draws = writer.step(f"SELECT unnest(range({count})) AS {draw}, {total}.total AS total FROM {total}")
    points = writer.step(f"SELECT {draw}, {uniform(draw, writer)} * total AS point FROM {draws}")
    # The row of each point by one pass in order; DuckDB plans an ASOF JOIN here as a loop over all pairs.
    line = (
        f"SELECT low AS spot, 0 AS kind, {pos}, CAST(NULL AS BIGINT) AS {draw} FROM {running} "
        f"UNION ALL SELECT point, 1, NULL, {draw} FROM {points}"
    )
    last = f"last_value({pos} IGNORE NULLS) OVER (ORDER BY spot, kind, {pos} ROWS UNBOUNDED PRECEDING)"
    places = writer.step(f"SELECT {draw}, {last} AS place FROM ({line})")
    name = writer.step(
        f"SELECT {running}.*, {draw} FROM {places} JOIN {running} ON place = {pos} WHERE {draw} IS NOT NULL"
    )
    return replace(source, name=name, order=(draw,))


def without_replacement(node: DrawFrom, writer: Writer, source: Step, weight: str, pos: str, total: str) -> Step:
    """The rows with the smallest exponential times: each is drawn by its weight among those that are left."""
    time = writer.name("o")
    clock = f"-ln({uniform(pos, writer)} + 1e-20) / {weight}"
    timed = writer.step(f"SELECT *, {clock} AS {time} FROM {source.name}, {total} WHERE total >= 0 AND {weight} > 0")
    columns = f"SELECT * EXCLUDE (total, n) FROM {timed}"
    known = node.draw.count is not None
    limit = amount(node, writer, total) if known else f"(SELECT {amount(node, writer, total)} FROM {total})"
    name = writer.step(f"{columns} ORDER BY {time}, {pos} LIMIT {limit}")
    return replace(source, name=name, order=(time, pos))


# --- set operations --------------------------------------------------------------------------------------------------


def write_combine(node: Combine, writer: Writer) -> Step:
    """UNION, INTERSECT or EXCEPT of branches that compute; rows are compared by their place in the dataset."""
    row, branch, pos = writer.name("r"), writer.name("b"), writer.name("o")
    steps = [writer.write(part, writer) for part in node.branches]
    grouped = all(step.groups for step in steps)
    whole = [
        (field, parts)
        for field, parts in node.columns
        if (field.number, "value") in writer.used and (not node.by_row or grouped or field.origin is None)
    ]
    parts = [branch_rows(node, writer, step, i, whole, (row, branch, pos)) for i, step in enumerate(steps)]
    together = writer.step(" UNION ALL ".join(f"(SELECT * FROM {part})" for part in parts))
    name = writer.step(chosen(node, together, row, branch, pos))
    order = (row,) if node.ascending and node.op == "UNION" and not node.all and not grouped else (branch, pos)
    if not node.by_row:
        return Step(name, order, ())
    dataset = (steps[0].groups or steps[0].rows[0])[1]
    if grouped:
        return Step(name, (branch, pos), (), groups=(row, dataset))
    return reread(writer, Step(name, order, ((row, dataset),)), (row, dataset), node.stored)


def branch_rows(
    node: Combine,
    writer: Writer,
    step: Step,
    number: int,
    columns: list[tuple[Field, tuple[Field, ...]]],
    names: tuple[str, str, str],
) -> str:
    """One branch with the columns of the result, its number, and the positions of its rows."""
    row, branch, pos = names
    expressions = ExpressionWriter(writer, step)
    shown = []
    for field, parts in columns:
        value = Ref(parts[number], type=parts[number].type)
        if value.type.base is Base.IMAGE:
            shown.append(f"{column_name(value.field)} AS {column_name(field)}")
            continue
        shown.append(f"{expressions.value(value)} AS {column_name(field)}")
        if field.type.needs_shape:
            shown.append(f"{expressions.shape(value)} AS {column_name(field, 'shape')}")
    reference = step.groups[0] if step.groups else step.rows[0][0] if len(step.rows) == 1 else "NULL"
    place = f"row_number() OVER ({order_by(step.order).strip()})"
    shown += [f"{reference} AS {row}", f"{number} AS {branch}", f"{place} AS {pos}"]
    return writer.step(f"SELECT {', '.join(shown)} FROM {step.name}")


def chosen(node: Combine, together: str, row: str, branch: str, pos: str) -> str:
    """The rows of all branches that the operation keeps."""
    order = f"ORDER BY {branch}, {pos}"
    if not node.by_row or (node.op == "UNION" and node.all):
        return f"SELECT * FROM {together}"
    first = f"row_number() OVER (PARTITION BY {row} {order}) = 1"
    if node.op == "UNION":
        return f"SELECT * FROM {together} QUALIFY {first}"
    right = f"count(*) FILTER ({branch} = 1) OVER (PARTITION BY {row})"
    if node.all:
        rank = f"row_number() OVER (PARTITION BY {row}, {branch} ORDER BY {pos})"
        kept = f"{rank} {'<=' if node.op == 'INTERSECT' else '>'} {right}"
        return f"SELECT * FROM {together} QUALIFY {branch} = 0 AND {kept}"
    kept = f"{right} {'> 0' if node.op == 'INTERSECT' else '= 0'}"
    return f"SELECT * FROM {together} QUALIFY {branch} = 0 AND {first} AND {kept}"
