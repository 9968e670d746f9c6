"""What the judge of moving users lets pass, and what it doesn't."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.campaigns.moving import Judged, judge_moves
from tests.oracle import (
    DAY,
    DEFAULT_LIMITS,
    HOUR,
    Event,
    InputRecord,
    OutputRecord,
    Thresholds,
    Tick,
    Verdict,
    cycle,
    evaluate,
    message,
    user_of,
    written,
)
from tests.oracle_moves import AskedTick, Mark, Possible, Sent, possible, sent

THRESHOLDS = Thresholds(inactivity=HOUR, message_frequency=36 * HOUR)
START = 1_795_348_800_000_000
EARLY, LATE = Event("u", START - 5 * DAY, None), Event("u", START - HOUR // 2, None)
# Two marks: everything before the moment 2 was taken in by 3; the tick is asked for at 5, and its cycle seen at 8.
TAKEN_IN = Mark(asked=2, ended=3, shards=2)
ASKED = AskedTick(Tick("tick", START), Mark(asked=5, ended=8, shards=2))


def chance(*records: tuple[int, int, Event], asked: AskedTick = ASKED) -> Possible:
    """What may become of a user with these events: moment, partition, event."""
    return possible([sent(*record, [TAKEN_IN, ASKED.mark]) for record in records], asked, None, THRESHOLDS)


def reasons(found: Possible) -> set[str]:
    return {verdict.reason for verdict in found.verdicts}


def test_whoever_has_all_records_in_one_partition_is_judged_once_by_all_that_came_before_the_tick() -> None:
    found = chance((0, 1, EARLY), (4, 1, LATE))
    assert (found.least, found.most, reasons(found), found.moving) == (1, 1, {"active"}, False)


def test_what_comes_after_the_tick_may_be_seen() -> None:
    found = chance((0, 1, EARLY), (6, 1, LATE))
    assert (found.least, found.most, reasons(found)) == (1, 1, {"eligible", "active"})
    assert not found.must_be_messaged
    assert reasons(chance((0, 1, EARLY), (8, 1, LATE))) == {"eligible"}


def test_a_new_user_whose_first_record_comes_after_the_tick_may_be_left_out() -> None:
    found = chance((6, 0, EARLY))
    assert (found.least, found.most, found.moving) == (0, 1, False)
    assert (chance((8, 0, EARLY)).least, chance((8, 0, EARLY)).most) == (0, 0)
    assert chance((4, 0, EARLY)).must_be_messaged


def test_a_moving_user_may_be_judged_by_both_shards_or_none_and_by_an_older_view() -> None:
    found = chance((0, 0, EARLY), (4, 1, LATE))
    assert (found.least, found.most, reasons(found), found.moving) == (0, 2, {"eligible", "active"}, True)
    assert found.skips(messaged=True) == (0, 1, frozenset({"active", "recently_messaged"}))


def test_a_move_that_is_over_leaves_no_choice_even_where_it_is_unknown_who_won() -> None:
    found = chance((0, 0, EARLY), (1, 1, LATE))
    assert (found.least, found.most, reasons(found), found.moving) == (1, 1, {"active"}, False)


def test_a_user_whose_records_came_home_is_not_moving() -> None:
    homeward = Mark(asked=4, ended=5, shards=2)
    records = [sent(moment, partition, EARLY, [TAKEN_IN, homeward]) for moment, partition in [(0, 0), (3, 1)]]
    found = possible([*records, sent(6, 1, LATE, [])], ASKED, None, THRESHOLDS)
    assert (found.least, found.most, found.moving) == (1, 1, False)


def test_a_shard_that_the_tick_does_not_have_judges_nobody() -> None:
    one_shard = replace(ASKED, mark=replace(ASKED.mark, shards=1))
    assert (chance((0, 1, EARLY), asked=one_shard).most, chance((0, 0, EARLY), asked=one_shard).most) == (0, 1)
    moving = chance((0, 0, EARLY), (4, 1, LATE), asked=one_shard)
    assert (moving.least, moving.most) == (0, 1)


@dataclass
class Engine:
    """Takes in and evaluates in any order that is allowed. ``forgets``: a defect, who moves was never messaged."""

    rng: random.Random
    shards: int = 3
    users: int = 4
    forgets: bool = False
    produced: list[tuple[int, Event] | None] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    known: dict[str, list[Event]] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    last_messaged: dict[str, int] = field(default_factory=dict)
    ticks: list[AskedTick] = field(default_factory=list)
    messages: list[OutputRecord] = field(default_factory=list)
    cycles: list[OutputRecord] = field(default_factory=list)

    def play(self, days: int) -> "Engine":
        """Some ticks with records before and after each of them."""
        self.ends = [0] * self.shards
        for day in range(days):
            self._produce(START + day * DAY)
            asked = len(self.produced)
            barriers = [len(self._log(shard)) for shard in range(self.shards)]
            self.produced.append(None)
            self._produce(START + day * DAY)
            tick = Tick(f"day {day}", START + (day + 1) * DAY)
            verdicts = self._evaluate(tick, barriers)
            self.cycles.append(cycle(tick, verdicts, self.shards))
            self.ticks.append(AskedTick(tick, Mark(asked, len(self.produced), self.shards)))
        return self

    def judge(self) -> Judged:
        marks = [asked.mark for asked in self.ticks]
        users: dict[str, list[Sent]] = {}
        for moment, record in enumerate(self.produced):
            if record is not None:
                users.setdefault(record[1].user_id, []).append(sent(moment, *record, marks))
        return judge_moves(users, self.ticks, as_read(self.messages), as_read(self.cycles), THRESHOLDS)

    def _produce(self, start: int) -> None:
        for _ in range(self.rng.randrange(5)):
            event = Event(f"u{self.rng.randrange(self.users)}", start + self.rng.randrange(DAY), None)
            self.produced.append((self.rng.randrange(self.shards), event))

    def _log(self, shard: int) -> list[Event]:
        return [record[1] for record in self.produced if record is not None and record[0] == shard]

    def _evaluate(self, tick: Tick, barriers: Sequence[int]) -> list[Verdict]:
        waiting = list(range(self.shards))
        verdicts = []
        while waiting:
            shard = self.rng.randrange(self.shards)
            if shard in waiting and self.ends[shard] >= barriers[shard] and self.rng.random() < 0.5:
                waiting.remove(shard)
                verdicts += self._evaluate_shard(tick, shard)
            elif self.ends[shard] < len(self._log(shard)):
                self._take_in(shard, self._log(shard)[self.ends[shard]])
        return verdicts

    def _take_in(self, shard: int, event: Event) -> None:
        self.ends[shard] += 1
        if self.forgets and self.homes.get(event.user_id, shard) != shard:
            self.last_messaged.pop(event.user_id, None)
        self.homes[event.user_id] = shard
        self.known.setdefault(event.user_id, []).append(event)

    def _evaluate_shard(self, tick: Tick, shard: int) -> list[Verdict]:
        verdicts = []
        for user_id in [user_id for user_id, home in self.homes.items() if home == shard]:
            user = user_of(self.known[user_id], self.last_messaged.get(user_id))
            verdicts.append(evaluate(user, tick.at, THRESHOLDS))
            if verdicts[-1].reason == "eligible":
                self.messages.append(message(user, verdicts[-1], tick, DEFAULT_LIMITS))
                self.last_messaged[user_id] = tick.at
        return verdicts


def as_read(records: Sequence[OutputRecord]) -> list[InputRecord]:
    numbers = count()
    return [
        InputRecord("output", 0, next(numbers), 0, record.key, json.dumps(record.value).encode(), record.headers)
        for record in records
    ]


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32))
def test_whatever_order_things_happen_in_a_sound_engine_passes(seed: int) -> None:
    judged = Engine(random.Random(seed)).play(days=5).judge()
    assert judged.differences == []
    assert len(judged.exact) == 5


def played() -> Engine:
    return Engine(random.Random(5), users=12).play(days=6)


def test_an_engine_that_forgets_a_message_when_a_user_moves_is_found() -> None:
    found = [Engine(random.Random(seed), forgets=True).play(days=6).judge().differences for seed in range(20)]
    assert any("got messages at" in difference for differences in found for difference in differences)


def test_a_message_that_is_missing_is_found() -> None:
    """Where moves leave open whether there was one, by the cycle that counts it."""
    missing = 0
    for number in range(len(played().messages)):
        engine = played()
        del engine.messages[number]
        found = engine.judge().differences
        assert any("messages_sent" in difference for difference in found)
        missing += any(difference.startswith("missing message") for difference in found)
    assert missing > 0


def test_a_message_that_is_repeated_is_found() -> None:
    engine = played()
    engine.messages.append(engine.messages[0])
    assert any(difference.startswith("repeated message") for difference in engine.judge().differences)


def test_another_content_or_another_tick_is_found() -> None:
    engine = played()
    engine.messages[0].value["content"] = "Hi"
    assert any(difference.startswith("altered message") for difference in engine.judge().differences)
    engine = played()
    engine.messages[0].value["decided_at"] = written(START + HOUR)
    assert any(difference.startswith("unexpected message") for difference in engine.judge().differences)


@pytest.mark.parametrize("reason", ["active", "recently_messaged"])
def test_figures_that_no_move_explains_are_found(reason: str) -> None:
    engine = played()
    last = engine.cycles[-1]
    stats = last.value["detailed_stats"]
    assert isinstance(stats, dict)
    stats["skip_reasons"][reason] += engine.users
    assert any("cycle" in difference for difference in engine.judge().differences)


def test_each_cycle_comes_once() -> None:
    engine = played()
    engine.cycles.append(engine.cycles[0])
    del engine.cycles[1]
    found = [difference for difference in engine.judge().differences if difference.startswith("there are")]
    assert [difference.split()[2] for difference in found] == ["2", "0"]
