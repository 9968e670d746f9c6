"""What `engage shard list` says of one shard."""

import io
from typing import Any

import pytest
from rich.console import Console

from adapters.kafka.inspection import Extent, Member
from adapters.postgres.reports import StoredShard
from consumer.commands.shard_lines import HEADINGS, ShardLine, print_shards, shard_table
from domain.cycles import Figures
from domain.events import Tick
from domain.ownership import BegunTick, ShardState
from tests.unit.builders import NOW, POLICY

MEMBER = Member("10.0.0.7", "engagement-engine-0123456789abcdef")


def line(*, member: Member | None = MEMBER, extent: Extent | None = None, **changes: Any) -> ShardLine:
    reason = changes.pop("halted_reason", None)
    state: dict[str, Any] = {
        "shard": 3,
        "epoch": 5,
        "position": 120,
        "tick_cursor": 9,
        "decided": 17,
        "confirmed": 15,
        "active": 4,
        "recently_messaged": 2,
        "tick_due": 0,
        "policy": POLICY,
        "begun": None,
    }
    stored = StoredShard(ShardState(**state | changes), reason, None if reason is None else NOW)
    return ShardLine(stored, member, extent)


def cells(shown: ShardLine) -> dict[str, str]:
    return dict(zip(HEADINGS, shown.as_cells(), strict=True))


@pytest.mark.parametrize(
    ("position", "extent", "lag"),
    [
        (120, Extent(100, 150), 30),
        (150, Extent(100, 150), 0),
        (-1, Extent(100, 150), 50),
        (90, Extent(100, 150), 50),
        (151, Extent(100, 150), None),
        (120, None, None),
    ],
)
def test_the_lag_is_what_can_be_read_and_was_not(position: int, extent: Extent | None, lag: int | None) -> None:
    assert line(position=position, extent=extent).lag == lag


def test_a_line_holds_everything() -> None:
    shown = line(extent=Extent(100, 150), begun=BegunTick(8, Tick("nightly", NOW), POLICY, Figures()))
    assert cells(shown) == {
        "shard": "3",
        "owner": "10.0.0.7 456789abcdef",
        "epoch": "5",
        "position": "120",
        "end": "150",
        "lag": "30",
        "unpublished": "2",
        "tick begun": "nightly",
        "halted": "-",
    }
    assert shown.as_json() == {
        "shard": 3,
        "owner": {"host": "10.0.0.7", "member_id": "engagement-engine-0123456789abcdef"},
        "epoch": 5,
        "position": 120,
        "log": {"beginning": 100, "end": 150},
        "lag": 30,
        "decided": 17,
        "confirmed": 15,
        "users": {"active": 4, "recently_messaged": 2},
        "begun_tick": {"offset": 8, "tick_id": "nightly", "at": "2026-11-22T10:00:00.000000Z"},
        "halted_at": None,
        "halted_reason": None,
    }


def test_what_kafka_does_not_tell_is_a_dash_and_a_null() -> None:
    shown = line(member=None, position=-1)
    assert {name for name, cell in cells(shown).items() if cell == "-"} == {
        "owner",
        "end",
        "lag",
        "tick begun",
        "halted",
    }
    assert cells(shown)["position"] == "beginning"
    assert [shown.as_json()[name] for name in ("owner", "log", "lag")] == [None] * 3


def test_a_halted_shard_says_since_when_and_why() -> None:
    shown = line(halted_reason="the [red]marker[/red] is 3")
    assert cells(shown)["halted"] == "since 2026-11-22T10:00:00.000000Z: the [red]marker[/red] is 3"
    assert shown.as_json()["halted_at"] == "2026-11-22T10:00:00.000000Z"


def test_off_a_terminal_it_is_a_line_of_cells_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_shards([line(), line(shard=4)])
    heading, *rows = [text.split("\t") for text in capsys.readouterr().out.splitlines()]
    assert tuple(heading) == HEADINGS
    assert [row[0] for row in rows] == ["3", "4"]


def test_the_table_takes_no_text_for_a_command() -> None:
    printed = io.StringIO()
    Console(file=printed, width=250).print(shard_table([line(halted_reason="the [red]marker[/red]", position=7)]))
    assert "the [red]marker[/red]" in printed.getvalue()
    assert all(heading in printed.getvalue() for heading in HEADINGS)
