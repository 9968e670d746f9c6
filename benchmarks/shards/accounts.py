"""What processes say in their logs of the shards that they hold, and when."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import msgspec

Epochs = Mapping[int, int]
"""By shard, the number of its ownership."""

_STARTED, _STOPPED, _ASSIGNED, _TAKEN = "service_started", "service_stopped", "shards_assigned", "shard_taken_over"


@dataclass(frozen=True, slots=True)
class Assigned:
    """When a process heard that these shards are its own."""

    at: datetime
    shards: frozenset[int]


@dataclass(frozen=True, slots=True)
class Account:
    """What one process has said so far. ``taken``: when it took over which shard, at which epoch.

    ``started``: it has everything open and begins to join the group. ``stopped``: it has left the group.
    """

    started: datetime | None
    stopped: datetime | None
    assigned: Sequence[Assigned]
    taken: Mapping[tuple[int, int], datetime]


class _Named(msgspec.Struct):
    event: str = ""


class _Line(msgspec.Struct):
    event: str
    timestamp: datetime
    shards: list[int] = []
    shard: int = -1
    epoch: int = 0


def account_of(log: bytes) -> Account:
    """What the log of a process says; a last line that isn't complete yet is left for the next time."""
    lines = list(_lines(log))
    times = {line.event: line.timestamp for line in lines}
    return Account(
        started=times.get(_STARTED),
        stopped=times.get(_STOPPED),
        assigned=[Assigned(line.timestamp, frozenset(line.shards)) for line in lines if line.event == _ASSIGNED],
        taken={(line.shard, line.epoch): line.timestamp for line in lines if line.event == _TAKEN},
    )


def _lines(log: bytes) -> Iterator[_Line]:
    named, whole = msgspec.json.Decoder(_Named), msgspec.json.Decoder(_Line)
    for text in log.splitlines(keepends=True):
        # What isn't JSON is a traceback.
        if not (text.startswith(b"{") and text.endswith(b"\n")):
            continue
        if named.decode(text).event in (_STARTED, _STOPPED, _ASSIGNED, _TAKEN):
            yield whole.decode(text)


def settled(accounts: Sequence[Account], epochs: Epochs, since: datetime) -> bool:
    """Whether all of these processes have heard of shards since then, of each shard one, and that one has taken it.

    ``epochs``: as they are stored. A shard that its owner keeps has the epoch at which that took it before.
    """
    latest = [account.assigned[-1] for account in accounts if account.assigned]
    if len(latest) < len(accounts) or any(assigned.at < since for assigned in latest):
        return False
    if sorted(chain.from_iterable(assigned.shards for assigned in latest)) != sorted(epochs):
        return False
    return all(
        (shard, epochs[shard]) in account.taken
        for account, assigned in zip(accounts, latest, strict=True)
        for shard in assigned.shards
    )


def risen(before: Epochs, after: Epochs) -> frozenset[int]:
    """The shards that were taken over in between."""
    return frozenset(shard for shard, epoch in after.items() if epoch > before[shard])


def taken_at(accounts: Iterable[Account], epochs: Epochs, shards: Iterable[int]) -> Mapping[int, datetime]:
    """When each of the shards was taken over by who owns it now."""
    taken = {place: at for account in accounts for place, at in account.taken.items()}
    return {shard: taken[shard, epochs[shard]] for shard in shards}
