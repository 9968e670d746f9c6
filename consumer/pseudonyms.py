"""What stands for a user's id in log lines."""

from collections.abc import Callable
from hashlib import blake2b

# 64 bits: among ten million users, two share a pseudonym with a probability of 3 in a million.
_BYTES = 8


def hashed(key: bytes) -> Callable[[str], str]:
    """Gives the pseudonym of a user id: sixteen hexadecimal digits, always the same for the same id and key.

    With a key, nobody without it can tell whose pseudonym it is. With an empty one, whoever can guess ids can: they
    hash the ids that may exist, and compare.
    """
    # BLAKE2b takes 64 bytes of key at most: a key of any length becomes so many.
    digested = blake2b(key).digest() if key else b""

    def pseudonym(user_id: str) -> str:
        return blake2b(user_id.encode(), digest_size=_BYTES, key=digested).hexdigest()

    return pseudonym
