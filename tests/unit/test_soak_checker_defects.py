"""The judge of fault runs finds every single defect in what a run leaves behind."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fault.soak.checker.evidence import Evidence
from tests.fault.soak.checker.judgement import Kind
from tests.fault.soak.checker.judging import judge
from tests.fault.soak.checker.rehearsal import QUIET, rehearsed
from tests.oracle import InputRecord

seeds = st.integers(0, 2**32)


def lose(role: str) -> Callable[[Evidence, random.Random], Evidence]:
    def change(evidence: Evidence, chance: random.Random) -> Evidence:
        kept = list(evidence.topics[role])
        # The last one of a partition would only be unseen: nobody read beyond it.
        inner = [n for n, (record, following) in enumerate(pairwise(kept)) if record.partition == following.partition]
        kept.pop(chance.choice(inner or range(len(kept))))
        return with_topic(evidence, role, kept)

    return change


def repeat(role: str) -> Callable[[Evidence, random.Random], Evidence]:
    def change(evidence: Evidence, chance: random.Random) -> Evidence:
        records = evidence.topics[role]
        again = chance.choice(records)
        last = max(record.offset for record in records if record.partition == again.partition)
        return with_topic(evidence, role, [*records, replace(again, offset=last + 1)])

    return change


def alter(role: str, edit: Callable[[dict[str, Any]], object]) -> Callable[[Evidence, random.Random], Evidence]:
    def change(evidence: Evidence, chance: random.Random) -> Evidence:
        records = list(evidence.topics[role])
        number = chance.randrange(len(records))
        value = json.loads(records[number].value or b"")
        edit(value)
        records[number] = replace(records[number], value=json.dumps(value).encode())
        return with_topic(evidence, role, records)

    return change


def with_topic(evidence: Evidence, role: str, records: list[InputRecord]) -> Evidence:
    return replace(evidence, topics={**evidence.topics, role: records})


def one_more_active(value: dict[str, Any]) -> None:
    """As if one more user had been counted, everywhere."""
    for part in (value, value["detailed_stats"]):
        part["total_users"] += 1
    value["users_skipped"] += 1
    value["detailed_stats"]["skipped"] += 1
    value["detailed_stats"]["skip_reasons"]["active"] += 1


def one_other_reason(value: dict[str, Any]) -> None:
    reasons = value["detailed_stats"]["skip_reasons"]
    step = 1 if reasons["recently_messaged"] else -1
    reasons["active"] += step
    reasons["recently_messaged"] -= step


def in_tables(table: str, **changed: Any) -> Callable[[Evidence, random.Random], Evidence]:
    def change(evidence: Evidence, _chance: random.Random) -> Evidence:
        first, *others = getattr(evidence.standing.tables, table)
        rows = [replace(first, **changed), *others]
        return with_tables(evidence, **{table: rows})

    return change


def without_row(table: str) -> Callable[[Evidence, random.Random], Evidence]:
    def change(evidence: Evidence, chance: random.Random) -> Evidence:
        rows = list(getattr(evidence.standing.tables, table))
        rows.pop(chance.randrange(len(rows)))
        return with_tables(evidence, **{table: rows})

    return change


def with_tables(evidence: Evidence, **changed: Any) -> Evidence:
    return with_standing(evidence, tables=replace(evidence.standing.tables, **changed))


def with_standing(evidence: Evidence, **changed: Any) -> Evidence:
    return replace(evidence, standing=replace(evidence.standing, **changed))


def late_outbox(evidence: Evidence, _chance: random.Random) -> Evidence:
    return with_tables(evidence, outbox=1)


def hanging(evidence: Evidence, _chance: random.Random) -> Evidence:
    return with_standing(evidence, hanging=["transactions hang in run-messages-1"])


def group_ahead(evidence: Evidence, _chance: random.Random) -> Evidence:
    return with_standing(evidence, committed={0: 10_000})


def records_left(evidence: Evidence, _chance: random.Random) -> Evidence:
    return with_standing(evidence, ends={**evidence.standing.ends, 1: 10_000})


DEFECTS: dict[str, tuple[Callable[[Evidence, random.Random], Evidence], str, Kind]] = {
    "message lost": (lose("messages"), "I3", "lost"),
    "message repeated": (repeat("messages"), "I2", "repeated"),
    "message with another name": (alter("messages", lambda v: v.update(content="Hi you")), "I3", "wrong"),
    "message of another segment": (alter("messages", lambda v: v.update(segment="vip")), "I3", "wrong"),
    "message with one more member": (alter("messages", lambda v: v.update(more="?")), "I3", "wrong"),
    "message to nobody": (alter("messages", lambda v: v.update(user_id="nobody")), "I4", "wrong"),
    "message of no tick": (alter("messages", lambda v: v.update(decided_at="then")), "I3", "wrong"),
    "cycle lost": (lose("cycles"), "I2", "lost"),
    "cycle repeated": (repeat("cycles"), "I2", "repeated"),
    "cycle of no tick": (alter("cycles", lambda v: v.update(at="then")), "I3", "wrong"),
    "cycle without figures": (alter("cycles", lambda v: v.pop("detailed_stats")), "figures", "wrong"),
    "one user too many in the figures": (alter("cycles", one_more_active), "figures", "wrong"),
    "one user counted for the other reason": (alter("cycles", one_other_reason), "figures", "wrong"),
    "one message too many in the figures": (
        alter("cycles", lambda v: v.update(messages_sent=v["messages_sent"] + 1)), "figures", "wrong",
    ),
    "dead letter lost": (lose("dead-letters"), "I2", "lost"),
    "dead letter repeated": (repeat("dead-letters"), "I2", "repeated"),
    "acknowledged activity lost": (lose("activity"), "input", "lost"),
    "activity twice": (repeat("activity"), "input", "repeated"),
    "user lost": (without_row("users"), "I1", "lost"),
    "user active too late": (in_tables("users", last_active=1), "I1", "wrong"),
    "user with another name": (in_tables("users", name="Somebody"), "I1", "wrong"),
    "user messaged at another time": (in_tables("users", last_messaged=1), "I1", "wrong"),
    "counter wrong": (in_tables("shards", active=77), "tables", "wrong"),
    "shard halted": (in_tables("shards", halted_reason="marker lost"), "tables", "wrong"),
    "tick begun and not ended": (in_tables("shards", begun_offset=3), "tables", "wrong"),
    "entry not confirmed": (in_tables("shards", confirmed=6), "tables", "wrong"),
    "tick row with another figure": (in_tables("ticks", normal=77), "tables", "wrong"),
    "tick judged otherwise": (in_tables("ticks", verdict="stale"), "tables", "wrong"),
    "message not in the log": (without_row("messages"), "tables", "wrong"),
    "message only decided": (in_tables("messages", status="decided"), "tables", "wrong"),
    "outbox not empty": (late_outbox, "tables", "wrong"),
    "transaction left open": (hanging, "I7", "hanging"),
    "group ahead of the position": (group_ahead, "I6", "wrong"),
    "records not taken in": (records_left, "I8", "late"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
@settings(max_examples=2)
@given(seed=seeds)
def test_every_single_defect_is_found(name: str, seed: int) -> None:
    change, invariant, kind = DEFECTS[name]
    rehearsal = rehearsed(seed, QUIET, rounds=3)
    rehearsal.tick(bad=True)
    evidence = rehearsal.evidence()
    judgement = judge(change(evidence, random.Random(seed)))
    assert judgement.kinds[kind], judgement.lines()
    assert any(example.startswith(kind) for example in judgement.invariants[invariant].examples), judgement.lines()
