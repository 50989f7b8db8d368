"""The shell in a real terminal."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from face_data import numbers, street
from tmux import MISSING, Window, window

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two datasets."""
    folder = tmp_path_factory.mktemp("data")
    street(10, path=str(folder / "street"))
    numbers(30_000, path=str(folder / "big"))
    return folder


@pytest.fixture
def terminal(data: Path) -> Iterator[Window]:
    # A short path: sockets have no room for pytest's long ones.
    with tempfile.TemporaryDirectory(prefix="lb") as folder:
        env = {"COLORTERM": "truecolor", "XDG_DATA_HOME": folder}
        with window(Path(folder), "shell", str(data / "street"), env=env) as opened:
            opened.wait_for("street main>")
            yield opened


def test_a_class_name_is_completed_with_tab(terminal: Window) -> None:
    terminal.type("select categories where contains(categories, 'st")
    terminal.wait_for(lambda screen: screen.count("stop sign") == 1)
    terminal.press("Tab")
    terminal.wait_for("'stop sign'")
    terminal.type(")")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: (" rows, " in screen and " ms" in screen) or " s\n" in screen)


def test_help_on_a_function_stands_beside_its_completion(terminal: Window) -> None:
    terminal.type("select * where iou")
    terminal.wait_for("intersection over union")


def test_a_query_over_several_lines_runs_when_it_is_whole(terminal: Window) -> None:
    terminal.type("select categories")
    terminal.press("M-Enter")
    terminal.type("where")
    terminal.press("Enter")
    terminal.type("contains(categories, 'car')")
    before = terminal.wait_for("contains(categories, 'car')")
    assert before.count("· ") == 2
    terminal.press("Enter")
    terminal.wait_for("rows, ")


def test_a_mistake_is_marked_with_carets_in_red_and_the_next_query_runs(terminal: Window) -> None:
    terminal.type("select * where contains(categories, 'trafic')")
    terminal.press("Enter")
    screen = terminal.wait_for("^^^^^^^^")
    line = next(line for line in screen.splitlines() if "line 1:" in line)
    carets = next(line for line in screen.splitlines() if "^^^^" in line)
    assert carets.index("^") == line.index("'trafic'")
    assert "\x1b[1m\x1b[31m" in terminal.screen(colors=True)
    terminal.type("select count(*) as n")
    terminal.press("Enter")
    terminal.wait_for("1 row, ")


def test_a_picture_is_drawn_in_half_blocks_with_colours(terminal: Window) -> None:
    terminal.type("select images limit 1")
    terminal.press("Enter")
    terminal.wait_for("▀" * 16)
    # tmux may hand on 256 colours only; a picture has several in either case.
    assert terminal.screen(colors=True).count("\x1b[38;") > 8


def test_ctrl_c_cancels_a_slow_query_and_the_session_goes_on(terminal: Window, data: Path) -> None:
    big = f'"{data}/big"'
    terminal.type(f"select count(*) from {big} a, {big} b, {big} c where a.x + b.x * c.x = 7")
    terminal.press("Enter")
    terminal.wait_for("running, Ctrl-C cancels")
    terminal.press("C-c")
    terminal.wait_for("cancelled")
    terminal.type("select count(*) as n")
    terminal.press("Enter")
    terminal.wait_for("1 row, ")


def test_ctrl_d_quits_and_what_was_entered_is_there_the_next_time(data: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="lb") as folder:
        env = {"XDG_DATA_HOME": folder}
        with window(Path(folder), "shell", str(data / "street"), env=env) as first:
            first.wait_for("street main>")
            first.type(".branch")
            first.press("Enter")
            first.wait_for("* main")
            first.press("C-d")  # whether or not the next prompt is there
            assert first.exit_status() == 0
        (Path(folder) / "status").unlink()
        with window(Path(folder), "shell", str(data / "street"), env=env) as second:
            second.wait_for("street main>")
            second.press("Up")
            second.wait_for("main> .branch")
            second.press("C-c")
            second.type(".quit")
            second.press("Enter")
            assert second.exit_status() == 0


def test_keys_typed_while_a_statement_runs_wait_for_the_next_prompt(terminal: Window, data: Path) -> None:
    big = f'"{data}/big"'
    terminal.type(f"select count(*) from {big} a, (select x from {big} limit 20000) b where a.x * b.x < 0")
    terminal.press("Enter")
    terminal.wait_for("running, Ctrl-C cancels")
    terminal.type(".branch")
    terminal.press("Enter", "C-d")
    assert terminal.exit_status() == 0
    screen = terminal.screen()
    assert "* main" in screen
    assert screen.count(".branch") == 1


def test_in_a_window_of_three_lines_what_is_typed_is_seen(data: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="lb") as folder:
        env = {"XDG_DATA_HOME": folder}
        with window(Path(folder), "shell", str(data / "street"), env=env, size=(80, 3)) as opened:
            opened.wait_for("street main>")
            opened.type("select count(*) as nn")
            opened.wait_for("select count(*) as nn")
            opened.press("Enter")
            opened.wait_for("1 row, ")


def test_a_path_that_is_no_dataset_is_an_error_and_no_shell(data: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="lb") as folder, window(Path(folder), "shell", str(data), env={}) as opened:
        assert opened.exit_status() == 1
        assert "no dataset" in opened.screen()
