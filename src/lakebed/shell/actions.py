"""What each dot command does; `ACTIONS` has one function for each entry of `commands.COMMANDS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rich.text import Text

from ..diffs import diff_text
from ..engine import explain
from ..opening import load
from ..origin import Opener
from ..reading import Readable
from ..results import Groups, ResultTable
from ..storage.errors import InvalidInputError, NotFoundError, StateError
from ..summary import COLUMNS, tensor_lines
from ..view import View
from .commands import Call
from .exports import export
from .layout import cut
from .messages import help_text
from .names import Names
from .pages import ROW, Page
from .pictures import drawable, grid, row_in_full, tiles_that_fit
from .pieces import highlight
from .session import Finished, Session
from .tables import table

Action = Callable[[Session, Call], None]

LOG_LENGTH = 20


def open_(session: Session, call: Call) -> None:
    dataset = session.work(lambda: load(call.words[0]))
    session.open(dataset)
    say(session, repr(dataset))


def schema(session: Session, call: Call) -> None:
    asked = session.asked
    rows = session.work(lambda: tensor_lines(asked._source(), asked._names()))
    say(session, f"{len(asked):,} rows")
    list_out(session, COLUMNS, rows)


def classes(session: Session, call: Call) -> None:
    labels = [column for column in session.names.columns if column.class_names]
    wanted = call.word(0)
    chosen = [column for column in labels if wanted in (None, column.name)]
    if not chosen:
        known = ", ".join(column.name for column in labels)
        raise NotFoundError(
            "no column has class names" if wanted is None else f"column {wanted!r} has no class names",
            kind="no-classes",
            hint=f"class labels are {known}" if known else "",
        )
    asked, names = session.asked, session.names
    for column in chosen:
        counts = session.work(partial(class_counts, asked, column.name, names))
        list_out(session, (column.name, "labels", "rows"), counts)


def class_counts(asked: Readable, column: str, names: Names) -> list[tuple[str, int, int]]:
    """For each class of a column its labels, and the rows that have it; most frequent first."""
    import numpy as np

    lists = asked.to_arrow([column]).column(0).combine_chunks()
    known = names.column(column)
    class_names = known.class_names if known is not None else ()
    codes = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    rows = lists.value_parent_indices().to_numpy(zero_copy_only=False).astype(np.int64)
    size = max(len(class_names), int(codes.max()) + 1 if len(codes) else 0, 1)
    labels = np.bincount(codes, minlength=size)
    with_it = np.bincount(np.unique(rows * size + codes) % size, minlength=size)
    order = np.argsort(-labels, kind="stable").tolist()
    return [
        (class_names[code] if code < len(class_names) else str(code), int(labels[code]), int(with_it[code]))
        for code in order
        if labels[code] or code < len(class_names)
    ]


def log(session: Session, call: Call) -> None:
    dataset = session.opened
    commits = session.work(lambda: dataset.commits)
    lines = [Text("uncommitted changes", "yellow")] if dataset.has_head_changes else []
    shown = number_of(call, 0, LOG_LENGTH)
    lines += map(commit_line, commits[:shown])
    if len(commits) > shown:
        lines.append(Text(f"... {len(commits) - shown} older ones; .log {len(commits)} shows all", "bright_black"))
    session.output.lines(lines or [Text("no commits yet")])


def commit_line(commit: dict[str, Any]) -> Text:
    return Text.assemble(
        (commit["commit"][:8], "yellow"),
        f"  {commit['time'].removesuffix(' UTC')}  ",
        (f"{commit['branch']}  ", "cyan"),
        (f"{commit['author']}  ", "bright_black"),
        cut(" ".join(commit["message"].split()), 80),
    )


def diff(session: Session, call: Call) -> None:
    dataset = session.opened
    before, after = call.word(0), call.word(1)
    found = session.work(lambda: dataset._ws.diff(before, after))
    commit = (dataset.commit_id or "")[:8]
    now = "the working copy" if dataset.has_head_changes else f"commit {commit}"
    text = diff_text(found, before or (f"commit {commit}" if commit else "the empty dataset"), after or now)
    session.output.lines([Text(line, diff_style(line)) for line in text.splitlines()])


def diff_style(line: str) -> str:
    """Green for what came, red for what went."""
    words = line.split()
    if "added" in words[:2] or "created" in words[:2]:
        return "green"
    return "red" if "deleted" in words[:2] else ""


def branch(session: Session, call: Call) -> None:
    dataset = session.opened
    if call.word(0) is not None:
        dataset.checkout(call.words[0], create=True)
        session.open(dataset)
        say(session, f"on the new branch {dataset.branch}")
        return
    names = [Text.assemble(("* ", "green"), (name, "bold green")) if name == dataset.branch else Text(f"  {name}")
             for name in dataset.branches]  # fmt: skip
    tags = [Text.assemble(f"  {name}", ("  tag", "bright_black")) for name in dataset.tags]
    session.output.lines([*names, *tags])


def checkout(session: Session, call: Call) -> None:
    dataset = session.opened
    session.work(lambda: dataset.checkout(call.words[0]))
    session.open(dataset)
    at = f"branch {dataset.branch}" if dataset.branch else f"commit {(dataset.commit_id or '')[:8]}, read-only"
    say(session, f"on {at}, {len(dataset):,} rows")


def commit(session: Session, call: Call) -> None:
    commit_id = session.opened.commit(call.tail)
    session.renew_names()
    say(session, f"commit {commit_id}")


def views(session: Session, call: Call) -> None:
    entries = session.work(session.opened.get_views)
    rows = [
        (entry.id, len(entry), entry.commit_id[:8], "virtual" if entry.virtual else "optimized", entry.message)
        for entry in entries
    ]
    if rows:
        list_out(session, ("id", "rows", "commit", "kind", "message"), rows)
    else:
        say(session, "no saved views; .save ID keeps the rows of a result")


def save(session: Session, call: Call) -> None:
    found = result_of(session)
    path = session.work(lambda: found.save_view(message=call.tail or None, id=call.words[0]))
    session.renew_names()
    say(session, f"saved as {path}")


def load_(session: Session, call: Call) -> None:
    dataset = session.opened
    if call.word(0) is None:
        session.turn_to(None)
        say(session, f"queries ask all {len(dataset):,} rows again")
        return
    view = session.work(lambda: dataset.load_view(call.words[0]))
    session.turn_to(view)
    say(session, f"queries ask the {len(view):,} rows of {view.id} from now on; .load alone goes back")


def explain_(session: Session, call: Call) -> None:
    query = call.tail or session.query
    if not query:
        raise InvalidInputError("there is no query to explain", kind="bad-arguments", hint="write .explain QUERY")
    source = session.asked._pinned() if session.dataset is not None else None
    text = str(session.work(lambda: explain(source, query, resolve=Opener())))
    session.output.lines([explained(line) for line in text.splitlines()])


def explained(line: str) -> Text:
    """A line of an explanation: headings bold, queries coloured."""
    if line.endswith(":") and not line.startswith(" "):
        return Text(line, "bold")
    if line.startswith("  ") and line.split(None, 1)[0].lower() in ("select", "with"):
        return Text.assemble(*((text, RICH_STYLES.get(style, "")) for style, text in highlight(line)))
    return Text(line)


RICH_STYLES = {"keyword": "bold blue", "function": "cyan", "string": "green", "number": "magenta", "column": "default"}


def more(session: Session, call: Call) -> None:
    session.more()


def show(session: Session, call: Call) -> None:
    found = session.result if isinstance(session.result, View) else session.asked
    if not len(found):
        raise StateError("there is no row to show", kind="no-rows")
    numbers = found.sample_indices if isinstance(found, View) else range(len(found))
    number = number_of(call, 0, numbers[0])
    if number not in numbers:
        raise NotFoundError(
            f"row {number} is not in the last result", kind="unknown-row", hint=f'take one of the column "{ROW}"'
        )
    place = numbers.index(number)
    screen = session.output.screen
    session.output.lines(session.work(lambda: row_in_full(found, place, screen, session.images)))


def plot(session: Session, call: Call) -> None:
    found = session.result if isinstance(session.result, View) else session.asked
    words = list(call.words)
    count = int(words.pop()) if words and words[-1].isdecimal() else None
    if words:
        session.work(lambda: found.plot(count, path=words[0], tensors=drawable(found) or all_tensors(found)))
        say(session, f"wrote {words[0]}")
        return
    screen = session.output.screen
    numbers = found.sample_indices if isinstance(found, View) else range(len(found))
    shown = list(numbers[: count or tiles_that_fit(screen)])
    if not shown:
        raise StateError("there are no rows to draw", kind="no-rows")
    session.output.lines(session.work(lambda: grid(found, shown, screen)))


def all_tensors(found: Readable) -> list[str]:
    """Also those that the query did not ask for."""
    return [spec.name for spec in found._schema() if not spec.hidden]


def export_(session: Session, call: Call) -> None:
    found = result_of(session)
    count = session.work(lambda: export(found, call.words[0]))
    say(session, f"wrote {count:,} rows to {call.words[0]}")


def limit(session: Session, call: Call) -> None:
    session.limit = max(1, number_of(call, 0, session.limit))
    say(session, f"tables show {session.limit} rows at most")


def images(session: Session, call: Call) -> None:
    word = call.word(0) or ("off" if session.images else "on")
    if word not in ("on", "off"):
        raise InvalidInputError(f"{word!r} is neither on nor off", kind="bad-arguments", hint="write .images on")
    session.images = word == "on"
    say(session, f"pictures are {word}")


def help_(session: Session, call: Call) -> None:
    session.output.lines(help_text(call.word(0)))


def quit_(session: Session, call: Call) -> None:
    raise Finished


# --- what they share -------------------------------------------------------------------------------------------------


def say(session: Session, text: str) -> None:
    session.output.lines([Text(text)])


def list_out(session: Session, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    page = Page(tuple(columns), tuple(tuple(row) for row in rows), 0, len(rows))
    session.output.lines(table(page, session.output.screen))


def result_of(session: Session) -> View | Groups | ResultTable:
    """The last result.

    Raises:
        StateError: there is none yet.
    """
    found = session.result
    if found is None:
        raise StateError("there is no result yet", kind="no-result", hint="ask a query first")
    assert isinstance(found, (View, Groups, ResultTable)), "queries give one of these"
    return found


def number_of(call: Call, place: int, default: int) -> int:
    """A word of the command as a number.

    Raises:
        InvalidInputError: it is none.
    """
    word = call.word(place)
    if word is None:
        return default
    if not word.isdecimal():
        raise InvalidInputError(
            f"{word!r} is not a number", kind="bad-arguments", hint=f"write {call.command.name} {call.command.usage}"
        )
    return int(word)


ACTIONS: dict[str, Action] = {
    ".open": open_,
    ".schema": schema,
    ".classes": classes,
    ".log": log,
    ".diff": diff,
    ".branch": branch,
    ".checkout": checkout,
    ".commit": commit,
    ".views": views,
    ".save": save,
    ".load": load_,
    ".explain": explain_,
    ".more": more,
    ".show": show,
    ".plot": plot,
    ".export": export_,
    ".limit": limit,
    ".images": images,
    ".help": help_,
    ".quit": quit_,
}
