"""`make trace`: the recorded trace under each policy, in each campaign; exits with 1 when anything differs."""

import argparse
import asyncio
import secrets
import shutil
import sys
from collections.abc import Sequence
from functools import partial

from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER
from deploy.local.stack import Stack, running_stack
from tests.harness.temporary import Services, side_by_side, temporary_deployment
from tests.trace.campaign import PARTITIONS, Campaign, Result, run_campaign
from tests.trace.policies import POLICIES, TracePolicy
from tests.trace_data import Row, college_messages, sampled

CAMPAIGNS = {
    campaign.name: campaign
    for campaign in (
        Campaign("recorded"),
        Campaign("disturbed", disturbed=True, chunk_users=100),
        Campaign("killed", disturbed=True, chunk_users=40, kills=10, kills_in_ticks=6),
    )
}
_MOST_SHOWN = 20
_DIFFERS, _NO_PLATFORM = 1, 3


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    arguments = _parser().parse_args()
    rows = list(college_messages())
    if arguments.users:
        rows = sampled(rows, arguments.users)
    try:
        with running_stack(LOCAL_FOLDER) as stack:
            print(f"{stack.description}; seed {arguments.seed}", flush=True)
            return asyncio.run(_run_all(stack, rows, arguments))
    except PlatformError as error:
        print(error, file=sys.stderr)
        return _NO_PLATFORM


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.trace", description=__doc__)
    parser.add_argument("--policy", choices=POLICIES, action="append", help="may be repeated; default: all")
    parser.add_argument("--campaign", choices=CAMPAIGNS, action="append", help="may be repeated; default: all")
    parser.add_argument("--users", type=int, default=0, metavar="N", help="only N of the users who act; default: all")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="campaigns at a time; default: %(default)s")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="of the crash points; default: a new one"
    )
    return parser


async def _run_all(stack: Stack, rows: Sequence[Row], arguments: argparse.Namespace) -> int:
    folder = LOCAL_FOLDER / "trace"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    services = Services(stack.kafka_bootstrap_servers, stack.postgres_dsn, folder)
    jobs = {
        f"{policy} {campaign}": partial(_run, services, rows, POLICIES[policy], CAMPAIGNS[campaign], arguments.seed)
        for policy in arguments.policy or POLICIES
        for campaign in arguments.campaign or CAMPAIGNS
    }
    async with side_by_side(jobs, arguments.at_once) as tasks:
        results = [await task for task in tasks.values()]
    return _DIFFERS if any(result.differences for result in results) else 0


async def _run(services: Services, rows: Sequence[Row], policy: TracePolicy, campaign: Campaign, seed: int) -> Result:
    """One campaign in a deployment of its own, and what is to be said about it."""
    name = f"{policy.name} {campaign.name}"
    deployments = temporary_deployment(services, f"trace {name}", partitions=PARTITIONS, variables=policy.variables)
    async with deployments as deployment:
        result = await run_campaign(
            campaign,
            policy,
            rows,
            deployment,
            seed=seed,
            on_kill=lambda kill: print(f"{name}: killed {kill}", flush=True),
        )
    lines = [f"{name:<20}  {result}", *(f"  {difference}" for difference in result.differences[:_MOST_SHOWN])]
    if len(result.differences) > _MOST_SHOWN:
        lines.append(f"  and {len(result.differences) - _MOST_SHOWN} more")
    if result.differences:
        lines.append(f"  The logs are in {deployment.folder}")
    print("\n".join(lines), flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
