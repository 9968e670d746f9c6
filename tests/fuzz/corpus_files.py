"""The kept corpus, and the seeds that need no keeping."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from adapters.codec.examples import DEAD_LETTER_HEADERS
from tests.bad_input.kinds import good_draft
from tests.bad_records import KINDS
from tests.fuzz.cases import MAX_RECORD_BYTES, NOW_MS, TARGETS, case_of, headers_as_bytes

_SINCE = '"occurred_at": "2026-10-01T08:00:00Z"'
FOLDER = Path(__file__).parent / "corpus"
MOST_KEPT_BYTES = 1_024
"""Of a file in the kept corpus: it holds what a person may have to read."""


def kept() -> list[bytes]:
    """The kept corpus: cases that once found a way through the codec that no other one had."""
    return [path.read_bytes() for path in sorted(FOLDER.iterdir())]


def seeds() -> list[bytes]:
    """A case for each kind of bad and odd input that is known, and for each character that matters."""
    return [*_known(), *_characters(), *_dead_letters()]


def costly() -> list[bytes]:
    """Cases as large as a record may be: nesting, numbers, escapes, white space, many members, and almost good ones."""
    return list(_costly())


def grown(cases: list[bytes], choose: random.Random) -> Iterator[bytes]:
    """Each case as large as a record may be: a part of its value, chosen at random, again and again."""
    for case in cases:
        value = case[2:]
        begin, end = sorted(choose.choices(range(len(value) + 1), k=2))
        part = value[begin:end] or b" "
        room = MAX_RECORD_BYTES - len(value)
        if room > 0:
            yield case[:2] + value[:end] + part * (room // len(part)) + value[end:]


def keep(case: bytes) -> Path:
    """Add the case to the kept corpus."""
    path = FOLDER / blake2b(case, digest_size=8).hexdigest()
    path.write_bytes(case)
    return path


def _known() -> Iterator[bytes]:
    moment = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    for kind in KINDS:
        if kind.codec is None:
            case = case_of(kind.change(good_draft(kind.topic, "canary", moment)))
            yield case
            # Where the dead-letter topic takes little.
            yield case[:1] + bytes([case[1] & ~0x30]) + case[2:]
            if kind.topic == "ticks":
                yield bytes([TARGETS.index("http")]) + case[1:]


def _characters() -> Iterator[bytes]:
    """Each control character and bidirectional control, and their neighbours, in a name, in an id, and escaped.

    With the word NaN in a string, the exact reader has to read the record too.
    """
    escapes = [f"\\{letter}" for letter in '"\\/bfnrt'] + ["\\ud83d\\ude09", "\\u0041"]
    raw = [
        chr(code)
        for code in (*range(0x20, 0xA2), 0x1680, *range(0x2027, 0x2030), *range(0x2065, 0x206B), 0x3000, 0xFEFF)
    ]
    escaped = [
        f"\\u{code:04x}" for code in (*range(0x21), *range(0x7E, 0xA1), *range(0x2029, 0x2030), *range(0x2065, 0x206B))
    ]
    for text in (*escapes, *raw, *escaped):
        for note in ("", '"note": "NaN", '):
            for user, name in ((f"1{text}2", "Ann"), ("12", f"A{text}nn"), ("12", f"{text}Ann{text}")):
                members = f'"type": "user.registered", "user_id": "{user}", "name": "{name}", {_SINCE}'
                yield b"\x00\x20{" + (note + members).encode() + b"}"


def _dead_letters() -> Iterator[bytes]:
    headers = tuple((name, text.encode()) for name, text in DEAD_LETTER_HEADERS.items())
    added = (*headers, ("engagement.error.truncated", b"true"), ("engagement.error.length", b"70000"))
    for some in (headers, added[:-1], added, (("of its own", None), *headers), headers[1:], headers[::-1], ()):
        yield bytes([TARGETS.index("dead letter"), 0]) + headers_as_bytes(some)


def _costly() -> Iterator[bytes]:
    good = b'"type": "user.active", "user_id": "12", "occurred_at": "2026-11-21T10:00:00Z"}'
    repeated = (
        b"[",
        b"{",
        b'{"a":',
        b"[[],",
        b"9",
        b"-",
        b" ",
        b"\\u0041",
        b'"\\',
        b'"a":"\\ud83d\\ude09",',
        b"1,",
        b"NaN ",
    )
    for part in (*repeated, b'"a":1,', b'"user_id":"\\u0031",', b'"type":[],', "😉".encode(), b"\xff", b"\x00"):
        for before, after in (
            (b"", b""),
            (b'{"a": ', b""),
            (b'{"a": "', b'",' + good),
            (b"{", good),
            (b'{"NaN": [', b"]," + good),
        ):
            room = MAX_RECORD_BYTES - len(before) - len(after)
            value = before + part * (room // len(part)) + after
            yield from (bytes([target, 0x20]) + value for target in range(3))
