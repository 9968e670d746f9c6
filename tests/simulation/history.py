"""One history: a seed chooses what happens next, until everything is drained and judged."""

from collections import Counter
from collections.abc import Callable
from random import Random

from consumer.steps import STEPS
from domain.policy import Policy
from tests.builders import HOUR
from tests.fakes.store import FakeStore
from tests.simulation.deployment import Deployment
from tests.simulation.plain import promised
from tests.simulation.process import GO_ON, Process
from tests.simulation.produced import Producer, tick_record

# Small, and apart from one another by what events and ticks are apart too: every boundary is met often.
POLICIES = (
    Policy(2 * HOUR, 3 * HOUR, 5 * HOUR, 8 * HOUR),
    Policy(HOUR, 6 * HOUR, 3 * HOUR, 3 * HOUR),
    Policy(4 * HOUR, HOUR, 6 * HOUR, HOUR),
    Policy(HOUR, 2 * HOUR, 4 * HOUR, 12 * HOUR),
)
# A unit goes on by this many stops at once: mostly few, so that others come in between, sometimes to its end.
STRIDES = (1, 1, 1, 2, 4, 60)
# Far more than any history needs: what is not drained by then, hangs.
DRAIN_LIMIT = 20_000


class History:
    """Chooses and does. Every number comes from one generator."""

    def __init__(self, seed: int, store_type: type[FakeStore]) -> None:
        self.seed = seed
        self.chance = Random(seed)
        chance = self.chance
        self.actions: list[str] = []
        self.deployment = Deployment(chance, partitions=chance.randint(1, 3), store_type=store_type)
        self.policy = self.former_policy = chance.choice(POLICIES)
        # A rollout that takes long: processes start with the old policy or the new one.
        self.mixed = chance.random() < 0.4
        self.producer = Producer(chance)
        self.most_processes = chance.choice((1, 2, 2, 3, 3))
        self.strays = chance.choice((0.0, 0.1, 0.4))
        self.loss = chance.choice((0.0, 0.0, 0.005, 0.03))
        # In calm histories shards stay where they are long enough for what takes several ticks to show.
        self.unrest = chance.choice((0.15, 1.0, 1.0))
        self.length = chance.randint(100, 600)

    @property
    def seen(self) -> Counter[str]:
        return self.deployment.seen

    def play(self) -> None:
        """Everything. Raises what went wrong."""
        self.deployment.wire.loss = self.loss
        weighted: list[tuple[float, Callable[[], None]]] = [
            (20, self.produce_activity),
            (4, self.produce_tick),
            (3, self.let_time_pass),
            (16, self.fetch),
            (110, self.work),
            (4, self.hear),
            (3 * self.unrest, self.assign_anew),
            (2, self.start_process),
            (0.5 * self.unrest, self.kill),
            (3 * self.unrest, self.arm_a_kill),
            (0.5 * self.unrest, self.stop_process),
            (1 * self.unrest, self.change_policy),
            (0.25 * self.unrest, self.add_partition),
            (0.7 * self.unrest, self.crash_store),
            (0.5, self.append_marker),
            (0.1, self.forget_old_ticks),
        ]
        weights, choices = [weight for weight, _ in weighted], [choice for _, choice in weighted]
        self.start_process()
        for choice in self.chance.choices(choices, weights, k=self.length):
            choice()
        self.settle()

    def settle(self) -> None:
        """No more faults: drain, finish the rollout of the policy, and judge a last tick by all events ever."""
        self.deployment.wire.loss = 0.0
        for process in self.deployment.processes:
            process.killed_at = None
        # What a crash made Postgres forget is noticed with the next transaction of the shard, so there must be one.
        self.tick_for_all("the next to last")
        self.drain()
        self.deployment.check_end()
        self.mixed = False
        for process in list(self.deployment.processes):
            self.note(f"kill {process.name}: the rollout ends")
            self.deployment.kill(process)
        self.tick_for_all("the last")
        self.drain()
        self.deployment.check_end()
        self.deployment.check_last_cycle(self.policy)

    def tick_for_all(self, tick_id: str) -> None:
        """A tick that is newer than all before."""
        self.producer.hours += self.chance.randint(1, 4)
        self.note(f"{tick_id} tick, at {self.producer.now:%d %H:%M}")
        self.deployment.produce_tick(tick_record(tick_id, self.producer.now), self.producer.now_ms)

    def drain(self) -> None:
        """Everybody works, in a random order, until nothing is left to do."""
        for _ in range(DRAIN_LIMIT):
            if self.deployment.is_idle():
                return
            if not self.deployment.members:
                self.start_process()
            for shard in self.deployment.unassigned():
                self.deployment.assign(shard, self.chance.choice(self.deployment.members))
            for process in self.deployment.deaf():
                self.tell(process)
            self.fetch()
            self.work()
        promised(holds=False, difference="what was produced is never dealt with")

    def note(self, action: str) -> None:
        self.actions.append(action)

    def produce_activity(self) -> None:
        user = self.producer.user()
        partition = user % len(self.deployment.shards)
        if self.chance.random() < self.strays:
            partition = self.chance.choice(self.deployment.shards)
        record = self.producer.activity(user)
        self.deployment.produce_activity(partition, record, self.producer.now_ms)
        self.note(f"activity in partition {partition}: {(record.value or b'').decode()}")
        self.seen["activity"] += 1

    def produce_tick(self) -> None:
        kind, record = self.producer.tick()
        self.deployment.produce_tick(record, self.producer.now_ms)
        self.note(f"{kind} {(record.value or b'').decode()}")
        self.seen[f"{kind} tick"] += 1

    def let_time_pass(self) -> None:
        self.producer.hours += self.chance.choice((1, 1, 1, 2, 3))
        self.note(f"it is {self.producer.now:%d %H:%M}")

    def fetch(self) -> None:
        owned = [(process, shard) for process in self.deployment.processes for shard in process.owned]
        if owned:
            process, shard = self.chance.choice(owned)
            most = self.chance.choice((1, 2, 5))
            if process.fetch(shard, most):
                self.note(f"{process.name} shard {shard}: fetch up to {most}")

    def work(self) -> None:
        acts = list(self.deployment.acts())
        if not acts:
            return
        process, act = self.chance.choice(acts)
        stride = self.chance.choice(STRIDES)
        self.note(f"{act.unit}: {act.name}, {stride}")
        self.deployment.perform(process, act)
        for _ in range(stride - 1):
            more = [other for _, other in self.deployment.acts() if (other.unit, other.name) == (act.unit, GO_ON)]
            if not more:
                break
            self.deployment.perform(process, more[0])

    def hear(self) -> None:
        if deaf := self.deployment.deaf():
            self.tell(self.chance.choice(deaf))

    def tell(self, process: Process) -> None:
        self.note(f"{process.name} hears that it has {sorted(self.deployment.assigned(process))}")
        self.deployment.hear(process)

    def assign_anew(self) -> None:
        if not self.deployment.members:
            return
        # Work that is under way when its shard moves is what take-overs are hardest with.
        busy = self.deployment.busy() if self.chance.random() < 0.7 else []
        for shard in self.deployment.unassigned() or [self.chance.choice(busy or self.deployment.shards)]:
            process = self.chance.choice(self.deployment.members)
            self.deployment.assign(shard, process)
            self.note(f"the group gives shard {shard} to {process.name}")
            if self.chance.random() < 0.6:
                self.tell(process)
        self.seen["assigned anew"] += 1

    def start_process(self) -> None:
        if len(self.deployment.members) >= self.most_processes:
            return
        policy = self.chance.choice((self.policy, self.former_policy)) if self.mixed else self.policy
        process = self.deployment.start_process(policy, self.chance.choice((1, 1, 2, 3)))
        self.note(f"start {process.name} with policy {POLICIES.index(policy)}")
        for shard in self.deployment.unassigned():
            self.deployment.assign(shard, process)
        policies = {running.policy for running in self.deployment.processes}
        self.seen["policies side by side"] += len(policies) > 1

    def kill(self) -> None:
        if self.deployment.processes:
            process = self.chance.choice(self.deployment.processes)
            self.note(f"kill {process.name}")
            self.seen["killed"] += 1
            self.deployment.kill(process)

    def arm_a_kill(self) -> None:
        if self.deployment.processes:
            process = self.chance.choice(self.deployment.processes)
            process.killed_at = self.chance.choice(STEPS), self.chance.choice(("before", "after"))
            self.note(f"{process.name} will be killed {process.killed_at[1]} {process.killed_at[0]}")

    def stop_process(self) -> None:
        if self.deployment.members:
            process = self.chance.choice(self.deployment.members)
            self.note(f"{process.name} has to stop")
            self.seen["stopped"] += 1
            self.deployment.retire(process)

    def change_policy(self) -> None:
        self.former_policy, self.policy = self.policy, self.chance.choice(POLICIES)
        self.note(f"policy {POLICIES.index(self.policy)} from the next start on")
        self.seen["policy changed"] += 1

    def add_partition(self) -> None:
        if len(self.deployment.shards) < 5:
            self.deployment.activity.add_partition()
            self.note(f"there are {len(self.deployment.shards)} partitions")
            self.seen["partition added"] += 1

    def crash_store(self) -> None:
        lost = self.chance.randint(0, self.deployment.store.losable)
        self.note(f"Postgres starts again without its last {lost} commits")
        self.seen["commits lost"] += lost > 0
        self.deployment.crash_store(lost)

    def append_marker(self) -> None:
        self.deployment.activity.append_marker(self.chance.choice(self.deployment.shards))
        self.deployment.ticks.partition.append_marker()
        self.note("transaction markers")

    def forget_old_ticks(self) -> None:
        topic = self.deployment.ticks
        topic.first = self.chance.randint(topic.first, topic.partition.end)
        self.note(f"ticks before {topic.first} are removed")
        self.seen["ticks removed"] += 1
