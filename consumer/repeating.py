"""What a service does again and again, whatever fails for a while."""

from collections.abc import Awaitable, Callable

import stamina

from domain.errors import TransientError

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 5.0


async def for_ever(step: Callable[[], Awaitable[None]]) -> None:
    """Do the step over and over; after a TransientError, with growing, jittered pauses until it works again.

    Raises every other error of the step.
    """
    while True:
        async for attempt in stamina.retry_context(
            on=TransientError,
            attempts=None,
            timeout=None,
            wait_initial=_FIRST_PAUSE_SECONDS,
            wait_max=_LONGEST_PAUSE_SECONDS,
        ):
            with attempt:
                await step()
