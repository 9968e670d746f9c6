"""`engage` in processes of its own, forked from one that has it loaded: loading takes longer than most rows."""

import multiprocessing
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consumer.cli import main
from consumer.settings import places
from tests.conditions import until

COMMAND_SECONDS = 90.0
# A worker that has come so far works: it is asked to stop.
_WORKS = b'"shard_taken_over"'
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["consumer.cli"])


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int | None
    stdout: str
    stderr: str


async def engage(command: str, folder: Path, secrets: Path, environment: Mapping[str, str]) -> Ended:
    """Run a command in the folder, with its secret files in ``secrets``, since /run/secrets is the machine's."""
    stdout, stderr = folder / f"{command}.stdout", folder / f"{command}.stderr"
    arguments = (command, folder, secrets, dict(environment), stdout, stderr)
    process = _SERVER.Process(target=_engage, args=arguments, daemon=True)

    async def ended() -> bool:
        return not process.is_alive()

    async def ended_or_works() -> bool:
        return await ended() or (stderr.exists() and _WORKS in stderr.read_bytes())

    process.start()
    try:
        await until(ended_or_works, COMMAND_SECONDS)
        process.terminate()
        await until(ended, COMMAND_SECONDS)
        return Ended(process.exitcode, stdout.read_text(), stderr.read_text())
    finally:
        process.kill()


def _engage(command: str, folder: Path, secrets: Path, environment: dict[str, str], stdout: Path, stderr: Path) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for path, number in ((stdout, 1), (stderr, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    places.SECRETS_FOLDER = secrets
    sys.argv = ["engage", *shlex.split(command)]
    main()
