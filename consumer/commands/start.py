"""What every command begins with: settings, logs, and patience with services that are not up yet."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from consumer.logs import configure_logs
from consumer.settings import Settings, load_settings
from domain.errors import TransientError

T = TypeVar("T")

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0


def prepare() -> Settings:
    """The settings, with the logs configured as they say. Raises SettingsError."""
    settings = load_settings()
    configure_logs(settings)
    return settings


async def once_reachable(settings: Settings, attempt: Callable[[], Awaitable[T]]) -> T:
    """What the attempt returns, tried again while Kafka or Postgres is away, for at most the startup timeout.

    Pauses grow and are jittered, so that many workers started at once don't try in step. Raises MisconfiguredError at
    once, TransientError when the time is over.
    """
    seconds = settings.startup_timeout_seconds
    try:
        async for retry in stamina.retry_context(
            on=TransientError,
            attempts=None,
            timeout=seconds,
            wait_initial=_FIRST_PAUSE_SECONDS,
            wait_max=_LONGEST_PAUSE_SECONDS,
        ):
            with retry:
                return await attempt()
    except TransientError as error:
        raise TransientError(
            f"{error}. This was tried for {seconds:g} s, as ENGAGEMENT_STARTUP_TIMEOUT_SECONDS says"
        ) from error
    raise AssertionError("stamina neither returned nor raised")
