"""Progress bars on stderr, by tqdm."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast


class Bar(Protocol):
    """What is asked of a progress bar."""

    def update(self, n: int) -> Any: ...


def progress(total: int, unit: str, shown: bool = True, what: str = "") -> AbstractContextManager[Bar]:
    """A bar that counts to `total`; with `shown` False, or without a stderr, it counts unseen."""
    from tqdm import tqdm

    unseen = not shown or sys.stderr is None  # a program without a terminal may have none
    bar = tqdm(total=total, unit=f" {unit}", desc=what or None, disable=unseen, leave=True, mininterval=0.2)
    return cast(AbstractContextManager[Bar], bar)
