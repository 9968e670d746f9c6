"""A deployment: both topics, the store, the producers, and the processes among which a group deals out the shards."""

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random

from domain.policy import Policy
from domain.records import InputRecord, OutgoingRecord
from tests import oracle
from tests.fakes.producers import FakeProducers
from tests.fakes.store import FakeStore
from tests.fakes.tables import Tables
from tests.simulation.inputs import Inputs
from tests.simulation.judge import Judge
from tests.simulation.network import LossyWire
from tests.simulation.plain import promised
from tests.simulation.process import Act, Process
from tests.simulation.published import Published
from tests.simulation.stored import thresholds_of
from tests.simulation.topics import ActivityTopic, TickTopic
from tests.simulation.units import KilledError
from tests.simulation.workshop import Surroundings


class Deployment:
    """Everything that lives in one history. ``seen`` counts what happened, by name."""

    def __init__(self, chance: Random, partitions: int, store_type: type[FakeStore] = FakeStore) -> None:
        self.seen: Counter[str] = Counter()
        self.processes: list[Process] = []
        self.wire = LossyWire(chance, self.seen)
        self.activity = ActivityTopic("activity", partitions, self.wire)
        self.ticks = TickTopic("ticks", self.wire)
        self.inputs = Inputs(self.activity, self.ticks)
        self.published = Published(self.inputs, self.seen)
        self.judge = Judge(self.inputs, self.published, self.seen)
        self.store = store_type(self.wire, self._on_commit)
        self._producers = FakeProducers(self.wire, self._on_publish)
        self._owners: dict[int, Process] = {}
        self._acting: Process | None = None
        self._started = 0

    @property
    def members(self) -> list[Process]:
        """The processes that may be given shards."""
        return [process for process in self.processes if not process.leaving]

    @property
    def shards(self) -> range:
        """All shards that there can be."""
        return range(len(self.activity.partitions))

    def start_process(self, policy: Policy, chunk_users: int) -> Process:
        """One more process, without shards."""
        self._started += 1
        surroundings = Surroundings(self.store, self._producers, self.activity, self.ticks)
        name = f"process {self._started}"
        process = Process(name, surroundings, policy, chunk_users, self.seen, self.judge.chose)
        self.processes.append(process)
        return process

    def assign(self, shard: int, process: Process) -> None:
        """Give the shard to the process. Nobody hears of it yet."""
        self._owners[shard] = process

    def assigned(self, process: Process) -> frozenset[int]:
        """What the group has given to the process."""
        return frozenset(shard for shard, owner in self._owners.items() if owner is process)

    def unassigned(self) -> list[int]:
        """Shards whose owner is gone."""
        return [shard for shard in self.shards if self._owners.get(shard) not in self.members]

    def busy(self) -> list[int]:
        """Shards with a tick under way, or something to publish."""
        states = self.store.tables.shards.items()
        return [number for number, state in states if state.begun is not None or state.confirmed < state.decided]

    def deaf(self) -> list[Process]:
        """Processes that don't know their assignment."""
        return [process for process in self.processes if not process.follows(self.assigned(process))]

    def hear(self, process: Process) -> None:
        """Tell the process its assignment."""
        process.hear(self.assigned(process))

    def kill(self, process: Process) -> None:
        """End the process where it stands."""
        process.die()
        self.processes.remove(process)

    def retire(self, process: Process) -> None:
        """Ask the process to end in peace; its shards are free."""
        process.leaving = True
        self._owners = {shard: owner for shard, owner in self._owners.items() if owner is not process}
        self.hear(process)

    def end(self) -> None:
        """Let go of everything."""
        for process in list(self.processes):
            self.kill(process)

    def acts(self) -> Iterator[tuple[Process, Act]]:
        """What processes can do now."""
        for process in self.processes:
            for act in process.acts():
                yield process, act

    def perform(self, process: Process, act: Act) -> None:
        """Do it; the process may be killed by it."""
        self._acting = process
        try:
            act.do()
        except KilledError:
            self.kill(process)
        else:
            if process.leaving and not process.holdings:
                self.kill(process)
        halted = self.store.tables.halted
        promised(holds=not halted, difference=f"halted, though nothing was lost: {halted}")

    def produce_activity(self, partition: int, record: OutgoingRecord, timestamp_ms: int) -> InputRecord:
        return self.activity.append(partition, record, timestamp_ms)

    def produce_tick(self, record: OutgoingRecord, timestamp_ms: int) -> InputRecord:
        stored = self.ticks.partition.append(record, timestamp_ms)
        self.inputs.note_tick(stored.offset)
        return stored

    def crash_store(self, lost: int) -> None:
        """Postgres stops and starts again, without its last ``lost`` commits."""
        self.store.crash(lost)
        self.judge.crashed(lost)

    def is_idle(self) -> bool:
        """Whether all that was produced is taken in, judged, evaluated and published."""
        tables = self.store.tables
        taken_in = all(
            number in tables.shards and tables.shards[number].position == partition.end
            for number, partition in enumerate(self.activity.partitions)
        )
        quiet = all(state.begun is None and state.confirmed == state.decided for state in tables.shards.values())
        ended = all(row.ended for row in tables.ticks.values() if row.verdict == "usable")
        return taken_in and quiet and ended and tables.tick_next == self.ticks.partition.end

    def check_end(self) -> None:
        """The last judgement, once it is idle. Raises DifferenceError."""
        tables = self.store.tables
        verdicts = {offset: row.verdict.value for offset, row in tables.ticks.items()}
        expected = self.inputs.verdicts(verdicts.keys())
        promised(holds=verdicts == expected, difference=f"the verdicts are {verdicts}, not {expected}")
        self.published.check_complete(tables)

    def check_last_cycle(self, policy: Policy) -> None:
        """The last tick's cycle and messages are those of all events ever produced, wherever they lie.

        For a deployment whose processes all run with this policy, once it is idle. Raises DifferenceError.
        """
        offset = max(self.published.cycles)
        tick = self.inputs.tick(offset)
        assert tick is not None
        events: dict[str, list[oracle.Event]] = {}
        for event in self.inputs.all_events():
            events.setdefault(event.user_id, []).append(event)
        users = [oracle.user_of(events[user_id], self._messaged_before(user_id, tick.at)) for user_id in events]
        verdicts = oracle.evaluate_all(users, tick.at, thresholds_of(policy))
        shards = self.store.tables.ticks[offset].shards
        expected = oracle.cycle(tick, verdicts.values(), shards, coalesced=False).value
        found = self.published.cycles[offset]
        promised(holds=found == expected, difference=f"the last cycle is {found}, not {expected}")
        eligible = sorted(user_id for user_id, verdict in verdicts.items() if verdict.reason == "eligible")
        decided_at = oracle.written(tick.at)
        values = self.published.messages.values()
        messaged = sorted(value["user_id"] for value in values if value["decided_at"] == decided_at)
        promised(holds=messaged == eligible, difference=f"the last tick messaged {messaged}, not {eligible}")

    def _messaged_before(self, user_id: str, at: int) -> int | None:
        values = [value for value in self.published.messages.values() if value["user_id"] == user_id]
        times = [time for value in values if (time := oracle.parse_time(value["decided_at"])) is not None and time < at]
        return max(times, default=None)

    def _on_commit(self, shard: int, before: Tables, after: Tables) -> None:
        assert self._acting is not None
        thresholds = thresholds_of(self._acting.policy)
        self.judge.committed(shard, before, after, thresholds, losable=self.store.losable > 0)

    def _on_publish(self, _shard: int, records: Sequence[OutgoingRecord]) -> None:
        for record in records:
            self.published.became_visible(record, self.store.tables)
