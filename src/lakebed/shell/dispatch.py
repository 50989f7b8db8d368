"""Runs a statement in a session: a dot command by its action, all else as a query; errors are shown, not raised."""

from __future__ import annotations

from ..errors import LakebedError
from ..running import Cancelled
from .actions import ACTIONS
from .commands import is_command, parse_command
from .messages import defect_text, error_text
from .session import Finished, Session


def run(session: Session, statement: str) -> bool:
    """Run one query or dot command and show what comes of it; whether it succeeded.

    Errors are shown, also those that should never come, and the session goes on.

    Raises:
        Finished: the statement is `.quit`.
        Cancelled: Ctrl-C was pressed; what was entered behind the statement is not wanted either.
        BrokenPipeError: nobody reads the output any more.
    """
    try:
        if is_command(statement):
            call = parse_command(statement)
            ACTIONS[call.command.name](session, call)
        else:
            session.ask(statement)
    except (Finished, Cancelled, BrokenPipeError):
        raise
    except LakebedError as error:
        session.output.errors(error_text(error, session.output.screen.width))
    except Exception as error:
        # A defect of ours, or of a library. It costs this statement, not the user's session.
        session.output.errors(defect_text(error))
    else:
        return True
    return False
