"""Changes cases at random, for a slice of fuzzing that needs nothing but a seed."""

import random
from collections.abc import Sequence

_PIECES = (
    *(
        b'"',
        b"\\",
        b"\\u0000",
        b"\\ud83d",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"null",
        b"NaN",
        b"1e9",
        b"\xff",
        b"\x00",
    ),
    *(
        "\u202e".encode(),
        "\u2028".encode(),
        b'"name":',
        b'"user_id":"',
        b"user.registered",
        b"-00:00",
        b"\x1e",
        b"\x1f",
    ),
)


def changed(cases: Sequence[bytes], choose: random.Random) -> bytes:
    """One of the cases, changed in one to four places."""
    case = choose.choice(cases)
    for _ in range(choose.randint(1, 4)):
        begin, end = sorted(choose.choices(range(len(case) + 1), k=2))
        put = choose.choice(
            (b"", choose.choice(_PIECES), choose.randbytes(2), case[begin:end] * 2, _part(cases, choose))
        )
        # Short cuts, mostly: what is left stays nearly good.
        end = min(end, begin + choose.choice((0, 1, 2, 8, 64)))
        case = case[:begin] + put + case[end:]
    return case


def _part(cases: Sequence[bytes], choose: random.Random) -> bytes:
    other = choose.choice(cases)
    begin, end = sorted(choose.choices(range(len(other) + 1), k=2))
    return other[begin:end]
