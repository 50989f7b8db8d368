from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.text import Text

import lakebed
from face_data import CLASSES, fresh_path, numbers, street
from lakebed.shell import dispatch
from lakebed.shell.piped import PlainOutput, run_lines
from lakebed.shell.session import Finished, Session
from lakebed.shell.tables import Screen
from shell_kit import Recorder, street_session

CARS = "select * where contains(categories, 'car')"


def run(session: Session, output: Recorder, statement: str) -> str:
    """What a statement shows; fails if it fails."""
    assert dispatch.run(session, statement), output.take_error()
    return output.take()


def refused(session: Session, output: Recorder, statement: str) -> str:
    """The error of a statement that must fail."""
    assert not dispatch.run(session, statement)
    return output.take_error()


def test_a_query_shows_a_table_and_how_many_rows_there_are() -> None:
    session, output = street_session()
    session.images = False
    lines = run(
        session, output, "select categories, shape(boxes)[0] as n where contains(categories, 'car')"
    ).splitlines()
    assert lines[0].split() == ["row", "categories", "n"]
    assert lines[2].split() == ["0", "car", "1"]
    assert lines[-1] == f"{len(lines) - 3} rows"


def test_the_time_of_a_query_stands_below_its_table() -> None:
    output = Recorder()
    session = Session(output, street(3))
    assert run(session, output, "select count(*)").splitlines()[-1].startswith("1 row, ")
    assert output.take() == ""


def test_columns_that_a_query_names_are_shown_under_that_name() -> None:
    session, output = street_session()
    session.images = False
    assert run(session, output, "select categories as what limit 1").split()[:2] == ["row", "what"]


def test_groups_show_their_size_and_cells() -> None:
    session, output = street_session()
    text = run(session, output, "select categories, count(*) as n group by shape(boxes)[0]")
    assert text.split()[:3] == ["rows", "categories", "n"]
    assert "[car]" in text


def test_a_mistake_is_shown_with_carets_and_the_session_goes_on() -> None:
    session, output = street_session()
    error = refused(session, output, "select *\nwhere contains(categories, 'cra')")
    assert error.splitlines() == [
        "error: unknown class name 'cra' in column \"categories\"",
        "  line 2: where contains(categories, 'cra')",
        "                                     ^^^^^",
        "  hint: did you mean 'car'?",
    ]
    assert "10" in run(session, output, "select count(*)")


def test_the_line_of_a_mistake_is_cut_to_the_window() -> None:
    session, output = street_session(screen=Screen(40, 40, "none"))
    error = refused(session, output, f"select * where {'1 = 1 and ' * 20} nosuch = 1 and {'1 = 1 and ' * 20} 1 = 1")
    line, carets = error.splitlines()[1:3]
    assert len(line) <= 40
    assert line[carets.index("^") : carets.rindex("^") + 1] == "nosuch"


def test_an_error_outside_of_a_query_says_where_and_what_to_do() -> None:
    session, output = street_session()
    assert "at: " in refused(session, output, ".open /nowhere/at/all")
    assert session.dataset is not None
    assert "did you mean .schema" in refused(session, output, ".shcema")


def test_long_results_are_shown_page_by_page() -> None:
    output = Recorder(Screen(100, 19, "none"))
    session = Session(output, numbers(25), timing=False)
    assert run(session, output, "select *").splitlines()[-1] == "25 rows, 1 to 10 shown (.more goes on)"
    assert run(session, output, ".more").splitlines()[-1] == "25 rows, 11 to 20 shown (.more goes on)"
    assert run(session, output, ".more").splitlines()[2:] == ["", " 20  20"][1:] + [
        f" {n}  {n}" for n in range(21, 25)
    ] + ["25 rows, 21 to 25 shown"]
    assert "no more rows" in refused(session, output, ".more")


def test_a_limit_makes_pages_shorter() -> None:
    output = Recorder()
    session = Session(output, numbers(25), timing=False)
    assert "3 rows at most" in run(session, output, ".limit 3")
    assert "1 to 3 shown" in run(session, output, "select *")
    assert "not a number" in refused(session, output, ".limit few")


def test_pictures_are_drawn_in_the_table_until_they_are_switched_off() -> None:
    session, output = street_session()
    assert "▀▀▀▀" in run(session, output, "select images limit 1")
    assert run(session, output, ".images off") == "pictures are off"
    assert "24 x 32 x 3" in run(session, output, "select images limit 1")
    assert run(session, output, ".images") == "pictures are on"
    assert "neither on nor off" in refused(session, output, ".images maybe")


def test_a_picture_that_cannot_be_read_is_named_in_its_cell_and_the_others_are_drawn(tmp_path: Path) -> None:
    from PIL import Image

    ds = lakebed.empty(fresh_path())
    ds.create_tensor("images", htype="link[image]")
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / name)
        ds.append({"images": lakebed.link(str(tmp_path / name))})
    (tmp_path / "a.png").unlink()
    output = Recorder()
    session = Session(output, ds)
    text = run(session, output, "select *")
    assert "unreadable" in text
    assert "▀▀▀▀▀▀▀▀" in text
    assert "unreadable" in run(session, output, ".show 0")


def test_a_row_is_shown_in_full_with_its_boxes_and_a_legend() -> None:
    session, output = street_session()
    run(session, output, CARS)
    text = run(session, output, ".show 2")
    assert "▀▀▀▀" in text
    assert "■ stop sign" not in text.splitlines()[0]
    assert [line.split()[0] for line in text.splitlines() if line[:1].islower()] == [
        "row",
        "images",
        "boxes",
        "categories",
    ]
    assert "not in the last result" in refused(session, output, ".show 1")
    assert "row         0" in run(session, output, ".show")


def test_without_a_result_a_row_of_the_dataset_is_shown() -> None:
    session, output = street_session()
    assert "row         7" in run(session, output, ".show 7")


def test_an_empty_dataset_has_no_row_to_show_or_plot() -> None:
    session, output = street_session(0)
    assert "no row" in refused(session, output, ".show")
    assert "no rows" in refused(session, output, ".plot")
    assert run(session, output, "select *") == "0 rows"


def test_plot_draws_rows_side_by_side_or_into_a_file(tmp_path: Path) -> None:
    session, output = street_session()
    lines = run(session, output, ".plot 3").splitlines()
    assert lines[0].split() == ["row", "0", "row", "1", "row", "2"]
    assert "■" in lines[-1]
    target = tmp_path / "grid.png"
    assert run(session, output, f".plot {target} 4") == f"wrote {target}"
    assert target.stat().st_size > 500
    assert "row 0" in run(session, output, ".plot")
    assert "no image tensor" in refused(Session(output, numbers(3)), output, ".plot")


def test_the_schema_and_the_classes_are_listed() -> None:
    session, output = street_session()
    text = run(session, output, ".schema")
    assert "10 rows" in text
    assert "class_label" in text
    lines = run(session, output, ".classes").splitlines()
    assert lines[0].split() == ["categories", "labels", "rows"]
    counts = {line[:11].strip(): line[11:].split() for line in lines[2:]}
    assert set(counts) == set(CLASSES)
    codes = [c for row in session.opened["categories"].numpy(aslist=True) for c in row.tolist()]
    assert int(counts["car"][0]) == codes.count(0)
    assert "no class names" in refused(session, output, ".classes boxes")
    assert "no column has class names" in refused(Session(output, numbers(2)), output, ".classes")


def test_classes_of_an_empty_dataset_and_of_labels_without_names_are_counted() -> None:
    session, output = street_session(0)
    assert "car              0     0" in run(session, output, ".classes categories")


def test_history_is_listed_and_changed() -> None:
    session, output = street_session()
    assert "made" in run(session, output, ".log")
    assert run(session, output, ".branch") == "* main"
    assert run(session, output, ".branch night") == "on the new branch night"
    ds = session.opened
    ds.pop(0)
    assert "uncommitted changes" in run(session, output, ".log")
    assert "rows deleted    0" in run(session, output, ".diff")
    assert run(session, output, ".commit fewer rows").startswith("commit ")
    assert "nothing" in refused(session, output, ".commit again")
    assert run(session, output, ".log 1").splitlines()[-1] == "... 1 older ones; .log 2 shows all"
    assert "10 rows" in run(session, output, ".checkout main")
    assert "rows deleted    0" in run(session, output, ".diff main night")
    ds.tag("v1")
    assert "v1  tag" in run(session, output, ".branch")
    assert "read-only" in run(session, output, ".checkout v1")
    assert "no changes" in run(session, output, ".diff")


def test_a_dataset_without_commits_says_so() -> None:
    output = Recorder()
    session = Session(output, lakebed.empty(fresh_path()))
    assert run(session, output, ".log") == "no commits yet"
    assert "the empty dataset" in run(session, output, ".diff")


def test_results_are_saved_as_views_and_views_are_asked() -> None:
    session, output = street_session()
    assert "no result yet" in refused(session, output, ".save cars")
    assert "no saved views" in run(session, output, ".views")
    found = len(session.opened.query(CARS))
    run(session, output, CARS)
    assert run(session, output, ".save cars Rows with cars").endswith("views/cars")
    assert "Rows with cars" in run(session, output, ".views")
    assert f"the {found} rows of cars" in run(session, output, ".load cars")
    assert str(found) in run(session, output, "select count(*)")
    assert list(session.names.views) == ["cars"]
    assert "all 10 rows" in run(session, output, ".load")
    assert "10" in run(session, output, "select count(*)")
    run(session, output, "select count(*)")
    assert "no rows that could be saved" in refused(session, output, ".save count")


def test_explain_takes_a_query_or_the_last_one() -> None:
    session, output = street_session()
    assert "no query to explain" in refused(session, output, ".explain")
    text = run(session, output, ".explain select * where contains(categories, 'car')")
    assert {"query:", "plan:"} <= set(text.splitlines())
    run(session, output, "select * where shape(boxes)[0] > 1")
    assert "shape" in run(session, output, ".explain").lower()
    assert "^" in refused(session, output, ".explain select * were")


def test_help_lists_commands_and_explains_one_or_a_function() -> None:
    session, output = street_session()
    assert ".checkout NAME" in run(session, output, ".help")
    assert ".checkout NAME" in run(session, output, ".help checkout")
    assert "contains(array, any) → bool" in run(session, output, ".help contains")
    assert "iou(" in run(session, output, ".help functions")
    assert "did you mean" in refused(session, output, ".help contians")


def test_without_a_dataset_queries_name_their_own_and_commands_ask_for_one() -> None:
    ds = street(4)
    output = Recorder()
    session = Session(output)
    assert "4" in run(session, output, f'select count(*) from "{ds.path}"')
    assert "SELECT" in run(session, output, f'.explain select * from "{ds.path}"')
    assert "write .open PATH" in refused(session, output, ".schema")
    assert "rows=4" in run(session, output, f".open {ds.path}")
    assert "4 rows" in run(session, output, ".schema")


def test_a_defect_costs_a_statement_and_not_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    session, output = street_session(2)

    def breaks(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    with monkeypatch.context() as patch:
        patch.setattr("lakebed.shell.session.answer", breaks)
        error = refused(session, output, "select *")
    assert "ZeroDivisionError: by zero" in error
    assert "in _answer" in error
    assert "report it" in error
    assert run(session, output, "select count(*)")


def test_quit_ends_the_session() -> None:
    session, _ = street_session()
    with pytest.raises(Finished):
        dispatch.run(session, ".quit")


def test_names_are_read_again_after_they_changed() -> None:
    session, output = street_session()
    assert session.names.branches == ("main",)
    run(session, output, ".branch night")
    assert set(session.names.branches) == {"main", "night"}
    assert Session(output).names.columns == ()


def test_every_line_of_every_command_fits_into_a_narrow_window() -> None:
    session, output = street_session(screen=Screen(40, 20, "many"))
    for statement in ("select *", "select boxes", ".show", ".plot", ".schema", ".classes"):
        assert dispatch.run(session, statement), output.take_error()
        assert [line.plain for line in output.shown if line.cell_len > 40] == []
        output.shown.clear()


def test_exports_are_written_in_the_form_that_the_ending_says(tmp_path: Path) -> None:
    session, output = street_session()
    assert "no result yet" in refused(session, output, ".export x.csv")
    run(session, output, CARS)
    for ending in ("csv", "json", "arrow", "parquet"):
        assert "rows to" in run(session, output, f".export {tmp_path}/cars.{ending}")
        assert (tmp_path / f"cars.{ending}").stat().st_size > 0
    assert "end the name with .csv" in refused(session, output, f".export {tmp_path}/cars.txt")
    assert "could not be written" in refused(session, output, f".export {tmp_path}/no/folder/cars.csv")


def test_lines_from_a_pipe_are_all_run_and_a_failure_is_remembered() -> None:
    out, err = io.StringIO(), io.StringIO()
    session = Session(PlainOutput(out, err), street(4), images=False, timing=False, cancellable=False)
    assert not run_lines(session, ["select count(*) as n\n", "select * were\n", ".branch\n", ".quit\n", "select 1\n"])
    assert out.getvalue() == "n\n─\n4\n1 row\n* main\n"
    assert "^^^^" in err.getvalue()
    assert run_lines(session, ["select count(*) as n"])


def test_data_cannot_send_control_characters_to_the_terminal() -> None:
    from lakebed.shell.terminal import harmless

    line = harmless(Text("a\x1b]0;owned\x9bb"))
    assert line.plain == "a\N{REPLACEMENT CHARACTER}]0;owned\N{REPLACEMENT CHARACTER}b"


def test_pixels_of_a_view_are_those_of_its_rows() -> None:
    session, output = street_session()
    run(session, output, "select * order by row_number() desc limit 1")
    assert np.array_equal(session.result["images"][0].numpy(), session.opened["images"][9].numpy())
    assert "row         9" in run(session, output, ".show")


@pytest.mark.parametrize(
    "statement",
    [
        "select " + "(" * 100_000,
        "select " + "1 + " * 300_000 + "1",
        "select '\0\ud800",
        "select 'never closed",
        "x" * 2_000_000,
        "select * from read_csv('/etc/passwd')",
        "attach 'x.db'",
        "install httpfs",
        "set memory_limit = '1TB'",
        "copy dataset to 'x'",
        ".open \0",
        ".\ud800",
        ".a" + "b" * 100_000,
    ],
    ids=lambda text: text[:12].encode("unicode_escape").decode(),
)
def test_hostile_input_is_an_error_and_the_session_goes_on(statement: str) -> None:
    session, output = street_session(2)
    session.images = False
    assert refused(session, output, statement)
    assert run(session, output, "select count(*) as n").splitlines()[2] == "2"
