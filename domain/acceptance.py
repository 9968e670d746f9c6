"""What an operator accepts when a halted shard is to go on: nothing is guessed, and nothing is hidden."""

from dataclasses import dataclass
from enum import StrEnum


class MarkerFinding(StrEnum):
    """How the marker in Kafka goes with the sequences in Postgres."""

    FITS = "fits"
    """Between the confirmed and the decided sequence: a worker could go on from it."""
    BEHIND = "behind"
    """Below the confirmed one: Kafka has lost markers. The progress topic was recreated, or restored."""
    AHEAD = "ahead"
    """Above the decided one: Postgres has forgotten decisions. It was restored from an older backup."""
    UNREADABLE = "unreadable"
    """Not a sequence: somebody else wrote it."""


class PositionFinding(StrEnum):
    """How the stored position goes with the log of the activity topic."""

    WITHIN = "within"
    """Records at and after it can be read."""
    GONE = "gone"
    """Below the beginning: records were removed before they were read."""
    BEYOND = "beyond"
    """Beyond the end: this is another log. The topic was recreated, or restored."""


@dataclass(frozen=True, slots=True)
class HaltedShard:
    """A halted shard as Postgres and Kafka tell it.

    ``outbox`` are the sequences of its entries. ``marker`` is None where the last one is not a sequence. ``beginning``
    and ``end`` are the extent of its partition of the activity topic; position -1 means the beginning.
    """

    shard: int
    position: int
    confirmed: int
    decided: int
    outbox: frozenset[int]
    marker: int | None
    beginning: int
    end: int

    @property
    def marker_finding(self) -> MarkerFinding:
        """How the marker goes with the sequences."""
        if self.marker is None:
            return MarkerFinding.UNREADABLE
        if self.marker < self.confirmed:
            return MarkerFinding.BEHIND
        return MarkerFinding.AHEAD if self.marker > self.decided else MarkerFinding.FITS

    @property
    def position_finding(self) -> PositionFinding:
        """How the position goes with the log."""
        if self.position > self.end:
            return PositionFinding.BEYOND
        return PositionFinding.GONE if 0 <= self.position < self.beginning else PositionFinding.WITHIN


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What is done to a halted shard, so that a worker can take it.

    ``marker`` is written to Kafka: everything up to it counts as published, everything after it is published again.
    ``position`` is where reading goes on. ``holes`` are sequences whose entries are lost: empty ones take their places,
    since sequences are never renumbered. ``strays`` are entries that belong nowhere, and are deleted.
    """

    marker: int
    position: int
    holes: tuple[int, ...]
    strays: tuple[int, ...]


def acceptance(shard: HaltedShard) -> Acceptance:
    """The least that makes the shard workable.

    A marker that fits is kept: it says what Kafka holds, and to go below it would repeat messages. One that doesn't fit
    gives way to what Postgres has confirmed: what comes after may then be published twice, but none is left out.
    A position outside the log gives way to the log's beginning.
    """
    fits = shard.marker_finding is MarkerFinding.FITS
    marker = shard.marker if fits and shard.marker is not None else shard.confirmed
    within = shard.position_finding is PositionFinding.WITHIN
    wanted = range(shard.confirmed + 1, shard.decided + 1)
    return Acceptance(
        marker=marker,
        position=shard.position if within else shard.beginning,
        holes=tuple(sequence for sequence in wanted if sequence not in shard.outbox),
        strays=tuple(sorted(sequence for sequence in shard.outbox if sequence not in wanted)),
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """How many records outbox entries hold, by what they are."""

    messages: int = 0
    cycles: int = 0
    dead_letters: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """What an acceptance loses or repeats, as far as it can be counted.

    ``waiting``: in entries that will be published. ``dropped``: in entries beyond the decided sequence, which are
    deleted unpublished. ``unmarked``: messages that count as published while the marker does not say so. ``lost``:
    messages of the holes that the marker does not cover. The last two are None where counting took too long.
    """

    waiting: Contents
    dropped: Contents
    unmarked: int | None
    lost: int | None
