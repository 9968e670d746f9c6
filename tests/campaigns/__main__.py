"""`make campaigns`: whole deployments under load and faults, at full size; exits with 1 when anything differs."""

import argparse
import asyncio
import importlib
import secrets
import shutil
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import stamina.instrumentation

from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER
from deploy.local.stack import Stack, running_stack
from tests.campaigns.outcome import Outcome
from tests.harness.temporary import Services

CAMPAIGNS = ["kills", "storm", "moves", "growth", "backlog", "policy", "outages"]
"""Each is a module of this package with ``async def run(services, *, seed, full) -> Outcome``."""
_MOST_SHOWN = 20
_DIFFERS, _NO_PLATFORM = 1, 3


@dataclass(frozen=True, slots=True)
class _Row:
    """One campaign in the table at the end."""

    name: str
    seconds: float
    outcome: Outcome

    def __str__(self) -> str:
        verdict = "differs" if self.outcome.differences else "as promised"
        return f"{self.name:<10}  {self.seconds:>7.1f} s  {len(self.outcome.differences):>5} differences  {verdict}"


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    arguments = _parser().parse_args()
    # Waiting for conditions is no news.
    stamina.instrumentation.set_on_retry_hooks([])
    try:
        with running_stack(LOCAL_FOLDER) as stack:
            print(f"{stack.description}; seed {arguments.seed}", flush=True)
            return asyncio.run(_run_all(stack, arguments))
    except PlatformError as error:
        print(error, file=sys.stderr)
        return _NO_PLATFORM


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("campaigns", nargs="*", metavar="campaign", help=f"{', '.join(CAMPAIGNS)}; default: all")
    parser.add_argument("--slice", action="store_true", help="the size that the tests run")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="of all that is drawn; default: a new one"
    )
    return parser


async def _run_all(stack: Stack, arguments: argparse.Namespace) -> int:
    folder = LOCAL_FOLDER / "campaigns" / str(arguments.seed)
    rows = []
    for name in arguments.campaigns or CAMPAIGNS:
        logs = folder / name
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        services = Services(stack.kafka_bootstrap_servers, stack.postgres_dsn, logs)
        rows.append(await _run(name, services, seed=arguments.seed, full=not arguments.slice))
    print("\n".join(["", *map(str, rows), f"seed {arguments.seed}, logs in {folder}"]), flush=True)
    return _DIFFERS if any(row.outcome.differences for row in rows) else 0


async def _run(name: str, services: Services, *, seed: int, full: bool) -> _Row:
    """One campaign, and what is to be said about it. One that breaks off differs, and the others are run."""
    print(f"\n{name}: begun", flush=True)
    run: Callable[..., Awaitable[Outcome]] = importlib.import_module(f"tests.campaigns.{name}").run
    started = time.monotonic()
    try:
        outcome = await run(services, seed=seed, full=full)
    except (AssertionError, TimeoutError) as error:
        traceback.print_exc()
        outcome = Outcome([f"it broke off: {error}"], {})
    row = _Row(name, time.monotonic() - started, outcome)
    print("\n".join(_report(row)), flush=True)
    return row


def _report(row: _Row) -> list[str]:
    figures = [f"  {name}: {value}" for name, value in row.outcome.figures.items()]
    differences = [f"  DIFFERENCE {difference}" for difference in row.outcome.differences]
    shown = differences[:_MOST_SHOWN]
    if len(differences) > _MOST_SHOWN:
        shown.append(f"  and {len(differences) - _MOST_SHOWN} more")
    return [str(row), *figures, *shown]


if __name__ == "__main__":
    sys.exit(main())
