"""Runs actors on one store in every order of their store calls that has few switches, one call at a time.

Each actor is a thread that stops before every call; the schedule says who goes next. Bugs of concurrent programs need
few switches at the right places, so all schedules with up to two of them find more than millions of random ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from lakebed.storage.stores.base import Store

from faulty_store import WatchedStore

Actor = Callable[[Store], object]


class _Player:
    """One actor, stopped before each of its store calls."""

    def __init__(self, store: Store, actor: Actor) -> None:
        self.finished = False
        self.error: BaseException | None = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._store = WatchedStore(store, before=self._wait)
        self._thread = threading.Thread(target=self._play, args=(actor,), daemon=True)
        self._thread.start()

    def _wait(self, *_: object) -> None:
        self._stopped.release()
        self._go.acquire()

    def _play(self, actor: Actor) -> None:
        self._go.acquire()
        try:
            actor(self._store)
        except BaseException as error:  # handed to the test
            self.error = error
        self.finished = True
        self._stopped.release()

    def step(self) -> None:
        """Let it make one call and run to the next."""
        self._go.release()
        self._stopped.acquire()


def run(store: Store, actors: Sequence[Actor], switches: Sequence[tuple[int, int]]) -> list[BaseException | None]:
    """Play the actors; the first runs until a switch.

    Args:
        switches: (step, actor): after so many steps in all, that actor goes on. One that ends hands over to the next.

    Returns:
        The error of each actor, None if it came to its end.
    """
    players = [_Player(store, actor) for actor in actors]
    now, steps, plan = 0, 0, dict(switches)
    while not all(player.finished for player in players):
        now = plan.get(steps, now)
        while players[now].finished:
            now = (now + 1) % len(players)
        players[now].step()
        steps += 1
    return [player.error for player in players]


def steps_of(store: Store, actor: Actor) -> int:
    """How many steps an actor makes when it runs alone."""
    player, steps = _Player(store, actor), 0
    while not player.finished:
        player.step()
        steps += 1
    return steps


def two_switches(first: int, second: int, stride: int = 1) -> Iterator[tuple[tuple[int, int], ...]]:
    """Every schedule of two actors with up to two switches, the first actor of `first` steps, the other of `second`."""
    for start in range(0, first + 1, stride):
        for length in range(1, second + 1, stride):
            yield ((start, 1), (start + length, 0))
