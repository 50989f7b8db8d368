"""Settings of the whole test run: Hypothesis profiles, and an environment that is the same on every machine."""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tally import CASES

# No deadline but at night: a shared machine may be slow, and a test must not fail for it.
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "nightly",
    max_examples=2000,
    stateful_step_count=100,
    deadline=timedelta(minutes=1),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Hide the user's settings and credentials, here and in child processes: no test reads a real bucket or hub.
for _name in [n for n in os.environ if n.startswith(("AWS_", "LAKEBED_")) and not n.startswith("LAKEBED_TEST_")]:
    del os.environ[_name]
# A shell that starts the tests in the background has them and their children ignore Ctrl-C, which some tests press.
if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# albumentations would ask the network for a newer version of itself at import.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Folder of the checkout."""
    return Path(__file__).resolve().parent.parent


# --- how many generated cases were compared --------------------------------------------------------------------------


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its numbers to the process that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["cases"] = dict(CASES)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    CASES.update(getattr(node, "workeroutput", {}).get("cases", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, number in sorted(CASES.items()):
        terminalreporter.write_line(f"{number:,} {what}")
