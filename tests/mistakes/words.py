"""What no output may ever hold."""

from urllib.parse import quote

CANARY = "s3cr/t@c%n#ry?"
"""A password with every character that has a meaning in a URL."""
ENCODED = quote(CANARY, safe="")
"""The same as it belongs into a URL."""


def leaks(text: str) -> list[str]:
    """The traces of the password in the text: all of it, or what is left between the characters with a meaning."""
    return [part for part in (CANARY, ENCODED, "s3cr", "c%n", "c%25n") if part in text]
