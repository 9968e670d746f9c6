"""What a field of an input record may hold."""

import re
from datetime import UTC, datetime

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_CONTROLS = r"\x00-\x1f\x7f-\x9f"  # all of Unicode's category Cc
_BIDIRECTIONAL_CONTROLS = r"\u202a-\u202e\u2066-\u2069"
# Halves of surrogate pairs are no characters; JSON can't bring them here, an argument of a command can.
_LABEL = re.compile(rf"[^{_CONTROLS}\ud800-\udfff]{{1,128}}")
_UNWANTED_IN_NAMES = re.compile(rf"[{_CONTROLS}{_BIDIRECTIONAL_CONTROLS}]")
_LONGEST_NAME = 200

LABEL_RULE = "must be a string of 1 to 128 characters without control characters"
NAME_RULE = "must be a string of 1 to 200 characters once control characters and surrounding white space are taken out"
TIME_RULE = "must be a string with an RFC 3339 date-time such as 2026-11-22T10:00:00Z"


def is_label(text: object) -> bool:
    """Whether it can be a user id or a tick id."""
    return isinstance(text, str) and _LABEL.fullmatch(text) is not None


def clean_name(text: object) -> str | None:
    """The name without control characters, bidirectional controls and surrounding white space; None if unusable."""
    if not isinstance(text, str):
        return None
    # Stripped last: taking a control character out can bring white space to the ends.
    name = _UNWANTED_IN_NAMES.sub("", text).strip()
    return name if 1 <= len(name) <= _LONGEST_NAME else None


def parse_time(text: object) -> datetime:
    """The RFC 3339 date-time in UTC, cut off after the microseconds.

    Raises ValueError where the text is none, for leap seconds and hour 24, and outside the years 0001 to 9999 in UTC.
    """
    if not isinstance(text, str) or _TIME.fullmatch(text) is None:
        raise ValueError(TIME_RULE)
    try:
        if text.startswith("0000"):
            return _from_year_zero(text)
        at = datetime.fromisoformat(text)
        return at if at.tzinfo is UTC else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(TIME_RULE) from None


def _from_year_zero(text: str) -> datetime:
    # datetime has no year 0, but an offset can move the end of it into the year 1. Leap years repeat every 400 years.
    at = datetime.fromisoformat("0400" + text[4:]).astimezone(UTC)
    return at.replace(year=at.year - 400)
