from __future__ import annotations

import _thread
import threading
from collections.abc import Callable

import pytest
from lakebed.tql.errors import TQLError

from face_data import numbers
from lakebed import engine
from lakebed.running import Cancelled, run_cancellable, wait_for_left


def nothing(_: threading.Thread) -> None:
    raise AssertionError("not interrupted")


def left() -> list[threading.Thread]:
    """Threads with work of a shell that are still running."""
    return [thread for thread in threading.enumerate() if thread.name == "lakebed work"]


def press_ctrl_c(when: threading.Event) -> threading.Thread:
    """Interrupts the main thread, as Ctrl-C does, once `when` is set."""

    def press() -> None:
        if when.wait(60):
            _thread.interrupt_main()

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def test_work_that_is_not_cancelled_gives_its_value_or_its_error() -> None:
    assert run_cancellable(lambda: 7, nothing) == 7

    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_cancellable(fails, nothing)


def cancelled(
    work: Callable[[threading.Event], object], interrupt: Callable[[threading.Thread], object], grace: float
) -> Cancelled:
    started = threading.Event()
    presser = press_ctrl_c(started)

    def begun() -> object:
        started.set()
        return work(started)

    with pytest.raises(Cancelled) as caught:
        run_cancellable(begun, interrupt, grace)
    presser.join()
    return caught.value


def test_ctrl_c_interrupts_the_work_until_it_stops() -> None:
    stop = threading.Event()
    asked: list[int] = []

    def interrupt(_: threading.Thread) -> None:
        asked.append(1)
        if len(asked) == 3:
            stop.set()

    error = cancelled(lambda _: stop.wait(60), interrupt, grace=60)
    assert not error.left_running
    assert len(asked) == 3


def test_work_that_does_not_stop_in_time_is_left_to_itself() -> None:
    stop = threading.Event()
    error = cancelled(lambda _: stop.wait(60), lambda _: None, grace=0.1)
    assert error.left_running
    assert "background" in str(error)
    wait_for_left(lambda _: None, grace=0.1)
    assert left()
    wait_for_left(lambda _: stop.set(), grace=60)
    assert not left()


def test_a_second_ctrl_c_waits_no_longer() -> None:
    stop, waiting = threading.Event(), threading.Event()
    again = press_ctrl_c(waiting)
    error = cancelled(lambda _: stop.wait(60), lambda _: waiting.set(), grace=60)
    again.join()
    assert error.left_running
    stop.set()


def test_a_query_in_the_database_is_interrupted_and_the_next_one_runs() -> None:
    ds = numbers(3000)
    ds.commit("for FROM", allow_empty=True)
    seen: list[BaseException] = []
    slow = f'select count(*) from "{ds.path}" a, "{ds.path}" b, "{ds.path}" c where a.x + b.x * c.x = 7'
    began = threading.Event()

    def work() -> None:
        began.set()
        try:
            ds.query(slow)
        except TQLError as error:
            seen.append(error)
            raise

    presser = press_ctrl_c(began)
    with pytest.raises(Cancelled) as caught:
        run_cancellable(work, engine.interrupt, grace=60)
    presser.join()
    assert not caught.value.left_running
    assert isinstance(seen[0], TQLError)
    assert seen[0].kind == "interrupted"
    assert len(ds.query("select * where x > 2997")) == 2


def test_work_cancelled_before_it_comes_to_the_database_never_runs_there() -> None:
    ds = numbers(10)
    seen: list[BaseException] = []
    go = threading.Event()

    def work() -> None:
        go.wait(60)
        try:
            ds.query("select sum(x) as n group by x")  # which needs SQL
        except TQLError as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    engine.interrupt(thread)
    go.set()
    thread.join()
    assert isinstance(seen[0], TQLError)
    assert seen[0].kind == "interrupted"
    assert len(ds.query("select count(*) as n group by x")) == 10
