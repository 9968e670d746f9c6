"""Commands run by users who lack something, several at a time."""

import re
from pathlib import Path

from tests.harness.deployment import Deployment
from tests.mistakes.forked import Ended, engage
from tests.security.broker import SECRET


async def play(deployment: Deployment, command: str, folder: Path, **settings: str | None) -> Ended:
    """Run the command with these settings on top, in the folder, which is made; None takes a setting away."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - of a test
    environment = deployment.environment
    for name, value in settings.items():
        environment.pop(f"ENGAGEMENT_{name}", None)
        if value is not None:
            environment[f"ENGAGEMENT_{name}"] = value
    return await engage(command, folder, folder, environment)


def told(ended: Ended) -> list[str]:
    """The lines that tell a person why the command ended; nothing secret may be in anything, nor a stack trace."""
    everything = ended.stdout + ended.stderr
    assert SECRET not in everything
    assert "Traceback" not in everything
    assert '"exception"' not in everything, "a stack trace as a field of a log line"
    return [line for line in ended.stderr.splitlines() if line.startswith("engage: ")]


def names(line: str, operation: str, resource: str, name: str) -> bool:
    """Whether the line names the right."""
    what = "transactional ids? (that begin with )?" if resource == "transactional-id" else f"{resource} "
    return re.search(rf"denies {operation} on the {what}'{re.escape(name)}", line) is not None
