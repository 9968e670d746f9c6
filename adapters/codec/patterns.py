"""The texts of payloads as JSON Schema can say them.

The patterns keep to what the regular expressions of most languages share: no look-around, control characters by two
hexadecimal digits, and all others as themselves.
"""

from typing import Any

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_BIDIRECTIONAL_CONTROLS = "\u202a-\u202e\u2066-\u2069"
# What str.strip takes away, but for the control characters, which are taken out of a name anyway.
_WHITE_SPACE = " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_UNWANTED = _CONTROLS + _BIDIRECTIONAL_CONTROLS

_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = (
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_HOUR_AND_MINUTE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"

# Said of times too, whose pattern ends with "$": in some languages that also matches before a line feed at the end.
_WITHOUT_CONTROLS: dict[str, Any] = {"not": {"pattern": f"[{_CONTROLS}]"}}

LABEL: dict[str, Any] = {"minLength": 1, "maxLength": 128, **_WITHOUT_CONTROLS}
"""A user id or a tick id."""

TIME_IN: dict[str, Any] = {
    "format": "date-time",
    "pattern": rf"^{_DAY}T{_HOUR_AND_MINUTE}:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-]{_HOUR_AND_MINUTE})$",
    **_WITHOUT_CONTROLS,
}
"""A time that the engine reads. Not said: that it must lie within the years 0001 to 9999 once it is in UTC."""

TIME_OUT: dict[str, Any] = {
    "format": "date-time",
    "pattern": rf"^{_DAY}T{_HOUR_AND_MINUTE}:[0-5][0-9]\.[0-9]{{6}}Z$",
}
"""A time that the engine writes."""

_AT_AN_END = f"[{_UNWANTED}{_WHITE_SPACE}]*"
_FIRST_OR_LAST = f"[^{_UNWANTED}{_WHITE_SPACE}]"
NAME: dict[str, Any] = {
    "pattern": (
        # Between the first and the last character that stay, 198 others may stay: 200 in all.
        f"^{_AT_AN_END}{_FIRST_OR_LAST}"
        f"(?:(?:[{_UNWANTED}]*[^{_UNWANTED}]){{0,198}}[{_UNWANTED}]*{_FIRST_OR_LAST})?{_AT_AN_END}$"
    )
}
"""A name that has 1 to 200 characters once it is cleaned."""

UUID_5: dict[str, Any] = {
    "format": "uuid",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
}

COUNT: dict[str, Any] = {"pattern": "^(?:0|[1-9][0-9]*)$"}
"""A whole number from 0 on written as text, as headers hold it."""

NUMBER: dict[str, Any] = {"pattern": "^(?:0|-?[1-9][0-9]*)$"}
"""A whole number written as text."""
