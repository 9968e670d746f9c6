"""How a command ends when it could not do what it was asked for: one exit code for each kind of error."""

from consumer.settings import SettingsError, with_origins
from domain.errors import EngagementError, MisconfiguredError, StuckError, TransientError


class UnusableInputError(EngagementError):
    """An option or a line of a file can't be used; the text says which and why."""


class NoAnswerError(EngagementError):
    """Nobody did in time what was waited for: most likely no worker runs."""


class RefusedError(EngagementError):
    """What was asked for can't happen, however long one waits."""


_USAGE, _SURROUNDINGS, _REFUSED = 2, 3, 4
_CODES: dict[type[EngagementError], int] = {
    SettingsError: _USAGE,
    UnusableInputError: _USAGE,
    MisconfiguredError: _SURROUNDINGS,
    TransientError: _SURROUNDINGS,
    NoAnswerError: _SURROUNDINGS,
    RefusedError: _REFUSED,
    StuckError: _REFUSED,
}
OPERATOR_ERRORS = tuple(_CODES)
"""What a person can put right: their text is all that is shown. Any other error is a defect and shows its trace."""


def exit_code(error: EngagementError) -> int:
    """The exit code for one of ``OPERATOR_ERRORS``."""
    return next(code for kind, code in _CODES.items() if isinstance(error, kind))


def problems(error: EngagementError) -> list[str]:
    """What the error says, a line each; beside each setting named there, where its value came from."""
    lines = str(error).splitlines()
    # What is wrong with settings tells the origins by itself, and names some that have no value.
    return lines if isinstance(error, SettingsError) else [with_origins(line) for line in lines]
