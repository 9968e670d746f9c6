"""Reads a JSON object of which only the top-level strings matter, whatever the rest holds.

The usual parsers refuse some valid JSON (deep nesting, integers of thousands of digits) and accept some that isn't
(NaN, half a surrogate pair). This one does neither, needs no recursion, and takes time in proportion to the length. It
is about ten times slower than pydantic's parser, so it reads only what that one refuses or can't be trusted with.
"""

import json
import re

# "++" and "*+" never give back what they matched, so that a hostile text can't make the search try again and again.
_LEXEME = (
    r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+"'
    r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
    r"|true|false|null|[\[\]{}:,]"
)
_SPACE = r"[ \t\n\r]*+"
_TOKENS_ONLY = re.compile(rf"(?:{_SPACE}(?:{_LEXEME}))*+{_SPACE}")
_TOKENS = re.compile(_LEXEME)
_VALUE_STARTS = '{["-0123456789tfn'


def read_object(value: bytes) -> dict[str, str | None]:
    """The members of the JSON object: each with its string, or None where it holds anything else.

    Of a repeated key the last counts. Raises ValueError, whose text holds nothing of the input, when the value is not
    UTF-8, not JSON (RFC 8259), not an object, or has half a surrogate pair anywhere.
    """
    members: dict[str, str | None] = {}
    closers: list[str] = []  # what ends each of the open objects and arrays
    allowed = "{"  # the characters that the next token may start with
    key = ""
    for token in _tokens(value):
        first = token[0]
        if first not in allowed:
            raise ValueError("is not a JSON object")
        string = _string(token) if first == '"' and (len(closers) == 1 or "\\u" in token) else None
        if first == '"' and allowed in ('"', '"}'):
            key = string or ""
            allowed = ":"
        elif first == ":":
            allowed = _VALUE_STARTS
        elif first == ",":
            allowed = '"' if closers[-1] == "}" else _VALUE_STARTS
        else:
            if len(closers) == 1 and first not in "]}":
                members[key] = string
            allowed = _allowed_after_value(first, closers)
    if closers or allowed:
        raise ValueError("is not a JSON object")
    return members


def _tokens(value: bytes) -> list[str]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if _TOKENS_ONLY.fullmatch(text) is None:
        raise ValueError("is not JSON")
    return _TOKENS.findall(text)


def _allowed_after_value(first: str, closers: list[str]) -> str:
    if first == "{":
        closers.append("}")
        return '"}'
    if first == "[":
        closers.append("]")
        return _VALUE_STARTS + "]"
    if first in "]}":
        closers.pop()
    return "," + closers[-1] if closers else ""


def _string(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]  # a value may have ten thousand keys
    text: str = json.loads(token)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("has half a surrogate pair") from None
    return text
