"""The commands `lakebed shell` and `lakebed query`: options, streams, exit statuses; importing it loads click alone."""

from __future__ import annotations

import io
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..datasets import Dataset

TABLE_ROWS = 20


@click.argument("path", required=False)
@click.option("--read-only", is_flag=True, help="Refuse commits and branches.")
@click.option("--limit", type=click.IntRange(min=1), default=TABLE_ROWS, show_default=True, help="Rows of a table.")
@click.option("--images/--no-images", default=True, help="Whether tables show pictures (at a terminal).")
def shell(path: str | None, read_only: bool, limit: int, images: bool) -> None:
    """Ask a dataset in TQL, with completion, pictures and dot commands; `.help` lists those.

    Without a terminal, statements are read from standard input and results printed as plain text; the exit status is 1
    if one of them failed.
    """
    from ..opening import load

    _take_any_bytes()
    dataset = load(path, read_only=read_only or None) if path else None
    if sys.stdin.isatty() and sys.stdout.isatty():
        _at_a_terminal(dataset, limit, images)
    elif not _from_a_pipe(dataset, limit):
        sys.exit(1)


def _take_any_bytes() -> None:
    """Let bytes that are no UTF-8 reach the parser, whose error names them; print what has no letter as its number."""
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def _at_a_terminal(dataset: Dataset | None, limit: int, images: bool) -> None:
    from .session import Session
    from .terminal import run_terminal

    run_terminal(lambda output: Session(output, dataset, limit, images))


def _from_a_pipe(dataset: Dataset | None, limit: int) -> bool:
    from .piped import PlainOutput, run_lines
    from .session import Session

    output = PlainOutput(sys.stdout, sys.stderr)
    session = Session(output, dataset, limit, images=False, timing=False, cancellable=False)
    return run_lines(session, sys.stdin)


@click.argument("path")
@click.argument("text", required=False)
@click.option("--format", "form", type=click.Choice(["table", "csv", "json", "arrow"]), default="table",
              show_default=True, help="arrow is an IPC stream.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), help="Print so many rows at most (tables: 20 by default).")
@click.option("--tensors", multiple=True, metavar="NAMES", help="Print these columns only: names with commas between.")
@click.option("--save", "view_id", metavar="ID", help="Save the rows as a view under this id.")
@click.option("--message", help="A note for --save.")
def query(
    path: str,
    text: str | None,
    form: str,
    limit: int | None,
    tensors: tuple[str, ...],
    view_id: str | None,
    message: str | None,
) -> None:
    """Run a TQL query; without TEXT, or if it is "-", read it from standard input.

    Standard output holds the result alone. Exit status: 0 done, 1 the query or the dataset has an error, 2 the command
    was not understood, 130 stopped by Ctrl-C, 141 nobody read the output to its end.
    """
    from ..opening import load

    _take_any_bytes()
    asked = _query_text(text)
    if form == "arrow" and sys.stdout.isatty():
        raise click.UsageError("arrow is no text: send it to a file or a program, as in `> rows.arrow`")
    found = load(path, read_only=view_id is None).query(asked)
    _print(found, form, limit, [name for names in tensors for name in names.split(",") if name])
    if view_id is not None:
        click.echo(f"saved as {found.save_view(message=message, id=view_id)}", err=True)


def _query_text(text: str | None) -> str:
    if text is not None and text != "-":
        return text
    if sys.stdin.isatty():
        raise click.UsageError('no query: write it behind the path, or send it to standard input with "-"')
    read = sys.stdin.read()
    if not read.strip():
        raise click.UsageError("no query: standard input is empty")
    return read


def _print(found: Any, form: str, limit: int | None, columns: list[str]) -> None:
    from .exports import chosen_columns, write_arrow, write_text

    if form == "arrow":
        write_arrow(found, sys.stdout.buffer, limit, columns)
        sys.stdout.buffer.flush()
    elif form in ("csv", "json"):
        write_text(found, form, sys.stdout, limit, columns)
        sys.stdout.flush()
    else:
        _print_table(found, TABLE_ROWS if limit is None else limit, chosen_columns(found, columns))


def _print_table(found: Any, limit: int, columns: list[str]) -> None:
    from .pages import page_of
    from .piped import UNBOUNDED
    from .tables import Screen, picked, table

    page = picked(page_of(found, 0, limit), columns)
    # Lines wider than the window would be folded into each other; a file or a program gets them whole.
    screen = Screen(*shutil.get_terminal_size(), colors="none") if sys.stdout.isatty() else UNBOUNDED
    for line in table(page, screen):
        click.echo(line.plain)
    shown = "" if page.after == page.total else f", {page.after} shown"
    click.echo(f"({page.total} {'row' if page.total == 1 else 'rows'}{shown})")
