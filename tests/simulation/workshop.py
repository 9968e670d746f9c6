"""What works for the shards of one simulated process: the engine's own parts on the simulation's surroundings."""

from datetime import timedelta
from functools import partial

from adapters.codec import Limits, encode_message
from consumer.cycle import TickEvaluation
from consumer.dead_letters import DeadLetters
from consumer.hindrance import Hindrance
from consumer.ingest import Ingest
from consumer.judging import Judging
from consumer.ownership import ShardHolder
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from consumer.steps import StepHook
from consumer.worker import ShardWorker
from domain.ownership import OutboxEntry, ShardState
from domain.policy import Policy
from domain.ports import Store
from tests.fakes.producers import FakeProducers
from tests.simulation.topics import ActivityTopic, TickTopic
from tests.simulation.units import pause

MESSAGE_TOPIC, CYCLE_TOPIC, DEAD_LETTER_TOPIC = "messages", "cycles", "dead-letters"
EVENT_SOURCE = "/simulation"
LIMITS = Limits(max_future_skew=timedelta(seconds=300), max_record_bytes=1000)
DEAD_LETTERS = DeadLetters(DEAD_LETTER_TOPIC, 10_000)


class DrivenWorker(ShardWorker):
    """A worker whose work and publishing are units of the simulation, not tasks of its own."""

    async def run(self) -> None:
        while not self.shard.stopping:
            await pause()


class Assignment:
    """The part of ``ActivityStream`` that holders use: which shards the group gave to this process."""

    def __init__(self) -> None:
        self.shards: frozenset[int] = frozenset()

    def seek(self, shard: int, position: int) -> bool:
        return shard in self.shards

    def park(self, shard: int) -> None:
        """Nothing is fetched without a worker anyway."""


class Surroundings:
    """What all processes of a deployment share."""

    def __init__(self, store: Store, producers: FakeProducers, activity: ActivityTopic, ticks: TickTopic) -> None:
        self.store = store
        self.producers = producers
        self.activity = activity
        self.ticks = ticks


class Workshop:
    """Makes holders and workers, as the wiring of the service does."""

    def __init__(self, surroundings: Surroundings, policy: Policy, chunk_users: int, hook: StepHook) -> None:
        self._surroundings = surroundings
        self._policy = policy
        self._chunk_users = chunk_users
        self._hook = hook

    def holder(self, number: int, assignment: Assignment, owned: dict[int, ShardWorker]) -> ShardHolder:
        given = self._surroundings
        return ShardHolder(
            number,
            given.store,
            assignment,  # type: ignore[arg-type]
            given.activity.log,
            self.worker,
            owned,
            policy=self._policy,
            hindrance=Hindrance(),
            hook=self._hook,
        )

    def worker(self, state: ShardState, unpublished: list[OutboxEntry]) -> ShardWorker:
        given, hook = self._surroundings, self._hook
        shard = OwnedShard(given.store, state, unpublished)
        publisher = Publisher(
            shard, given.store, given.producers, cycle_topic=CYCLE_TOPIC, messages_logged=0, hook=hook
        )
        evaluation = TickEvaluation(
            shard,
            publisher,
            given.activity.log,
            policy=self._policy,
            encode=partial(encode_message, topic=MESSAGE_TOPIC, event_source=EVENT_SOURCE),
            hook=hook,
            chunk_users=self._chunk_users,
        )
        ingest = Ingest(shard, publisher, policy=self._policy, limits=LIMITS, dead_letters=DEAD_LETTERS, hook=hook)
        judging = Judging(shard, publisher, limits=LIMITS, dead_letters=DEAD_LETTERS, hook=hook)
        return DrivenWorker(shard, publisher, ingest, evaluation, judging)
