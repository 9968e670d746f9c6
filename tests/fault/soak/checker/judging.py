"""The judgement on a run, from its evidence alone."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.fault.soak.checker.activity import Log, read_activity
from tests.fault.soak.checker.evidence import Evidence, read_evidence
from tests.fault.soak.checker.judgement import Judgement
from tests.fault.soak.checker.output import judge_dead_letters, sort_cycles, sort_messages
from tests.fault.soak.checker.polls import judge_polls
from tests.fault.soak.checker.sending import match
from tests.fault.soak.checker.shard import Shard
from tests.fault.soak.checker.standing import judge_catching_up, judge_monotony, judge_offsets
from tests.fault.soak.checker.tables import judge_message_log, judge_shards, judge_tick_rows, judge_users
from tests.fault.soak.checker.ticks import TickJudge, read_ticks
from tests.fault.soak.checker.workers import Growth, judge_exits, judge_growth


@dataclass(frozen=True, slots=True)
class Allowed:
    """``catching_up_seconds``: how long after a heal the shards may be behind."""

    catching_up_seconds: float = 60.0
    growth: Growth = field(default_factory=Growth)


def judge_folder(folder: Path, allowed: Allowed = Allowed()) -> Judgement:
    """Judge what ``collecting`` has put there; raises what ``read_evidence`` does."""
    return judge(read_evidence(folder), allowed)


def judge(evidence: Evidence, allowed: Allowed = Allowed()) -> Judgement:
    """Look at everything. Takes about a minute for a million records of activity."""
    judgement = Judgement()
    history, standing = evidence.history, evidence.standing
    _judge_topics(evidence, judgement)
    judge_polls(history.polls, evidence.topics.values(), judgement)
    judge_monotony(history.snapshots, history.faults, judgement)
    judge_offsets(history.snapshots, history.faults, standing, judgement)
    for what in standing.hanging:
        judgement.note("I7", "hanging", what)
    judge_catching_up(history.snapshots, history.faults, allowed.catching_up_seconds, judgement)
    judge_growth(history.samples, allowed.growth, judgement)
    judge_exits(history.exits, judgement)
    judgement.checked["faults"] += len(history.faults)
    return judgement


def _judge_topics(evidence: Evidence, judgement: Judgement) -> None:
    history, topics, tables = evidence.history, evidence.topics, evidence.standing.tables
    run = history.run
    sent = {kind: [one for one in history.operations if one.kind == kind] for kind in ("activity", "tick")}
    logs, letters = read_activity(match(sent["activity"], topics["activity"], judgement), run.limits, judgement)
    seen = {cycle.at: cycle.seen for cycle in reversed(history.cycles)}
    log = read_ticks(match(sent["tick"], topics["ticks"], judgement), seen, run.limits)
    messages = sort_messages(topics["messages"], run.thresholds.message_frequency, run.partitions, judgement)
    cycles = sort_cycles(topics["cycles"], judgement)
    judge_dead_letters([*letters, *log.letters], topics["dead-letters"], run.partitions, judgement)

    shards = [Shard(logs.get(n, Log(n, (), (), ())), run.thresholds, run.limits) for n in range(run.partitions)]
    home = _homes(logs, judgement)
    TickJudge(shards, home, run.limits, judgement).judge(log.asked, messages, cycles)
    users = {user.user_id: user for shard in shards for user in shard.users()}
    judge_users(tables.users, users, home, judgement)
    judge_message_log(tables.messages, messages, judgement)
    judge_tick_rows(tables, log, cycles, judgement)
    judge_shards(tables, evidence.standing.ends, judgement)


def _homes(logs: dict[int, Log], judgement: Judgement) -> dict[str, int]:
    """The shard of each user; users with records in several shards are none that this judge has rules for."""
    home: dict[str, int] = {}
    for shard, log in logs.items():
        for user_id in {event.user_id for event in log.events if event is not None}:
            if home.setdefault(user_id, shard) != shard:
                judgement.note("input", "wrong", f"{user_id} has records in the shards {home[user_id]} and {shard}")
    return home
