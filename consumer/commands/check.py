"""`engage check`: does everything fit, and if not, what to do."""

from dataclasses import asdict

import typer

from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson
from consumer.commands.output import print_json, print_text
from consumer.commands.start import prepare
from consumer.controls import shown
from consumer.findings import Finding, Level
from consumer.surroundings import examine
from domain.errors import MisconfiguredError

_COLOURS = {Level.OK: typer.colors.GREEN, Level.NOTICE: typer.colors.YELLOW, Level.PROBLEM: typer.colors.RED}


def check(*, as_json: AsJson = False) -> None:
    """Check settings, connections, rights, topics, schema and shards: one line each, with what to do about a problem.

    Nothing is changed. It waits a few seconds at most for what does not answer. Exit code 2 for settings that can't be
    used, 3 when there is any other problem; a notice is none.
    """
    findings = run_async(examine(prepare()))
    for finding in findings:
        if as_json:
            print_json(asdict(finding))
        else:
            print_text(_line(finding))
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    if problems:
        raise MisconfiguredError(
            f"{problems} of {len(findings)} findings {'is a problem' if problems == 1 else 'are problems'}."
        )


def _line(finding: Finding) -> str:
    # The only line with a colour of our own: what the surroundings say of themselves must bring none.
    level = typer.style(f"{finding.level:<8}", fg=_COLOURS[finding.level])
    return f"{level} {finding.check:<13} {shown(finding.text)}"
