"""The terminal's side of the shell, with prompt_toolkit's pipe as keyboard; `test_tmux.py` has a real terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

import lakebed
from face_data import fresh_path, street
from lakebed.running import Cancelled
from lakebed.shell import dispatch
from lakebed.shell.names import Column, Names
from lakebed.shell.session import Session
from lakebed.shell.terminal import (
    Terminal,
    TerminalOutput,
    TqlCompleter,
    TqlLexer,
    continuation,
    history_file,
    kept_history,
    prompt_of,
    short_name,
    styled,
    toolbar_of,
)
from shell_kit import Recorder, street_session

NAMES = Names(columns=(Column("boxes", "bbox"), Column("categories", "", ("car", "traffic light"))))
ALT_ENTER = "\x1b\r"
CTRL_C, CTRL_D = "\x03", "\x04"


def typed(keys: str, session: Session | None = None, history: InMemoryHistory | None = None) -> str:
    """What a session shows when `keys` are typed, without colours."""
    if session is None:
        session, output = street_session()
        session.images = False
    else:
        found = session.output
        assert isinstance(found, Recorder)
        output = found
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        Terminal(session, history or InMemoryHistory(), keyboard, DummyOutput()).run()
    return "\n".join(line.plain for line in [*output.shown, *output.wrong])


def test_enter_runs_a_query_and_ctrl_d_leaves() -> None:
    shown = typed("select count(*) as n\r" + CTRL_D)
    assert "Ctrl-D leaves" in shown
    assert shown.splitlines()[-1] == "1 row"


def test_enter_goes_on_in_a_new_line_until_the_query_is_whole() -> None:
    assert typed("select categories where\rcontains(\rcategories, 'car')\r" + CTRL_D).splitlines()[1].split() == [
        "row",
        "categories",
    ]


def test_alt_enter_adds_a_line_to_a_query_that_is_whole() -> None:
    assert typed(f"select *{ALT_ENTER}limit 2\r{CTRL_D}").splitlines()[-1] == "2 rows"


def test_an_empty_line_runs_what_is_not_whole() -> None:
    assert "expected an expression" in typed("select * where\r\r" + CTRL_D)


def test_ctrl_c_drops_what_was_typed() -> None:
    assert typed(f"select * were{CTRL_C}select count(*)\r{CTRL_D}").splitlines()[-1] == "1 row"


def test_several_statements_in_one_input_are_all_run() -> None:
    assert typed("select * limit 1; select * limit 2;\r.quit\r").count("row") >= 2


def test_quit_leaves_without_running_the_rest() -> None:
    assert "1 row" not in typed(".quit\rselect count(*)\r")


def test_help_and_exit_need_no_dot() -> None:
    shown = typed("help\rhelp iou\rexit\rselect count(*)\r")
    assert ".checkout NAME" in shown
    assert "intersection over union" in shown
    assert "1 row" not in shown


def test_what_was_entered_is_in_the_history() -> None:
    history = InMemoryHistory()
    typed(".branch\rselect *\rlimit 1;\r" + CTRL_D, history=history)
    assert history.get_strings()[:2] == [".branch", "select *"]


def test_a_store_that_fails_leaves_a_shell_without_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _ = street_session()

    def fails(*_: object) -> Names:
        raise lakebed.StorageError("the store is gone")

    monkeypatch.setattr("lakebed.shell.session.names_of", fails)
    assert "the store is gone" in typed(CTRL_D, session)


def test_ctrl_c_between_two_steps_is_cancelling_too(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _ = street_session()

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("lakebed.shell.terminal.run", interrupted)
    assert typed(".log\r" + CTRL_D, session).endswith("cancelled")


def test_ctrl_c_drops_the_statements_behind_the_one_that_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _ = street_session()
    asked: list[str] = []

    def interrupted(query: str) -> None:
        asked.append(query)
        raise Cancelled(left_running=False)

    monkeypatch.setattr(session, "ask", interrupted)
    shown = typed("select 1; select 2;\r.branch\r" + CTRL_D, session)
    assert asked == ["select 1;"]
    assert shown.index("* main") and "cancelled" in shown


def test_history_is_kept_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if history_file().is_relative_to(tmp_path):  # elsewhere the system has another folder for it
        assert isinstance(kept_history(history_file()), FileHistory)
        assert history_file().exists()
    (tmp_path / "file").touch()
    assert isinstance(kept_history(tmp_path / "file" / "history"), InMemoryHistory)


@pytest.mark.parametrize(
    "text", ["help", "help iou ", ".help  iou", " ? iou", ".log 3", ".explain select 1 ", ".x y.y"]
)
def test_the_colours_of_a_command_leave_its_text_as_it_is(text: str) -> None:
    assert "".join(part for _, part in styled(text, NAMES)) == text


def completions(text: str, behind: str = "") -> list[str]:
    document = Document(text + behind, len(text))
    completer = TqlCompleter(lambda: NAMES)
    return [found.text for found in completer.get_completions(document, CompleteEvent(completion_requested=True))]


def test_the_completer_replaces_the_word_at_the_cursor() -> None:
    event = CompleteEvent(text_inserted=True)
    found = next(iter(TqlCompleter(lambda: NAMES).get_completions(Document("select box"), event)))
    assert (found.text, found.start_position, found.display_meta_text) == ("boxes", -3, "bbox")


def test_a_quote_behind_the_cursor_is_not_doubled() -> None:
    assert completions("select * where categories = 'c") == ["car'"]
    assert completions("select * where categories = 'c", "'") == ["car"]


def test_the_lexer_colours_line_by_line() -> None:
    line_of = TqlLexer(lambda: NAMES).lex_document(Document("select boxes\nwhere 1"))
    assert line_of(0)[0] == ("class:tql-keyword", "select")
    assert next(part for part in line_of(1) if part[1].strip()) == ("class:tql-keyword", "where")
    assert line_of(7) == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (".explain select 1", ("command", ".explain ")),
        (".schema", ("command", ".schema")),
        (".nix a", ("error", ".nix ")),
        ("  .open select", ("command", "  .open ")),
    ],
)
def test_commands_are_coloured_by_name_and_their_queries_as_queries(text: str, first: tuple[str, str]) -> None:
    found = styled(text, NAMES)
    assert found[0] == first
    assert "".join(part for _, part in found) == text
    assert (("keyword", "select") in found) == text.startswith(".explain")


def words(fragments: object) -> str:
    return "".join(part[1] for part in fragments)  # type: ignore[attr-defined]  # fragments are pairs


def test_the_prompt_says_where_one_is() -> None:
    session, output = street_session()
    name = short_name(session.opened.path)
    assert words(prompt_of(session)) == f"{name} main> "
    dispatch.run(session, "select * limit 3")
    dispatch.run(session, ".save few")
    dispatch.run(session, ".load few")
    assert words(prompt_of(session)) == f"{name} main/few> "
    assert "3 rows of view few" in toolbar_of(session)
    dispatch.run(session, ".load")
    session.opened.pop(0)
    assert words(prompt_of(session)) == f"{name} main*> "
    dispatch.run(session, f".checkout {session.opened.commit_id}")
    assert words(prompt_of(session)) == f"{name} {(session.opened.commit_id or '')[:8]}> "
    assert "read-only" in toolbar_of(session)
    nothing = Session(output)
    assert words(prompt_of(nothing)) == "lakebed> "
    assert ".open PATH" in toolbar_of(nothing)
    assert words(continuation(6, 1, 0)) == "    · "
    assert words(continuation(6, 1, 1)) == "      "
    assert short_name("s3://bucket/coco@v1/") == "coco"


@pytest.mark.parametrize(
    ("system", "colors"), [(None, "none"), ("standard", "few"), ("256", "many"), ("truecolor", "many")]
)
def test_the_terminal_tells_its_size_and_colours(system: str | None, colors: str) -> None:
    names: Any = system
    console = Console(file=io.StringIO(), width=90, height=30, color_system=names, force_terminal=True)
    screen = TerminalOutput(console).screen
    assert (screen.width, screen.height, screen.colors) == (90, 30, colors)


def test_no_color_is_obeyed() -> None:
    console = Console(file=io.StringIO(), color_system="truecolor", force_terminal=True, no_color=True)
    assert TerminalOutput(console).screen.colors == "none"


def rendered(work: Callable[[TerminalOutput], None]) -> str:
    file = io.StringIO()
    work(TerminalOutput(Console(file=file, width=80, color_system="truecolor", force_terminal=True, highlight=False)))
    return file.getvalue()


def test_pictures_reach_the_terminal_in_truecolour() -> None:
    def work(output: TerminalOutput) -> None:
        assert dispatch.run(Session(output, street(2), timing=False), "select images")

    assert "\x1b[38;2;" in rendered(work)


def test_a_clock_runs_while_something_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr("lakebed.shell.terminal.PATIENCE", 0.0)
    seen = threading.Event()

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            if "Ctrl-C cancels" in text:
                seen.set()
            return super().write(text)

    output = TerminalOutput(Console(file=Watched(), width=80, force_terminal=True))
    with output.busy():
        assert seen.wait(30)


def test_errors_are_shown_like_results() -> None:
    def work(output: TerminalOutput) -> None:
        assert not dispatch.run(Session(output, lakebed.empty(fresh_path())), "select nix")

    assert "nix" in rendered(work)
