"""Judges what readers of Kafka see: each message, cycle and dead letter once, whole, and in the promised order."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from domain.records import OutgoingRecord
from tests import oracle
from tests.fakes.tables import MessageRow, Tables
from tests.simulation.inputs import Inputs, Place, place_of
from tests.simulation.plain import cycle_value, figures_of, promised


@dataclass(slots=True)
class CycleNotes:
    """What the judge knows of one cycle."""

    evaluated: dict[int, dict[str, int]] = field(default_factory=dict)
    coalesced: set[int] = field(default_factory=set)
    messages: dict[str, int] = field(default_factory=dict)
    """The shards that decided them, by id."""

    @property
    def figures(self) -> dict[str, int]:
        total = figures_of(())
        for figures in self.evaluated.values():
            total = {name: total[name] + figures[name] for name in total}
        return total


class Published:
    """Every method raises DifferenceError."""

    def __init__(self, inputs: Inputs, seen: Counter[str]) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        """The values of the messages that readers saw, by id."""
        self.cycles: dict[int, dict[str, Any]] = {}
        """The values of the cycles that readers saw, by the tick's offset."""
        self._dead_letters: set[Place] = set()
        self._expected: dict[str, oracle.OutputRecord] = {}
        self._cycles: dict[int, CycleNotes] = {}
        self._inputs = inputs
        self._seen = seen

    def decided(self, offset: int, row: MessageRow, expected: oracle.OutputRecord) -> None:
        """A message is in the log: it has to be published as the rules have it."""
        logged = row.message
        facts = {"message_id": str(logged.message_id), "content": logged.content, "segment": logged.segment.value}
        facts |= {"tone": logged.tone.value, "tick_id": logged.tick_id}
        promised(holds=facts.items() <= expected.value.items(), difference=f"logged {facts}, not {expected.value}")
        self._expected[facts["message_id"]] = expected
        self._notes(offset).messages[facts["message_id"]] = row.shard

    def evaluated(self, offset: int, shard: int, figures: dict[str, int]) -> None:
        """A shard counted itself done with the tick: all its messages must be published."""
        self._count_once(offset, shard)
        cycle = self._notes(offset)
        unseen = [told for told, number in cycle.messages.items() if number == shard and told not in self.messages]
        promised(holds=not unseen, difference=f"shard {shard} is done with tick {offset} before {unseen} are published")
        cycle.evaluated[shard] = figures

    def coalesced(self, offset: int, shard: int) -> None:
        """A shard left the tick out."""
        self._count_once(offset, shard)
        self._notes(offset).coalesced.add(shard)

    def became_visible(self, record: OutgoingRecord, tables: Tables) -> None:
        """Readers see the record."""
        {"messages": self._message, "cycles": self._cycle, "dead-letters": self._dead_letter}[record.topic](
            record, tables
        )

    def check_complete(self, tables: Tables) -> None:
        """At the end: all that was decided is visible, each usable tick has its cycle, each bad record its letter."""
        unseen = sorted(self._expected.keys() - self.messages.keys())
        promised(holds=not unseen, difference=f"never published: {unseen}")
        usable = {offset for offset, row in tables.ticks.items() if row.verdict == "usable"}
        promised(holds=usable == self.cycles.keys(), difference=f"{sorted(usable)} ended as {sorted(self.cycles)}")
        rejected = self._inputs.rejected(tables.ticks.keys()).keys()
        promised(
            holds=self._dead_letters == rejected,
            difference=f"the dead letters are {sorted(self._dead_letters)}, not {sorted(rejected)}",
        )

    def _notes(self, offset: int) -> CycleNotes:
        return self._cycles.setdefault(offset, CycleNotes())

    def _count_once(self, offset: int, shard: int) -> None:
        cycle = self._notes(offset)
        done = shard in cycle.evaluated or shard in cycle.coalesced
        promised(holds=not done, difference=f"shard {shard} was counted done twice in tick {offset}")

    def _message(self, record: OutgoingRecord, tables: Tables) -> None:
        value = json.loads(record.value or b"")
        message_id = value["message_id"]
        expected = self._expected.get(message_id)
        found = oracle.OutputRecord(record.key or b"", value, tuple((n, v or b"") for n, v in record.headers))
        promised(holds=found == expected, difference=f"published {found}, not {expected}")
        promised(holds=message_id not in self.messages, difference=f"message {value} is visible twice")
        self.messages[message_id] = value
        self._seen["message visible"] += 1

    def _cycle(self, record: OutgoingRecord, tables: Tables) -> None:
        value = json.loads(record.value or b"")
        ticks = {offset: tick for offset in tables.ticks if (tick := self._inputs.tick(offset)) is not None}
        [offset] = [
            number
            for number, tick in ticks.items()
            if oracle.written(tick.at) == value["at"] and tables.ticks[number].verdict == "usable"
        ]
        cycle, shards = self._notes(offset), tables.ticks[offset].shards
        done = len(cycle.evaluated) + len(cycle.coalesced)
        promised(holds=offset not in self.cycles, difference=f"the cycle of tick {offset} is visible twice")
        promised(holds=done == shards, difference=f"the cycle of tick {offset} ended with {done} of {shards} shards")
        expected = cycle_value(ticks[offset], cycle.figures, len(cycle.evaluated), len(cycle.coalesced))
        promised(holds=value == expected, difference=f"published {value}, not {expected}")
        unseen = sorted(cycle.messages.keys() - self.messages.keys())
        promised(holds=not unseen, difference=f"the cycle of tick {offset} is visible before its messages {unseen}")
        self.cycles[offset] = value
        self._seen[value["status"]] += 1

    def _dead_letter(self, record: OutgoingRecord, tables: Tables) -> None:
        source = self._inputs.source(record)
        place, reason = place_of(source), self._inputs.reason(source)
        told = (dict(record.headers).get("engagement.error.reason") or b"").decode()
        kept = (record.key, record.value, record.headers[: len(source.headers)], record.timestamp_ms)
        whole = kept == (source.key, source.value, source.headers, source.timestamp)
        promised(holds=place not in self._dead_letters, difference=f"the dead letter of {place} is visible twice")
        promised(holds=told == reason, difference=f"the dead letter of {place} says {told}, and the rules {reason}")
        promised(holds=whole, difference=f"the dead letter of {place} is not the record {source}")
        self._dead_letters.add(place)
        self._seen[f"dead letter {reason}"] += 1
