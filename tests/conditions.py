"""Waiting for conditions, bounded."""

from collections.abc import Awaitable, Callable

import stamina


async def eventually(check: Callable[[], Awaitable[None]], seconds: float = 20) -> None:
    """Repeat the check until it raises no AssertionError, for at most so long; then raise its last one."""
    async for attempt in stamina.retry_context(
        on=AssertionError, attempts=None, timeout=seconds, wait_initial=0.02, wait_max=0.2
    ):
        with attempt:
            await check()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Wait until it holds, for at most so long; then raise AssertionError."""

    async def check() -> None:
        assert await holds()

    await eventually(check, seconds)
