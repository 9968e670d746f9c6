"""What is stored when the run is over, held against the topics: users, message log, ticks, counters, outbox."""

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.fault.soak.checker.judgement import Judgement
from tests.fault.soak.checker.output import Cycle
from tests.fault.soak.checker.stored import MessageRow, ShardRow, Tables, TickRow, UserRow
from tests.fault.soak.checker.ticks import TickLog
from tests.fault.soak.checker.verdicts import Message
from tests.oracle import User, written


def judge_users(
    rows: Iterable[UserRow], users: Mapping[str, User], home: Mapping[str, int], judgement: Judgement
) -> None:
    """``users``: everybody, by all activity and all messages."""
    there = {row.user_id: row for row in rows}
    judgement.checked["users"] += len(there)
    for user_id in sorted(users.keys() - there.keys()):
        judgement.note("I1", "lost", f"{user_id} is not stored")
    for user_id, row in there.items():
        created_at = row.first_seen if row.registered_at is None else row.registered_at
        found = User(user_id, row.name or "there", created_at, row.last_active, row.last_messaged)
        if found != users.get(user_id):
            judgement.note("I1", "wrong", f"stored is {found}, but the topics say {users.get(user_id)}")
        elif row.shard != home[user_id]:
            judgement.note("I1", "wrong", f"{user_id} is stored in shard {row.shard} instead of {home[user_id]}")


def judge_message_log(
    rows: Iterable[MessageRow], messages: Mapping[str, Mapping[str, Message]], judgement: Judgement
) -> None:
    """The log is what readers of the topic see."""
    published = {(user_id, at): message for at, by_user in messages.items() for user_id, message in by_user.items()}
    for row in rows:
        at = written(row.decided_at)
        message = published.pop((row.user_id, at), None)
        logged = {
            "message_id": row.message_id, "user_id": row.user_id, "content": row.content, "segment": row.segment,
            "tone": row.tone, "tick_id": row.tick_id, "decided_at": at,
        }  # fmt: skip
        value = {} if message is None else message.value
        if message is None:
            judgement.note("tables", "wrong", f"message to {row.user_id} of {at} is in the log, but not in the topic")
        elif not logged.items() <= value.items():
            judgement.note("tables", "wrong", f"the log has {logged}, and the topic {value}")
        if row.status != "sent":
            judgement.note("tables", "wrong", f"message to {row.user_id} of {at} is {row.status}, not sent")
    for user_id, at in sorted(published):
        judgement.note("tables", "wrong", f"message to {user_id} of {at} is in the topic, but not in the log")


def judge_tick_rows(tables: Tables, log: TickLog, cycles: Mapping[str, Cycle], judgement: Judgement) -> None:
    """Each record of the tick topic is judged as the rules say, and a usable one's row has its cycle's figures."""
    rows = {row.tick_offset: row for row in tables.ticks}
    for offset in sorted(rows.keys() | log.verdicts.keys()):
        verdict, tick = log.verdicts.get(offset, ("absent", None))
        row = rows.get(offset)
        if row is None or row.verdict != verdict:
            is_ = "not judged" if row is None else row.verdict
            judgement.note(
                "tables", "wrong", f"the record {offset} of the tick topic is {verdict}, but stored as {is_}"
            )
        elif tick is not None and (row.tick_id, row.at) != (tick.tick_id, tick.at):
            judgement.note("tables", "wrong", f"the tick at {offset} is {tick}, but stored as {row.tick_id}, {row.at}")
        elif verdict == "usable" and tick is not None:
            found = cycles.get(written(tick.at))
            if found is not None and _figures(row) != _figures_of(found):
                what = f"the tick at {offset} is stored with {_figures(row)}, its record says {_figures_of(found)}"
                judgement.note("tables", "wrong", what)
    if log.verdicts and tables.tick_next <= max(log.verdicts):
        judgement.note("tables", "wrong", f"the tick topic is judged up to {tables.tick_next} only")


def judge_shards(tables: Tables, ends: Mapping[int, int], judgement: Judgement) -> None:
    """Everything is taken in, decided, published and confirmed; counters are what a recount gives."""
    counted: Counter[tuple[int, str]] = Counter((row.shard, row.outcome) for row in tables.users)
    for move in tables.moves:
        counted[move.shard, move.outcome] -= move.change
    for row in tables.shards:
        recount = (counted[row.shard, "active"], counted[row.shard, "recently_messaged"])
        if (row.active, row.recently_messaged) != recount:
            what = f"counts {row.active} active and {row.recently_messaged} recently messaged, but has {recount}"
            judgement.note("tables", "wrong", f"shard {row.shard} {what}")
        for what in _unfinished(row):
            judgement.note("tables", "wrong", f"shard {row.shard} {what}")
        if max(row.position, 0) < ends.get(row.shard, 0):
            what = f"shard {row.shard} ended at {row.position} of {ends[row.shard]}"
            judgement.note("I8", "late", what)
    missing = sorted(ends.keys() - {row.shard for row in tables.shards})
    if missing:
        judgement.note("tables", "wrong", f"there are no shards {missing}")
    if tables.outbox:
        judgement.note("tables", "wrong", f"the outbox still has {tables.outbox} entries")


def _unfinished(row: ShardRow) -> list[str]:
    found = [] if row.confirmed == row.decided else [f"has confirmed {row.confirmed} of {row.decided}"]
    found += [] if row.begun_offset is None else [f"has begun the tick at {row.begun_offset} and not ended it"]
    return found + ([] if row.halted_reason is None else [f"is halted: {row.halted_reason}"])


def _figures(row: TickRow) -> dict[str, object]:
    return {
        "active": row.active, "recently_messaged": row.recently_messaged, "dormant": row.dormant,
        "new_user": row.new_user, "normal": row.normal, "evaluated": row.evaluated, "coalesced": row.coalesced,
    }  # fmt: skip


def _figures_of(found: Cycle) -> dict[str, object]:
    """Of a record that has been looked at already: what it lacks is left out."""
    stats = found.value.get("detailed_stats", {})
    parts = (stats.get("skip_reasons", {}), stats.get("by_segment", {}), found.value.get("shards", {}))
    return {name: number for part in parts for name, number in part.items()}
