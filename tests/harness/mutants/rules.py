"""Defects in what is decided about a user."""

from adapters.postgres.queries import QUERIES
from domain import decision_logic
from tests.harness.mutants.patching import must_differ, replace


def no_frequency_rule() -> None:
    """Whoever is idle is messaged, also when messaged a moment ago."""

    def check_message_frequency(*_: object) -> bool:
        return True

    replace(decision_logic, "check_message_frequency", check_message_frequency)


def last_event() -> None:
    """A late event moves the last activity back, since the last one that arrives counts."""
    sound = QUERIES["apply_activity"]
    broken = sound.replace("greatest(stored.last_active, excluded.last_active)", "excluded.last_active")
    broken = broken.replace("excluded.last_active > stored.last_active", "excluded.last_active <> stored.last_active")
    must_differ(sound, broken)
    QUERIES["apply_activity"] = broken
