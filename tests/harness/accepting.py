"""`engage shard accept N --yes` that kills itself right after one of its steps.

Variables beside the settings: ``ENGAGE_TEST_SHARD``, the shard's number; ``ENGAGE_TEST_STEP``, the number of the step.
"""

import asyncio
import os
import signal

from consumer.commands.shard import open_accepting
from consumer.settings import load_settings


def _die_after(step: int) -> None:
    if step == int(os.environ["ENGAGE_TEST_STEP"]):
        os.kill(os.getpid(), signal.SIGKILL)


async def _main() -> None:
    async with open_accepting(load_settings(), _die_after) as accepting:
        await accepting.accept(int(os.environ["ENGAGE_TEST_SHARD"]))


if __name__ == "__main__":
    asyncio.run(_main())
