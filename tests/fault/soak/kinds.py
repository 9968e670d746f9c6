"""The kinds of faults that a soak mixes, as data: whom each one hits, for how long, and what may not overlap."""

from dataclasses import dataclass

SESSION_SECONDS = 3.0
"""The session timeout of all workers: Kafka gives a silent worker's shards to others after it."""
SLOTS = 3
"""Workers that are always there. Number 0 is never killed nor restarted: its memory is watched all the time."""

_OTHERS = ("worker 1", "worker 2")
_EVERYBODY = ("worker 0", *_OTHERS)
_OUTAGES = {"stopped": (1.0, 4.0), "killed": (1.0, 4.0), "frozen": (4.0, 13.0)}
# Long ones pass the deadlines of the engine: 10 s for a call to Kafka, 20 s for one to Postgres.
_KAFKA_LINK = {
    "cut": (1.0, 6.0),
    "half-open": (5.0, 14.0),
    "delayed": (3.0, 7.0),
    "throttled": (3.0, 7.0),
    "closing slowly": (3.0, 7.0),
}
_POSTGRES_LINK = _KAFKA_LINK | {"half-open": (5.0, 23.0)}


@dataclass(frozen=True, slots=True)
class Kind:
    """``seconds``: the shortest and the longest time until it is healed; 0 for what is over at once.

    ``lane``: faults of one lane never overlap, and the lane is left alone for ``rest`` seconds after each. ``{target}``
    in it stands for the target: one lane for each.
    """

    name: str
    lane: str
    targets: tuple[str, ...]
    seconds: tuple[float, float]
    rest: float = 1.0
    weight: int = 2


def _brokers() -> list[Kind]:
    """Only one broker is away at a time: two of three are needed to acknowledge."""
    roles = ("leader", "group coordinator", "transaction coordinator")
    return [
        Kind(f"{role} {outage}", "broker", (role,), seconds, rest=4.0, weight=1)
        for role in roles
        for outage, seconds in _OUTAGES.items()
    ]


def _links() -> list[Kind]:
    kafka = [
        Kind(f"link to Kafka {name}", "{target}'s link to Kafka", _EVERYBODY, seconds)
        for name, seconds in _KAFKA_LINK.items()
    ]
    postgres = [
        Kind(f"link to Postgres {name}", "{target}'s link to Postgres", _EVERYBODY, seconds)
        for name, seconds in _POSTGRES_LINK.items()
    ]
    return kafka + postgres


_PAST = (SESSION_SECONDS + 1.5, SESSION_SECONDS + 6.0)
# Some of it passes until the step is reached.
_PAST_A_STEP = (SESSION_SECONDS + 4.0, SESSION_SECONDS + 8.0)
KINDS: tuple[Kind, ...] = (
    # A killed worker needs some seconds to be there again.
    Kind("worker killed", "{target}", _OTHERS, (0.0, 0.0), rest=4.0, weight=4),
    Kind("worker killed at a step", "{target}", _OTHERS, (4.0, 6.0), rest=4.0, weight=6),
    Kind("worker stopped", "{target}", _OTHERS, (0.0, 0.0), rest=4.0, weight=3),
    Kind("worker paused within its session", "{target}", _EVERYBODY, (0.3, SESSION_SECONDS - 0.5), weight=3),
    Kind("worker paused past its session", "{target}", _EVERYBODY, _PAST, rest=2.0, weight=3),
    Kind("worker paused at a step", "{target}", _EVERYBODY, _PAST_A_STEP, rest=2.0, weight=6),
    Kind("rebalance storm", "storm", ("newcomers",), (5.0, 8.0), rest=6.0, weight=2),
    *_brokers(),
    *_links(),
    Kind("Postgres stopped at once", "Postgres", ("Postgres",), (0.5, 3.0)),
    Kind("Postgres stopped in order", "Postgres", ("Postgres",), (0.5, 3.0)),
    Kind("Postgres frozen", "Postgres", ("Postgres",), (2.0, 8.0)),
    Kind("Postgres backends terminated", "Postgres", ("Postgres",), (0.0, 0.0), weight=4),
    Kind("Postgres backend frozen", "Postgres", ("Postgres",), (4.0, 23.0)),
    Kind("users locked", "Postgres", ("Postgres",), (2.0, 6.0)),
    Kind("shard locked", "Postgres", ("Postgres",), (2.0, 6.0)),
    Kind("Postgres read-only", "Postgres", ("Postgres",), (1.0, 4.0)),
    Kind("Postgres slow", "Postgres", ("Postgres",), (3.0, 6.0)),
)
KIND_NAMES = tuple(kind.name for kind in KINDS)
LANES = {kind.name: kind.lane for kind in KINDS}
