"""The engine's next version, as far as an upgrade is concerned: a schema that changes, and statements that use it.

By itself a worker, as ``tests.harness.worker``. With the argument ``expand`` it does what `engage init` of that version
would do, with ``contract`` what that of the version after it would.
"""

import asyncio
import runpy
import sys

from adapters.postgres import migrations
from adapters.postgres.migrations import Migration, load_migrations, migrate
from adapters.postgres.queries import QUERIES
from consumer.settings import load_settings
from consumer.wiring import postgres_dsn

_KNOWN = load_migrations()
# Adding a column that may be null takes no time and hurts nobody who doesn't know it.
EXPAND = Migration(
    len(_KNOWN) + 1,
    "later_expand",
    f"-- works with engines from {len(_KNOWN)} on\nALTER TABLE users ADD COLUMN greeted_at timestamptz;",
)
# When only engines are left that fill it, what the older ones have written is completed, and from now on demanded.
CONTRACT = Migration(
    EXPAND.version + 1,
    "later_contract",
    f"-- works with engines from {EXPAND.version} on\n"
    "UPDATE users SET greeted_at = last_messaged WHERE greeted_at IS DISTINCT FROM last_messaged;"
    "ALTER TABLE users ADD CONSTRAINT greeted CHECK (greeted_at IS NOT DISTINCT FROM last_messaged);",
)


def become(*later: Migration) -> None:
    """Know these migrations too."""
    migrations.load_migrations = lambda: (*_KNOWN, *later)  # type: ignore[assignment]  # it is cached there


def use_the_new_column() -> None:
    """Decisions fill it. Raises LookupError where the statement is written otherwise now."""
    sound = QUERIES["write_messaged"]
    QUERIES["write_messaged"] = sound.replace("last_messaged = $2", "last_messaged = $2, greeted_at = $2")
    if QUERIES["write_messaged"] == sound:
        raise LookupError("the statement that writes decisions is written otherwise now")


if __name__ == "__main__":
    if sys.argv[1:] == ["expand"]:
        become(EXPAND)
        asyncio.run(migrate(postgres_dsn(load_settings())))
    elif sys.argv[1:] == ["contract"]:
        become(EXPAND, CONTRACT)
        asyncio.run(migrate(postgres_dsn(load_settings())))
    else:
        become(EXPAND)
        use_the_new_column()
        runpy.run_module("tests.harness.worker", run_name="__main__")
