"""The command line, ``lakebed COMMAND``: what people do with datasets in a shell."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from . import __version__
from .errors import LakebedError
from .ingest.commands import ingest_classification, ingest_coco, ingest_yolo
from .shell.entry import query, shell


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lakebed")
def cli() -> None:
    """Versioned datasets of images and labels, queried in TQL.

    PATH is a folder, s3://bucket/prefix or hub://org/name, with @branch, @tag or @commit for a version.
    """


_HINTS = {
    "dataset-exists": "choose another place, or pass --overwrite to delete that dataset first",
    "no-dataset": "check the path; `lakebed ingest-coco` makes a dataset of a COCO folder",
    "short-grace": "use two hours or more, or --exclusive if nobody else has the dataset open",
    "view-exists": "choose another id; `lakebed views PATH` lists those that are taken",
}
"""What to do in a shell, by kind of error, where the error's own hint speaks of Python's arguments."""


def command(short_help: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A command whose errors of ours become a message and exit status 1, without a traceback.

    `short_help` stands in the list of commands, where the first sentence of the docstring would be cut.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except LakebedError as error:
                error.hint = _HINTS.get(error.kind, error.hint)
                click.echo(f"error: {error}", err=True)
                sys.exit(1)
            except BrokenPipeError:
                # The reader, such as `head`, has seen enough. Click would make an ordinary failure of it, and Python
                # would complain again when it flushes at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(141)

        return cli.command(short_help=short_help)(guarded)

    return decorate


@command()
@click.argument("path")
def info(path: str) -> None:
    """Tensors, rows, branches and size of a dataset."""
    from .opening import load

    dataset = load(path, read_only=True)
    dataset.summary()
    click.echo(f"\nbranches  {', '.join(dataset.branches)}")
    click.echo(f"tags      {', '.join(dataset.tags) or '-'}")
    click.echo(f"commits   {len(dataset.commits)}")
    click.echo(f"views     {len(dataset.get_views())}")
    click.echo(f"size      {dataset.size_approx():,} bytes")


command("Run a TQL query and print its rows.")(query)
command("Ask a dataset in TQL, one query after another.")(shell)
command("Make a dataset of images and COCO annotations.")(ingest_coco)
command("Make a dataset of images and YOLO text files.")(ingest_yolo)
command("Make a dataset of one folder per class.")(ingest_classification)


@command()
@click.argument("path")
def log(path: str) -> None:
    """Commits, newest first."""
    from .opening import load

    load(path, read_only=True).log()


@command("What changed between two versions.")
@click.argument("path")
@click.argument("before", required=False)
@click.argument("after", required=False)
@click.option("--json", "as_json", is_flag=True, help="Everything that changed, as JSON.")
def diff(path: str, before: str | None, after: str | None, as_json: bool) -> None:
    """What changed between two versions; by default since the last commit."""
    import json

    from .opening import load
    from .printing import jsonable

    found = load(path).diff(before, after, as_dict=as_json)
    if as_json:
        click.echo(json.dumps(found, default=jsonable))


@command()
@click.argument("path")
def views(path: str) -> None:
    """Saved views, oldest first."""
    from .opening import load
    from .printing import table

    entries = load(path, read_only=True).get_views()
    kinds = ["virtual" if entry.virtual else "optimized" for entry in entries]
    lines = [
        [entry.id, str(len(entry)), entry.commit_id[:8], kind, entry.message]
        for entry, kind in zip(entries, kinds, strict=True)
    ]
    click.echo(table(["id", "rows", "commit", "kind", "message"], lines))


@command("List, make or delete branches.")
@click.argument("path")
@click.argument("name", required=False)
@click.option("--delete", is_flag=True, help="Delete the branch instead of making it.")
def branch(path: str, name: str | None, delete: bool) -> None:
    """List branches; with NAME make one from PATH's version, or delete it."""
    from .opening import load

    dataset = load(path)
    if name is None:
        for one in dataset.branches:
            click.echo(f"{'*' if one == dataset.branch else ' '} {one}")
    elif delete:
        dataset.delete_branch(name)
    else:
        dataset.checkout(name, create=True)


@command("Look at a version; -b makes a branch.")
@click.argument("path")
@click.argument("name")
@click.option("-b", "--create", is_flag=True, help="Make a branch NAME of PATH's version first.")
def checkout(path: str, name: str, create: bool) -> None:
    """Look at the branch, tag or commit NAME of a dataset.

    Nothing is remembered for the next command: each takes the version as PATH@NAME.
    """
    from .opening import load
    from .places import find_place

    dataset = load(path, read_only=None if create else True)
    dataset.checkout(name, create=create)
    click.echo(f"{dataset!r}\n{find_place(path).path}@{name}")


@command("List, make or delete tags.")
@click.argument("path")
@click.argument("name", required=False)
@click.option("--delete", is_flag=True, help="Delete the tag instead of making it.")
def tag(path: str, name: str | None, delete: bool) -> None:
    """List tags; with NAME tag the last commit of PATH's version, or delete the tag."""
    from .opening import load

    dataset = load(path)
    if name is None:
        for one in dataset.tags:
            click.echo(one)
    elif delete:
        dataset.delete_tag(name)
    else:
        dataset.tag(name)


@command("Merge another version into a branch.")
@click.argument("path")
@click.argument("source")
@click.option("--ours", "resolution", flag_value="ours", help="Where both sides changed a cell, keep PATH's.")
@click.option("--theirs", "resolution", flag_value="theirs", help="Where both sides changed a cell, take SOURCE's.")
def merge(path: str, source: str, resolution: str | None) -> None:
    """Merge the branch, tag or commit SOURCE into PATH's branch."""
    from .opening import load

    click.echo(load(path).merge(source, conflict_resolution=resolution))


@command("Draw images with boxes into a PNG or JPEG.")
@click.argument("path")
@click.argument("output", type=click.Path(dir_okay=False, writable=True))
@click.option("--query", "text", help="Draw the rows of this query.")
@click.option("--view", "view_id", help="Draw the rows of this saved view.")
@click.option("--rows", type=click.IntRange(min=1), default=12, show_default=True)
@click.option("--columns", type=click.IntRange(min=1), default=4, show_default=True)
def plot(path: str, output: str, text: str | None, view_id: str | None, rows: int, columns: int) -> None:
    """Draw images with boxes and class names into a PNG or JPEG file."""
    from .opening import load

    found: Any = load(path, read_only=True)
    found = found.load_view(view_id) if view_id else found
    found = found.query(text) if text else found
    found.plot(rows, path=output, columns=columns)
    click.echo(output)


@command("Check that everything stored is whole.")
@click.argument("path")
@click.option("--level", type=click.Choice(["quick", "full", "deep"]), default="quick", show_default=True)
def verify(path: str, level: Any) -> None:
    """Check that everything stored is there and is what was written; exit status 1 if it is not.

    quick: metadata and sizes. full: every byte. deep: also the values.
    """
    from .housekeeping import verify as check

    report = check(path, level, progressbar=sys.stderr.isatty())
    click.echo(report)
    if not report.ok:
        sys.exit(1)


@command("Save what is whole of a damaged dataset.")
@click.argument("path")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
def repair(path: str, dry_run: bool) -> None:
    """Save what is whole of a damaged dataset; nothing is deleted or overwritten."""
    from .housekeeping import repair as mend

    click.echo(mend(path, dry_run, progressbar=sys.stderr.isatty()))


@command("Remove files that nothing needs.")
@click.argument("path")
@click.option("--delete", is_flag=True, help="Remove them; without it they are only listed.")
@click.option("--grace-hours", type=float, default=168.0, show_default=True, help="Keep what is younger.")
@click.option("--exclusive", is_flag=True, help="Nobody else has the dataset open: allow a grace under two hours.")
def gc(path: str, delete: bool, grace_hours: float, exclusive: bool) -> None:
    """Remove files that no branch, tag, view or open reader needs."""
    from .housekeeping import gc as clean_up

    click.echo(clean_up(path, not delete, grace_hours, exclusive, progressbar=sys.stderr.isatty()))


@command("Keep the values of a managed creds key.")
@click.argument("key")
@click.argument("fields", nargs=-1, metavar="[FIELD]...")
@click.option("--delete", is_flag=True, help="Forget the values of KEY.")
def creds(key: str, fields: tuple[str, ...], delete: bool) -> None:
    """Keep the values of a managed creds KEY for this user on this machine, outside every dataset.

    Asks for each FIELD without showing what is typed; by default for aws_access_key_id and aws_secret_access_key.
    """
    from .storage.links import managed
    from .storage.links.creds import check_fields

    if delete:
        managed.delete(key)
        return
    asked = fields or ("aws_access_key_id", "aws_secret_access_key")
    check_fields(dict.fromkeys(asked, "x"))
    values = {name: click.prompt(name, hide_input=True, err=True) for name in asked}
    click.echo(f"kept in {managed.save(key, check_fields(values))}")


def main() -> None:
    """The entry point of the ``lakebed`` command."""
    _fill_streams()
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)


def _fill_streams() -> None:
    """Give a process that was started without a standard stream, as a closed terminal leaves it, an empty one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # open to the end


if __name__ == "__main__":
    main()
