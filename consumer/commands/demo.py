"""`engage demo`: fifteen users, of whom a tick messages eight."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

import typer

from adapters.kafka.event_producer import EventProducer
from consumer.asking import ask_for_tick
from consumer.commands.activity_lines import ActivityTarget
from consumer.commands.clock import now
from consumer.commands.errors import RefusedError, UnusableInputError
from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson, Timeout
from consumer.commands.output import CycleRecord, print_cycle, print_json, remark
from consumer.commands.produce import send_all
from consumer.commands.seed_users import FIGURES, SEED_USERS, SeedUser, figures_under
from consumer.commands.start import prepare
from consumer.commands.ticking import CycleWatch, open_cycle_watch, open_producer, open_reports
from consumer.settings import Settings
from domain.events import Activity, Tick
from domain.times import format_time

CameBack = Annotated[
    str | None,
    typer.Option(
        "--came-back", metavar="USER_ID", help="Let this user come back just before the tick; 12 is Ghost Gary."
    ),
]


def demo(*, returning: CameBack = None, timeout: Timeout = 60.0, as_json: AsJson = False) -> None:
    """Let fifteen made-up users be evaluated, and print what the cycle did: eight get a message, seven are skipped.

    Three of them are messaged by an earlier tick, and so were messaged recently; the past of the other twelve arrives
    late. Workers must be running, with an inactivity threshold of 60 seconds, on a state without users.
    """
    if returning is not None and returning not in {user.user_id for user in SEED_USERS}:
        raise typer.BadParameter("must be the id of one of the fifteen, 1 to 15", param_hint="--came-back")
    settings = prepare()
    if figures_under(settings.policy, now()) != FIGURES:
        raise UnusableInputError(
            "The fifteen users need other thresholds to come out as they should: set"
            " ENGAGEMENT_INACTIVITY_THRESHOLD_SECONDS=60, for this command and for the workers, and leave the other"
            " thresholds at their defaults."
        )
    cycle = run_async(_demo(settings, returning, timeout))
    (print_json if as_json else print_cycle)(cycle)


async def _demo(settings: Settings, returning: str | None, timeout_seconds: float) -> CycleRecord:
    async with AsyncExitStack() as context:
        reports = await context.enter_async_context(open_reports(settings))
        if await reports.has_users():
            raise RefusedError("The state has users already, and these would mix with them: take a new deployment.")
        watch = await context.enter_async_context(open_cycle_watch(settings, timeout_seconds))
        producer = await context.enter_async_context(open_producer(settings))
        stage = _Stage(settings, producer, watch)
        remark("Three users who fell silent are messaged by an earlier tick.")
        await stage.cycle([user for user in SEED_USERS if user.messaged_before])
        remark("Twelve more turn up, whose past arrives late; then comes the tick.")
        return await stage.cycle([user for user in SEED_USERS if not user.messaged_before], returning)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where the users appear."""

    settings: Settings
    producer: EventProducer
    watch: CycleWatch

    async def cycle(self, users: Iterable[SeedUser], returning: str | None = None) -> CycleRecord:
        """Produce what the users did before now, then a tick at now; gives the cycle. The returning user acts now."""
        at = now()
        activities = [activity for user in users for activity in user.events(at)]
        if returning is not None:
            activities.append(Activity(returning, at))
        target = ActivityTarget(self.settings.activity_topic, self.settings.limits, now)
        await send_all(self.producer, (target.record_of(activity).record for activity in activities))
        asked = await ask_for_tick(self.producer, self.settings.tick_topic, Tick(format_time(at), at))
        return await self.watch.cycle_of(asked)
