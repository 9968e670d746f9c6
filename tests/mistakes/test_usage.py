"""Every command, of whichever there are: help with an example, wrong usage, completion."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup
from typer.testing import CliRunner

from consumer.cli import app

ENGAGE = Path(sys.executable).with_name("engage")


def _commands(group: TyperGroup, *before: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, *before, name)
        else:
            yield (*before, name)


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, TyperGroup)
COMMANDS = list(_commands(ROOT))
GROUPS = sorted({command[:-1] for command in COMMANDS})
every_command = pytest.mark.parametrize("command", COMMANDS, ids=" ".join)


def engage(*arguments: str) -> tuple[int, str]:
    """The exit code and all that is printed, in lines that are not broken."""
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    return result.exit_code, result.output


@every_command
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_of_every_command_shows_an_example(command: tuple[str, ...], option: str) -> None:
    code, output = engage(*command, option)
    assert code == 0
    assert f"Example: engage {' '.join(command)}" in output


@every_command
def test_an_option_that_no_command_knows_is_wrong_usage(command: tuple[str, ...]) -> None:
    code, output = engage(*command, "--no-such-option")
    assert code == 2
    assert "No such option: --no-such-option" in output


@every_command
def test_an_argument_too_many_is_wrong_usage(command: tuple[str, ...]) -> None:
    code, output = engage(*command, *["7"] * 5)
    assert code == 2
    assert "Usage: engage" in output


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: " ".join(("engage", *group)))
def test_a_command_that_there_is_not_is_wrong_usage(group: tuple[str, ...]) -> None:
    code, output = engage(*group, "chekc")
    assert code == 2
    assert "No such command 'chekc'" in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_ask_for_its_completion(shell: str) -> None:
    done = _engage_with(_ENGAGE_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert "_ENGAGE_COMPLETE" in done.stdout


def test_commands_are_completed() -> None:
    done = _engage_with(_ENGAGE_COMPLETE="complete_bash", COMP_WORDS="engage ch", COMP_CWORD="1")
    assert done.returncode == 0
    assert done.stdout.split() == ["check"]


def _engage_with(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ENGAGE], env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False)
