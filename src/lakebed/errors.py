"""The root of Lakebed's error tree; it imports nothing, so every part may build on it.

::

    LakebedError
      TQLError            what is wrong is in the query text          (lakebed.tql.errors)
        TQLSyntaxError, TQLNameError, TQLTypeError, TQLUnsupportedError, TQLLimitError
      InvalidInputError   what is wrong is in the caller's arguments  (also ValueError)
        SampleError, SchemaError, RangeError
      NotFoundError       the thing named is not there                (also KeyError)
      AlreadyExistsError  the thing named is already there
      StateError          the call does not fit the present state (read-only, uncommitted changes)
      ConflictError       another writer was faster, or two edits disagree
      StorageError        the store refused or failed: disk full, no permission, network
        CommitUnknownError  the outcome could not be learned; look it up before trying again
      DamageError         what is stored is not what was written
      FormatError         what is stored needs a newer Lakebed, or is not a dataset

A class says what a caller would do about it; `kind` is a stable word for the exact cause.
"""

from __future__ import annotations


class LakebedError(Exception):
    r"""Base of every error that Lakebed raises on purpose.

    Attributes:
        kind: stable lower-case word for the cause, such as ``"unknown-tensor"``; safe to compare in programs.
        message: what was found and what was expected, one sentence.
        place: what the message is about: a path, a tensor and row, a query position; "" if nowhere.
        hint: what to do about it; "" if there is nothing useful to say.

    >>> str(LakebedError("no such thing", kind="missing", place="tensor 'x'", hint="create it first"))
    "no such thing\n  at: tensor 'x'\n  hint: create it first"
    """

    default_kind = "error"

    def __init__(self, message: str, *, kind: str = "", place: str = "", hint: str = "") -> None:
        self.kind = kind or self.default_kind
        self.message = message
        self.place = place
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        lines = [self.message]
        if self.place:
            lines.append(f"  at: {self.place}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        # A path or name may hold what no encoding can print, and then nobody would learn what is wrong with it.
        return "\n".join(lines).encode("utf-8", "backslashreplace").decode("utf-8")

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes send errors home by pickle; keyword-only arguments need this.
        return (_rebuild, (type(self), self.message, self.kind, self.place, self.hint))


def _rebuild(cls: type[LakebedError], message: str, kind: str, place: str, hint: str) -> LakebedError:
    return cls(message, kind=kind, place=place, hint=hint)
