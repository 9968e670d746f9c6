"""Activity traces for replays: the messages of an online community over half a year.

A row says that a user wrote to another one in a second of Unix time. The real trace is CollegeMsg (Panzarasa, Opsahl,
Carley 2009, distributed by SNAP), read where it lies beside the checkout; elsewhere a generated one of the same kind
takes its place: the same size, a few busy users, bursts, nights, six busy weeks and a long decay.
"""

import gzip
import hashlib
import heapq
import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

COLLEGE_FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "activity" / "CollegeMsg.txt.gz"
DAY_SECONDS = 86_400
FIRST_SECOND = 1_081_987_200  # 2004-04-15T00:00:00Z, the day on which the real trace begins
BUSY_DAYS = 42
LAST_DAYS = 190
MOST_LATE_DAYS = 7

# An activity event as the engine reads it: type, user_id, occurred_at and, in a registration, name.
Event = dict[str, str]


class Row(NamedTuple):
    """`user` wrote to `other`; `seconds` is Unix time."""

    user: int
    other: int
    seconds: int


def college_messages() -> Iterator[Row]:
    """Read the real trace, or generate one where it is absent; 60,000 rows or so in the order of time."""
    if not COLLEGE_FILE.is_file():
        yield from generated_messages()
        return
    with gzip.open(COLLEGE_FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield Row(*(int(column) for column in line.split()))


def generated_messages(rows: int = 60_000, users: int = 1_900, seed: int = 2004) -> Iterator[Row]:
    """Generate a trace like the real one; the same arguments always give the same rows, in the order of time."""
    rng = random.Random(seed)
    weights = [rng.lognormvariate(0, 1.5) for _ in range(users)]
    joined = [min(int(rng.expovariate(1 / 12)), BUSY_DAYS) for _ in range(users)]
    left = [first + int(rng.lognormvariate(3.4, 1.2)) for first in joined]
    present = [[user for user in range(users) if joined[user] <= day <= left[user]] for day in range(LAST_DAYS)]
    tables = [list(itertools.accumulate(weights[user] for user in there)) for there in present]
    days = list(itertools.accumulate(_day_weight(day) if present[day] else 0.0 for day in range(LAST_DAYS)))
    hours = list(itertools.accumulate(_hour_weight(hour) for hour in range(24)))
    written: list[Row] = []
    while len(written) < rows:
        day = rng.choices(range(LAST_DAYS), cum_weights=days)[0]
        sender = rng.choices(present[day], cum_weights=tables[day])[0]
        hour = rng.choices(range(24), cum_weights=hours)[0]
        start = FIRST_SECOND + day * DAY_SECONDS + hour * 3600 + rng.randrange(3600)
        for second in _session(rng, start):
            other = (sender + rng.randrange(1, users)) % users
            written.append(Row(sender + 1, other + 1, second))
    return iter(sorted(written[:rows], key=lambda row: row.seconds))


def sampled(rows: Iterable[Row], n_users: int) -> list[Row]:
    """Keep the rows of `n_users` of the users who act: always the same ones, whatever their ids and their order."""
    rows = list(rows)
    chosen = set(heapq.nsmallest(n_users, {row.user for row in rows}, key=_lot))
    return [row for row in rows if row.user in chosen]


def active_events(rows: Iterable[Row]) -> Iterator[Event]:
    """One `user.active` per row."""
    for row in rows:
        yield {"type": "user.active", "user_id": str(row.user), "occurred_at": _rfc_3339(row.seconds)}


def with_registrations(events: Iterable[Event]) -> Iterator[Event]:
    """Each user's first event is preceded by a `user.registered` of the same second, which the real trace lacks."""
    known = set()
    for event in events:
        user_id = event["user_id"]
        if user_id not in known:
            known.add(user_id)
            yield {**event, "type": "user.registered", "name": f"User {user_id}"}
        yield event


def disturbed(events: Iterable[Event], seed: int = 7) -> list[Event]:
    """Put the events into an order in which a careless network might deliver them.

    Shuffled within each day, 2 % delivered one to seven days late, and 5 % twice, the second time up to a week later.
    A day lasts from just after midnight up to and including the next, as does what a daily tick at midnight sees.
    """
    rng = random.Random(seed)
    delivered: dict[int, list[Event]] = {}
    for event in events:
        day = (_unix_seconds(event["occurred_at"]) - 1) // DAY_SECONDS
        late_days = rng.randint(1, MOST_LATE_DAYS) if rng.random() < 0.02 else 0
        delivered.setdefault(day + late_days, []).append(event)
        if rng.random() < 0.05:
            delivered.setdefault(day + rng.randint(late_days, MOST_LATE_DAYS), []).append(event)
    for events_of_day in delivered.values():
        rng.shuffle(events_of_day)
    return [event for day in sorted(delivered) for event in delivered[day]]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Lines `user other-user unix-seconds`; compressed where the name ends in .gz."""
    _write_lines(path, (f"{row.user} {row.other} {row.seconds}" for row in rows))


def write_json_lines(path: Path, events: Iterable[Event]) -> None:
    """One JSON object per line, in the order given; compressed where the name ends in .gz."""
    _write_lines(path, (json.dumps(event, ensure_ascii=False) for event in events))


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    content = "".join(line + "\n" for line in lines).encode()
    # Without the time of writing, so that the same trace is the same file.
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _session(rng: random.Random, start: int) -> Sequence[int]:
    """Draw the seconds at which one sender writes: one message to many in 1 of 3,000, else a few within minutes."""
    if rng.random() < 1 / 3_000:
        return [start] * rng.randint(10, 38)
    pauses = [0, *(int(rng.lognormvariate(5.4, 1.1)) for _ in range(int(rng.expovariate(1 / 3))))]
    return [start + passed for passed in itertools.accumulate(pauses)]


def _day_weight(day: int) -> float:
    """Rising over two weeks, busy up to the sixth, then fewer by half every two months."""
    return min((day + 1) / 14, 1.0) if day < BUSY_DAYS else 0.18 * 2.0 ** (-(day - BUSY_DAYS) / 60)


def _hour_weight(hour: int) -> float:
    """Most at 7 UTC, which is midnight in California, fewest at 14, its early morning."""
    return 0.1 + ((hour - 14) % 24 / 17 if hour <= 7 or hour >= 14 else (14 - hour) / 7)


def _lot(user: int) -> str:
    return hashlib.sha256(str(user).encode()).hexdigest()


def _rfc_3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unix_seconds(occurred_at: str) -> int:
    return int(datetime.fromisoformat(occurred_at).timestamp())
