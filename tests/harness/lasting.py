"""Conditions that must hold all the time, not only in the end."""

import asyncio
from collections.abc import Awaitable, Callable

_LOOK_SECONDS = 0.2


async def lasts(check: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Repeat the check for so long; raises its first AssertionError."""
    loop = asyncio.get_running_loop()
    over = loop.time() + seconds
    while loop.time() < over:
        await check()
        await asyncio.sleep(_LOOK_SECONDS)
    await check()
