"""What keeps Postgres from writing although it answers: a full disk, a read-only server. A restart would not end it."""

import time

# Above the longest pause between two attempts, and what these may take.
LASTS_SECONDS = 15.0


class Hindrance:
    """One for a process. Told by those who meet it; gone when nobody has met it for a while."""

    def __init__(self) -> None:
        self._reason = ""
        self._met_at = float("-inf")

    def note(self, reason: str) -> None:
        """Somebody has just met it."""
        self._reason, self._met_at = reason, time.monotonic()

    @property
    def reason(self) -> str | None:
        """Why nothing can be written; None where it can, as far as anybody knows."""
        return self._reason if time.monotonic() - self._met_at < LASTS_SECONDS else None
