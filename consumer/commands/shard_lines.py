"""One line per shard: what Postgres, the log of the activity topic and the consumer group say of it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.kafka.inspection import Extent, Member
from adapters.postgres.reports import StoredShard
from consumer.commands.output import print_line
from domain.times import format_time

_UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class ShardLine:
    """A shard; ``member`` and ``extent`` are None where Kafka has no answer."""

    stored: StoredShard
    member: Member | None
    extent: Extent | None

    @property
    def lag(self) -> int | None:
        """How many offsets are not read yet; None where the log is not known, or is another one than was read."""
        position = self.stored.state.position
        if self.extent is None or position > self.extent.end:
            return None
        return self.extent.end - max(position, self.extent.beginning)

    def as_json(self) -> dict[str, Any]:
        """The line for programs."""
        state, begun, halted_at = self.stored.state, self.stored.state.begun, self.stored.halted_at
        return {
            "shard": state.shard,
            "owner": None if self.member is None else {"host": self.member.host, "member_id": self.member.member_id},
            "epoch": state.epoch,
            "position": state.position,
            "log": None if self.extent is None else {"beginning": self.extent.beginning, "end": self.extent.end},
            "lag": self.lag,
            "decided": state.decided,
            "confirmed": state.confirmed,
            "users": {"active": state.active, "recently_messaged": state.recently_messaged},
            "begun_tick": None
            if begun is None
            else {"offset": begun.offset, "tick_id": begun.tick.tick_id, "at": format_time(begun.tick.at)},
            "halted_at": None if halted_at is None else format_time(halted_at),
            "halted_reason": self.stored.halted_reason,
        }

    def as_cells(self) -> list[str]:
        """The line for people, in the order of ``HEADINGS``."""
        state, halted_at = self.stored.state, self.stored.halted_at
        return [
            str(state.shard),
            _UNKNOWN if self.member is None else f"{self.member.host} {self.member.member_id[-12:]}",
            str(state.epoch),
            "beginning" if state.position < 0 else str(state.position),
            _UNKNOWN if self.extent is None else str(self.extent.end),
            _UNKNOWN if self.lag is None else str(self.lag),
            str(state.decided - state.confirmed),
            _UNKNOWN if state.begun is None else state.begun.tick.tick_id,
            _UNKNOWN if halted_at is None else f"since {format_time(halted_at)}: {self.stored.halted_reason}",
        ]


HEADINGS = ("shard", "owner", "epoch", "position", "end", "lag", "unpublished", "tick begun", "halted")


def print_shards(lines: Sequence[ShardLine]) -> None:
    """A table on a terminal; elsewhere one line a shard, the cells separated by tabs, below a line of headings."""
    if sys.stdout.isatty():
        Console().print(shard_table(lines))
        return
    for cells in (HEADINGS, *(line.as_cells() for line in lines)):
        print_line("\t".join(cells))


def shard_table(lines: Sequence[ShardLine]) -> Table:
    """The lines as a table; halted shards stand out."""
    table = Table(*HEADINGS, box=box.SIMPLE)
    for line in lines:
        # Text takes brackets for what they are.
        cells = [Text(cell) for cell in line.as_cells()]
        table.add_row(*cells, style="red" if line.stored.halted_reason is not None else None)
    return table
