"""Jobs as bytes for other processes: functions by the name of their module, or by their code with cloudpickle."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

from ..storage.errors import InvalidInputError
from .work import Job, Outcome, Slice, Step, failed, work


def cloudpickle_or_none() -> ModuleType | None:
    """cloudpickle, on its own or as a part of Ray."""
    for name in ("cloudpickle", "ray.cloudpickle"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def pack_job(job: Job, same_program: bool = True) -> bytes:
    """The job for another process; `same_program` says that it imports this process's main script, as spawn does.

    Raises:
        InvalidInputError: kind "not-importable": a function or an argument cannot be sent.
    """
    by_value = cloudpickle_or_none()
    steps = tuple(_portable(step, by_value is not None, same_program) for step in job.steps)
    dumps: Callable[..., bytes] = pickle.dumps if by_value is None else by_value.dumps
    try:
        return dumps(replace(job, steps=steps), protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidInputError(
            f"the transform cannot be sent to another process: {error}",
            kind="not-importable",
            place=", ".join(step.name for step in job.steps),
            hint="its arguments, and what a function inside a function uses, must pickle; or use scheduler='threaded'",
        ) from error


def pack_items(part: Slice) -> bytes:
    """Inputs for another process.

    Raises:
        InvalidInputError: kind "not-picklable": names the inputs.
    """
    packer: Any = cloudpickle_or_none() or pickle
    try:
        packed: bytes = packer.dumps(part, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidInputError(
            f"an input cannot be sent to another process: {error}",
            kind="not-picklable",
            place=f"inputs {part.start} to {part.stop - 1}",
            hint="give paths or plain values, or use scheduler='threaded'",
        ) from error
    return packed


def work_packed(job: Job, packed: bytes) -> bytes:
    """`work` in another process: a packed slice to packed outcomes. What cannot be sent home is a failure."""
    outcomes = work(job, pickle.loads(packed))
    try:
        return pickle.dumps(outcomes, protocol=5)
    except Exception:
        return pickle.dumps([_sendable(outcome) for outcome in outcomes], protocol=5)


def _sendable(outcome: Outcome) -> Outcome:
    try:
        pickle.dumps(outcome, protocol=5)
    except Exception as error:
        said = InvalidInputError(f"a sample cannot be sent to the process that writes: {error}", kind="not-picklable")
        return failed(said, outcome.index)
    return outcome


def _portable(step: Step, by_value: bool, same_program: bool) -> Step:
    """The step as pickle can send it."""
    function = step.function
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module in sys.modules and (module != "__main__" or (not by_value and same_program)):
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is function or getattr(found, "transform_function", None) is function:
            return replace(step, function=Named(module, name))
    if by_value or not name:
        return step
    raise InvalidInputError(
        f"{name!r} cannot be imported by another process",
        kind="not-importable",
        place=f"module {module!r}",
        hint="define it at the top of a module, or pip install cloudpickle, or use scheduler='threaded'",
    )


class Named:
    """A function by its module and name; decorated with `lakebed.compute`, the name means the transform around it."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self._function: Callable[..., Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self.module, self.name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:
            found: Any = import_module(self.module)
            for part in self.name.split("."):
                found = getattr(found, part)
            self._function = getattr(found, "transform_function", found)
        return self._function(*args, **kwargs)
