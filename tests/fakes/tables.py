"""What a store holds, as values: each transaction works on a copy of its own."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.cycles import Cycle, Figures
from domain.events import Tick
from domain.messages import EngagementMessage
from domain.ownership import ShardState
from domain.ticks import Verdict
from domain.users import Outcome, StoredUser


class ConstraintViolatedError(Exception):
    """The rows would say what can't be: a defect of whoever wrote them."""


def require(*, holds: bool, constraint: str) -> None:
    """Raises ConstraintViolatedError unless it holds."""
    if not holds:
        raise ConstraintViolatedError(constraint)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user, and the shard that has it."""

    shard: int
    stored: StoredUser


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One line of the message log."""

    shard: int
    sequence: int
    message: EngagementMessage


@dataclass(frozen=True, slots=True)
class Move:
    """A correction that waits for the owner of the shard that lost the user."""

    shard: int
    outcome: Outcome
    change: int


@dataclass(frozen=True, slots=True)
class TickRow:
    """One record of the tick topic; ``shards`` is how many there were when it was judged."""

    verdict: Verdict
    tick: Tick | None
    shards: int
    evaluated: int = 0
    coalesced: int = 0
    figures: Figures = field(default_factory=Figures)

    @property
    def cycle(self) -> Cycle:
        """The cycle that a usable tick stands for."""
        assert self.tick is not None
        return Cycle(self.tick.tick_id, self.tick.at, self.evaluated, self.coalesced, self.figures)

    @property
    def ended(self) -> bool:
        """Whether every shard is done with it."""
        return self.verdict is Verdict.USABLE and self.evaluated + self.coalesced == self.shards

    def counted(self, *, evaluated: int = 0, coalesced: int = 0, figures: Figures) -> "TickRow":
        """The row with one more shard done."""
        row = replace(
            self,
            evaluated=self.evaluated + evaluated,
            coalesced=self.coalesced + coalesced,
            figures=self.figures.plus(**{name: getattr(figures, name) for name in Figures.__slots__}),
        )
        most = row.shards if row.verdict is Verdict.USABLE else 0
        require(holds=row.evaluated + row.coalesced <= most, constraint="tick_check: counted done too often")
        return row


@dataclass(slots=True)
class Tables:
    """All rows. The values in them never change, so a copy of the containers is a snapshot."""

    shards: dict[int, ShardState] = field(default_factory=dict)
    halted: dict[int, str] = field(default_factory=dict)
    writes: dict[int, int] = field(default_factory=dict)
    """By shard, how often its row was written."""
    users: dict[str, UserRow] = field(default_factory=dict)
    ticks: dict[int, TickRow] = field(default_factory=dict)
    messages: dict[tuple[str, datetime], MessageRow] = field(default_factory=dict)
    outbox: dict[tuple[int, int], bytes] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    tick_next: int = 0
    tick_latest: datetime | None = None

    def write_shard(self, state: ShardState) -> None:
        """Write the shard's row. Raises ConstraintViolatedError."""
        check_shard(state)
        self.shards[state.shard] = state
        self.writes[state.shard] = self.writes.get(state.shard, 0) + 1

    def copy(self) -> "Tables":
        """The same rows, to be changed apart."""
        return Tables(
            dict(self.shards),
            dict(self.halted),
            dict(self.writes),
            dict(self.users),
            dict(self.ticks),
            dict(self.messages),
            dict(self.outbox),
            self.moves,
            self.tick_next,
            self.tick_latest,
        )


def check_shard(state: ShardState) -> None:
    """What holds of every shard's row. Raises ConstraintViolatedError."""
    require(holds=state.position >= -1, constraint="a position is an offset, or the beginning")
    require(holds=0 <= state.confirmed <= state.decided, constraint="nothing is published that was not decided")
    require(holds=state.active >= 0 and state.recently_messaged >= 0, constraint="counters count users")
    begun = state.begun
    if begun is not None:
        require(holds=begun.offset < state.tick_cursor, constraint="the cursor lies behind the begun tick")
        require(holds=(begun.last_sequence or 0) <= state.decided, constraint="the last sequence was decided")


def check_user(row: UserRow) -> None:
    """What holds of every user's row. Raises ConstraintViolatedError."""
    user = row.stored.user
    require(holds=user.first_seen <= user.last_active, constraint="nobody was active before the first event")
    messaged = row.stored.outcome is Outcome.ACTIVE or user.last_messaged is not None
    require(holds=messaged, constraint="a user becomes recently_messaged only by a message")
