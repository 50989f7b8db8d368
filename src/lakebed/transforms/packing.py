"""Jobs as bytes for other processes: functions by the name of their module, or by their code with cloudpickle."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any, cast

from ..storage.errors import InvalidInputError
from .work import Job, Outcome, Slice, Step, failed, work

_UNPICKLABLE = (pickle.PicklingError, AttributeError, TypeError)
"""What pickle raises for objects that it cannot write."""


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
    steps = tuple(_portable(step, same_program) for step in job.steps)
    by_name = all(isinstance(step.function, Named) for step in steps)
    try:
        return _packed(replace(job, steps=steps), by_name)
    except _UNPICKLABLE as error:
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
    try:
        return _packed(part, plain=True)
    except _UNPICKLABLE as error:
        raise InvalidInputError(
            f"an input cannot be sent to another process: {error}",
            kind="not-picklable",
            place=f"inputs {part.start} to {part.stop - 1}",
            hint="give paths or plain values, or use scheduler='threaded'",
        ) from error


def _packed(value: Any, plain: bool) -> bytes:
    """Plain pickle where that may do: it is faster, and what it writes is read without another library."""
    if plain:
        try:
            return pickle.dumps(value, protocol=5)
        except _UNPICKLABLE:
            if cloudpickle_or_none() is None:
                raise
    packed: bytes = cast(Any, cloudpickle_or_none()).dumps(value, protocol=5)
    return packed


def work_packed(job: Job, packed: bytes) -> bytes:
    """`work` in another process: a packed slice to packed outcomes. What cannot be sent home is a failure."""
    outcomes = work(job, pickle.loads(packed))
    try:
        return pickle.dumps(outcomes, protocol=5)
    except Exception:  # an object's own __reduce__ may raise anything; then the outcome that cannot travel is named
        return pickle.dumps([_sendable(outcome) for outcome in outcomes], protocol=5)


def _sendable(outcome: Outcome) -> Outcome:
    try:
        pickle.dumps(outcome, protocol=5)
    except Exception as error:
        said = InvalidInputError(f"a sample cannot be sent to the process that writes: {error}", kind="not-picklable")
        return failed(said, outcome.index)
    return outcome


def _portable(step: Step, same_program: bool) -> Step:
    """The step as pickle can send it: with its function by name if another process can import it, else as it is.

    A main script is imported by spawned processes only, and without what stands under ``if __name__ == "__main__"``,
    so its functions go by value where there is a library for that.
    """
    function = step.function
    module, name = str(getattr(function, "__module__", "")), str(getattr(function, "__qualname__", ""))
    importable = _found(module, name) is function
    if importable and module != "__main__":
        return replace(step, function=Named(module, name))
    if cloudpickle_or_none() is not None:
        return step
    if importable and same_program:
        return replace(step, function=Named(module, name))
    raise InvalidInputError(
        f"{name or function!r} cannot be imported by another process",
        kind="not-importable",
        place=f"module {module!r}",
        hint="define it at the top of a module, or pip install cloudpickle, or use scheduler='threaded'",
    )


def _found(module: str, name: str) -> Any:
    """What stands under this name in a module that is loaded; of a transform, its function."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return getattr(found, "transform_function", found)


class Named:
    """A function by its module and name; decorated with `lakebed.compute`, the name means the transform around it."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self._function: Callable[..., Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self.module, self.name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:
            self._function = self._imported()
        return self._function(*args, **kwargs)

    def _imported(self) -> Callable[..., Any]:
        try:
            import_module(self.module)
            problem = f"it has no {self.name!r} there"
        except ImportError as error:
            problem = str(error)
        function: Callable[..., Any] | None = _found(self.module, self.name)
        if function is None:
            raise InvalidInputError(
                f"a worker cannot import the transform from {self.module!r}: {problem}",
                kind="not-importable",
                hint="install the module where the workers are; for Ray, ray.init(runtime_env={'working_dir': '.'})",
            )
        return function
