"""`engage dlq replay` that stops itself, or is killed, right after one of its steps.

Variables beside the settings: ``ENGAGE_TEST_STEP``, the number of the step; ``ENGAGE_TEST_SIGNAL``, ``SIGKILL`` or
``SIGSTOP``. The figures are printed as the command does.
"""

import asyncio
import json
import os
import signal
import sys

from consumer.commands.dlq import replay_letters
from consumer.commands.dlq_source import Selection
from consumer.commands.dlq_words import as_json
from consumer.commands.errors import RefusedError
from consumer.settings import load_settings


def _signal_after(step: int) -> None:
    if step == int(os.environ["ENGAGE_TEST_STEP"]):
        os.kill(os.getpid(), signal.Signals[os.environ["ENGAGE_TEST_SIGNAL"]])


async def _main() -> int:
    try:
        replaying = await replay_letters(load_settings(), Selection(), reached=_signal_after)
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 4
    print(json.dumps(as_json(replaying.tally, done=True)))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
