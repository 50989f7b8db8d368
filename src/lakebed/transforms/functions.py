"""The decorator `lakebed.compute`, `lakebed.compose`, and the pipelines they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from ..storage.errors import InvalidInputError
from .evaluation import Options, evaluate
from .work import Step

if TYPE_CHECKING:
    from ..datasets import Dataset


class Pipeline:
    """Functions with their arguments, to be run one after the other on each sample."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)

    def eval(
        self,
        data_in: Any,
        ds_out: Dataset | None = None,
        num_workers: int = 0,
        scheduler: str = "threaded",
        progressbar: bool = True,
        skip_ok: bool = False,
        check_lengths: bool = True,
        pad_data_in: bool = False,
        read_only_ok: bool = False,
        cache_size: int = 0,
        checkpoint_interval: int = 0,
        ignore_errors: bool = False,
        verbose: bool = True,
        *,
        resume: bool = True,
    ) -> None:
        """Call the functions with every sample of `data_in` and write the rows they give.

        The rows stand in the order of the input, and class names are registered in that order, whatever the number of
        workers. Without checkpoints it is all or nothing.

        Args:
            data_in: a list or other sequence, a dataset or a view. Rows of a dataset come as they are when `eval`
                begins, read by the workers: ``sample_in.images.numpy()``, ``sample_in["boxes"].numpy()``.
            ds_out: where rows are appended; its tensors must be there. None replaces the rows of `data_in` itself,
                each by the one row that is made of it; tensors that it lacks keep their samples.
            num_workers: threads, processes or tasks at once; 0 works in this thread, whatever the scheduler is
                (with "ray": as many tasks as the cluster has processors).
            scheduler: "threaded", "processes" (or Deep Lake's "processed"), "serial", or "ray" for the cluster that
                ``ray.init(...)`` connected this program to. This process alone writes and commits.
            progressbar: show samples per second on stderr.
            skip_ok: the functions may leave out tensors of `ds_out`; their cells are empty.
            read_only_ok: a read-only `data_in` without `ds_out` is allowed: the functions only look.
            checkpoint_interval: commit after every so many samples, so that the same call after a crash goes on at the
                last checkpoint. The end lands like any other write, and is yours to commit.
            ignore_errors: leave out samples whose function raises or whose rows do not fit; a warning lists them.
            resume: False begins at the first sample even where an earlier eval stopped at a checkpoint.
            check_lengths: accepted for old scripts and unused, as `pad_data_in` (rows are whole here), `cache_size` and
                `verbose` are.

        Raises:
            TransformError: a function raised; names the input, the cause is chained, its traceback in the notes.
            SampleError: a sample does not fit; names the input and the tensor.
            WorkerError: a worker process died.
            InvalidInputError: an argument does not fit, or a function cannot be sent to another process.
            StateError: `ds_out` is read-only, Ray is not running, or kind "other-checkpoint".
        """
        options = Options(
            num_workers=num_workers,
            scheduler=scheduler,
            progressbar=progressbar,
            skip_ok=skip_ok,
            read_only_ok=read_only_ok,
            checkpoint_interval=checkpoint_interval,
            ignore_errors=ignore_errors,
            resume=resume,
        )
        evaluate(self.steps, data_in, ds_out, options)

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(step.name for step in self.steps)})"


class Transform:
    """A function decorated with `compute`: call it with its further arguments, then `eval` on data."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        update_wrapper(self, function)
        self.transform_function = function
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Pipeline:
        return Pipeline([Step(self.transform_function, args, kwargs, self.name)])

    def eval(self, data_in: Any, ds_out: Dataset | None = None, *args: Any, **kwargs: Any) -> None:
        """Run it without further arguments; see `Pipeline.eval`."""
        self().eval(data_in, ds_out, *args, **kwargs)

    def __repr__(self) -> str:
        return f"Transform({self.name})"


def compute(fn: Callable[..., Any], name: str | None = None) -> Transform:
    """Make a transform of a function ``(sample_in, samples_out, *args, **kwargs)``.

    `sample_in` is one element of the input; rows made of it are put with ``samples_out.append({...})``,
    ``samples_out.extend({...})`` or ``samples_out.tensor.append(x)``, as many as there are. `name` is shown in progress
    bars and commit messages; None takes the function's.

    >>> @compute
    ... def halves(number, samples_out, step=1):
    ...     samples_out.append({"numbers": number // 2 * step})
    >>> halves(step=3)
    Pipeline(halves)
    """
    if not callable(fn):
        raise InvalidInputError(f"compute() takes a function: found a {type(fn).__name__}", kind="bad-argument")
    return Transform(fn, name or str(getattr(fn, "__name__", type(fn).__name__)))


def compose(functions: Sequence[Pipeline | Transform]) -> Pipeline:
    """Chain transforms: each row that one gives is the `sample_in` of the next, ``sample_in.images`` its sample.

    ``compose([load(), resize(size=256)]).eval(paths, ds)``

    Raises:
        InvalidInputError: there is none, or one is not decorated with `compute`.
    """
    steps: list[Step] = []
    for function in functions:
        if not isinstance(function, Pipeline | Transform):
            raise InvalidInputError(
                f"compose() takes transforms: found a {type(function).__name__}",
                kind="bad-argument",
                hint="decorate it with @lakebed.compute, and call it with its arguments",
            )
        steps += (function() if isinstance(function, Transform) else function).steps
    if not steps:
        raise InvalidInputError("compose() was given no transforms", kind="bad-argument")
    return Pipeline(steps)
