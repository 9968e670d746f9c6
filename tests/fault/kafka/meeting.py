"""Meeting many errors at once: what a call makes of each, and how long it may take."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from domain.errors import EngagementError, MisconfiguredError, TransientError
from tests.fault.kafka.liar import Api

Errors: TypeAlias = dict[int, type[EngagementError]]
"""What becomes of an error, by Kafka's code."""

# For errors that the client tries to get over until its time is over, and for those that it must come to know.
SHORT_SECONDS, LONG_SECONDS = 1.5, 30.0
AT_ONCE = 16
COORDINATOR_LOADING, COORDINATOR_AWAY, NOT_COORDINATOR = 14, 15, 16
UNKNOWN = -1
"""What aiokafka makes of every code that it doesn't know, such as 78, offset not available."""
LATER: Errors = dict.fromkeys((UNKNOWN, COORDINATOR_LOADING, COORDINATOR_AWAY, NOT_COORDINATOR), TransientError)
DENIED = MisconfiguredError


async def differences(
    meet: Callable[[Api, int], Awaitable[str | None]], lies: Mapping[Api, Iterable[int]]
) -> dict[str, str]:
    """What is otherwise than it should be, by lie; they mostly wait, so some of them run at once."""
    room = asyncio.Semaphore(AT_ONCE)
    found: dict[str, str] = {}

    async def run(api: Api, code: int) -> None:
        async with room:
            wrong = await meet(api, code)
        if wrong is not None:
            found[f"{api.name} {code}"] = wrong

    await asyncio.gather(*(run(api, code) for api, codes in lies.items() for code in codes))
    return found


async def difference(call: Awaitable[object], expected: type[EngagementError]) -> str | None:
    """What the call does otherwise than to raise the error, with one line for a person."""
    try:
        await call
    except EngagementError as error:
        text = str(error)
        if type(error) is expected and "\n" not in text and text.startswith(("could not ", "the topic ")):
            return None
        return f"{type(error).__name__}: {text}"
    return "nothing was raised"
