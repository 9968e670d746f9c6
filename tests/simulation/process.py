"""One simulated process: the engine's own holders, workers and tick follower, driven unit by unit."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from consumer.ownership import ShardHolder
from consumer.tick_follower import TickFollower
from consumer.worker import ShardWorker
from domain.errors import EngagementError, MisconfiguredError, OwnershipLostError
from domain.policy import Policy
from tests.simulation.units import KilledError, Unit, at_once
from tests.simulation.workshop import Assignment, Surroundings, Workshop

GO_ON = "go on"


@dataclass(frozen=True, slots=True)
class Act:
    """Something a process can do now. ``unit`` tells which piece of work goes on by it."""

    unit: str
    name: str
    do: Callable[[], None]


class Holding:
    """One shard that the process believes to be its own: the holder's unit, and the two of its worker."""

    def __init__(self, holder: ShardHolder) -> None:
        self.holder = holder
        self.given_up = False
        self.failed = False
        self.own: Unit | None = None
        self.work: Unit | None = None
        self.publish: Unit | None = None

    def drop_worker(self) -> None:
        """End what the worker has under way."""
        for unit in (self.work, self.publish):
            if unit is not None:
                unit.drop()
        self.work = self.publish = None

    def drop(self) -> None:
        """End everything."""
        self.drop_worker()
        if self.own is not None:
            self.own.drop()
        self.own = None


class Process:
    """Runs the engine with one policy until it is killed or stopped.

    ``chose`` hears of each shard that begins to choose a tick: its number, epoch, and how far it knows the ticks.
    """

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        policy: Policy,
        chunk_users: int,
        seen: Counter[str],
        chose: Callable[[int, int, int], None],
    ) -> None:
        self.name = name
        self.policy = policy
        self.alive = True
        self.leaving = False
        self.killed_at: tuple[str, str] | None = None
        self.assignment = Assignment()
        self.owned: dict[int, ShardWorker] = {}
        self.holdings: dict[int, Holding] = {}
        self._activity = surroundings.activity
        self._workshop = Workshop(surroundings, policy, chunk_users, self.hook)
        self._seen = seen
        self._chose = chose
        self._follower = TickFollower(surroundings.store, surroundings.ticks, self.owned)
        self._follow: Unit | None = None

    def follows(self, shards: frozenset[int]) -> bool:
        """Whether it holds exactly these; one given back before it was let go is held anew afterwards."""
        held = frozenset(number for number, holding in self.holdings.items() if not holding.given_up)
        return self.assignment.shards == shards == held

    def hear(self, shards: frozenset[int]) -> None:
        """Learn the assignment: give up what went away, begin to hold what is new."""
        self.assignment.shards = shards
        for number in sorted(self.holdings.keys() - shards):
            self._give_up(number)
        for number in sorted(shards - self.holdings.keys()):
            self.holdings[number] = Holding(self._workshop.holder(number, self.assignment, self.owned))

    def die(self) -> None:
        """Everything in memory is gone; open transactions are rolled back."""
        self.alive = False
        for holding in self.holdings.values():
            holding.drop()
        if self._follow is not None:
            self._follow.drop()
        self.holdings.clear()
        self.owned.clear()

    def fetch(self, shard: int, most: int) -> bool:
        """Hand the shard's worker what one fetch gives; False when it wants or gets nothing."""
        worker = self.owned.get(shard)
        if worker is None or not worker.wants_records:
            return False
        batch = self._activity.partitions[shard].batch(worker.fetch_position, most)
        if batch.next_position == batch.position:
            return False
        at_once(worker.offer(batch))
        return True

    def acts(self) -> Iterator[Act]:
        """What can be done now."""
        for number, holding in list(self.holdings.items()):
            for unit, name, act in self._acts_of(number, holding):
                yield Act(f"{self.name} shard {number}, {unit}", name, act)
        if self._follow is not None and self._follow.can_go_on:
            yield Act(f"{self.name}, ticks", GO_ON, self._go_on_following)
        elif self._follow is None and self.owned:
            yield Act(f"{self.name}, ticks", "follow", self._start_following)

    def hook(self, step: str, moment: Literal["before", "after"]) -> None:
        """Hears of every numbered step, and kills the process at the one it was told."""
        self._seen[f"{moment} {step}"] += 1
        if self.alive and self.killed_at == (step, moment):
            self._seen["killed at a step"] += 1
            self._seen[f"killed {moment} {step}"] += 1
            raise KilledError

    def _acts_of(self, number: int, holding: Holding) -> Iterator[tuple[str, str, Callable[[], None]]]:
        worker = self.owned.get(number)
        if holding.own is None:
            yield "ownership", "take over", partial(self._start_owning, number, holding)
        elif worker is None or holding.failed:
            if holding.own.can_go_on:
                yield "ownership", GO_ON, partial(self._go_on_owning, number, holding)
        else:
            yield from self._acts_of_worker(number, holding, worker)

    def _acts_of_worker(
        self, number: int, holding: Holding, worker: ShardWorker
    ) -> Iterator[tuple[str, str, Callable[[], None]]]:
        stopping = worker.shard.stopping
        if stopping and holding.work is None and holding.publish is None:
            yield "ownership", "end", partial(self._go_on_owning, number, holding)
        if holding.work is not None and holding.work.can_go_on:
            yield "work", GO_ON, partial(self._go_on_working, number, holding)
        elif holding.work is None and not stopping and (action := worker._next()) is not None:
            yield "work", action.__name__, partial(self._start_working, number, holding, worker)
        if not stopping and worker.can_decode:
            yield "decoding", "decode", partial(self._decode, worker)
        if holding.publish is not None and holding.publish.can_go_on:
            yield "publishing", GO_ON, partial(self._go_on_publishing, number, holding)
        elif holding.publish is None and not stopping and worker.shard.first_unpublished is not None:
            yield "publishing", "publish", partial(self._start_publishing, number, holding, worker)

    def _decode(self, worker: ShardWorker) -> None:
        self._seen["decode"] += 1
        at_once(worker.decode_next())

    def _start_owning(self, number: int, holding: Holding) -> None:
        holding.own = Unit(holding.holder._own())
        self._go_on_owning(number, holding)

    def _go_on_owning(self, number: int, holding: Holding, failure: EngagementError | None = None) -> None:
        assert holding.own is not None
        holding.own.go_on(failure)
        if holding.own.ended:
            self._note(holding.own.error)
            holding.own, holding.failed = None, False
            if holding.given_up:
                del self.holdings[number]

    def _start_working(self, number: int, holding: Holding, worker: ShardWorker) -> None:
        action = worker._next()
        assert action is not None
        self._seen[action.__name__] += 1
        if action.__name__ == "_choose":
            self._chose(number, worker.shard.ownership.epoch, worker.judged_to)
        holding.work = Unit(_awaited(action))
        self._go_on_working(number, holding)

    def _go_on_working(self, number: int, holding: Holding) -> None:
        unit = holding.work
        assert unit is not None
        unit.go_on()
        if unit.ended:
            holding.work = None
            self._after(number, holding, unit)

    def _start_publishing(self, number: int, holding: Holding, worker: ShardWorker) -> None:
        holding.publish = Unit(worker.publisher.publish_first())
        self._go_on_publishing(number, holding)

    def _go_on_publishing(self, number: int, holding: Holding) -> None:
        unit = holding.publish
        assert unit is not None
        unit.go_on()
        if unit.ended:
            holding.publish = None
            self._after(number, holding, unit)

    def _after(self, number: int, holding: Holding, unit: Unit) -> None:
        """What a task group does: the failure of one ends the other, and the ownership hears of it."""
        if unit.error is not None:
            self._seen[f"work ended by {kind_of(unit.error)}"] += 1
            holding.failed = True
            holding.drop_worker()
            self._go_on_owning(number, holding, unit.error)

    def _start_following(self) -> None:
        self._follow = Unit(self._follower.follow())
        self._go_on_following()

    def _go_on_following(self) -> None:
        assert self._follow is not None
        self._follow.go_on()
        if self._follow.ended:
            self._note(self._follow.error)
            self._follow = None

    def _give_up(self, number: int) -> None:
        holding = self.holdings[number]
        holding.given_up = holding.holder._given_up = True
        worker = self.owned.get(number)
        if worker is not None:
            at_once(worker.shard.stop())
        else:
            # It is still being taken over, or about to be once more: nothing is worth waiting for.
            holding.drop()
            del self.holdings[number]

    def _note(self, error: EngagementError | None) -> None:
        if isinstance(error, MisconfiguredError):
            raise error
        if error is not None:
            self._seen[f"ended by {kind_of(error)}"] += 1


def kind_of(error: EngagementError) -> str:
    """What went wrong, in a few words; of a refusal, by whom."""
    if not isinstance(error, OwnershipLostError):
        return type(error).__name__
    kinds = {"a later producer": "Kafka's fence", "stored at": "the position", "is over": "the fence"}
    return next((kind for words, kind in kinds.items() if words in str(error)), str(error))


async def _awaited(action: Callable[[], Awaitable[None]]) -> None:
    await action()
