"""What was measured, as it is kept in a file, and what it comes to."""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.capacity.fitting import Point
from benchmarks.meters import Cpu
from benchmarks.shards.figures import Footprint, Move


@dataclass(frozen=True, slots=True)
class Run:
    """One contestant at one stream, once. ``round``: runs of the same round were made one after the other."""

    round: int
    contestant: str
    promises: str
    stream: str
    events: int
    seconds: float
    cpu: Cpu
    peak_memory_mb: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class TickRun:
    """Seconds from the tick's produce until the first and the last message were visible, and until the tick had ended.

    Visible to a consumer that reads committed records only. Nobody due: there are no messages, and these are None.
    """

    round: int
    contestant: str
    case: str
    users: int
    due: int
    first_message: float | None
    last_message: float | None
    ended: float
    cpu: Cpu
    peak_memory_mb: float


@dataclass(frozen=True, slots=True)
class FloorRun:
    """One part of the work, all by itself, once."""

    round: int
    part: str
    stream: str
    unit: str
    count: int
    seconds: float
    cpu: Cpu


@dataclass(frozen=True, slots=True)
class Waits:
    """From the produce of something until something shows, each time in seconds, while ``load`` comes in."""

    what: str
    load: str
    seconds: Sequence[float]

    def within(self, share: float) -> float:
        """Within how long so large a share of them showed."""
        return sorted(self.seconds)[max(0, math.ceil(share * len(self.seconds)) - 1)]


Measured: TypeAlias = Run | TickRun | FloorRun | Waits | Point | Move | Footprint


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the greatest of several figures."""

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one."""
        return cls(min(values), statistics.median(values), max(values))

    def text(self, scale: float = 1, digits: int = 0) -> str:
        """The middle one, and the others in brackets."""
        least, median, greatest = (f"{value * scale:,.{digits}f}" for value in (self.least, self.median, self.greatest))
        return f"{median} ({least} to {greatest})"


@dataclass(frozen=True, slots=True)
class Report:
    """Runs of one kind, with what is needed to make them again."""

    command: str
    machine: dict[str, Any]
    versions: dict[str, str]
    runs: Sequence[Measured]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @property
    def provenance(self) -> str:
        """Where the figures come from, in a sentence."""
        on = self.machine
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"`{self.command}` on {on['cores']} cores ({on['processor']}), {on['memory_gib']} GiB, which engine,"
            f" broker, Postgres and the measuring share. {versions}."
        )


def ingest_tables(runs: Sequence[Run], measure: str) -> Iterator[str]:
    """Markdown, a table for each stream, a row for each contestant; ratios are those of ``measure`` to the others."""
    for stream in dict.fromkeys(run.stream for run in runs):
        yield (
            f"| {stream} | promises | events/s in thousands | {measure} is faster by"
            " | CPU s: process + broker + Postgres | events per CPU s of all | peak memory |"
        )
        yield "|---|---|---|---|---|---|---|"
        of_stream = [run for run in runs if run.stream == stream]
        measured = [run for run in of_stream if run.contestant == measure]
        for contestant in dict.fromkeys(run.contestant for run in of_stream):
            own = [run for run in of_stream if run.contestant == contestant]
            yield _ingest_row(
                own, measured[0].events, "-" if contestant == measure else f"x {ratio(measured, own).text(digits=2)}"
            )
        yield ""


def ratio(measured: Sequence[Run], others: Sequence[Run]) -> Spread:
    """How much faster one contestant was than another, round by round."""
    return Spread.of([one.rate / other.rate for one, other in zip(measured, others, strict=True)])


def _ingest_row(runs: Sequence[Run], events: int, faster: str) -> str:
    name = runs[0].contestant if runs[0].events == events else f"{runs[0].contestant} (of {runs[0].events:,} events)"
    return (
        f"| {name} | {runs[0].promises} | {_thousands([run.rate for run in runs])} | {faster} | {_cpu(runs)}"
        f" | {_thousands([run.events / run.cpu.total for run in runs], reach=False)} k"
        f" | {max(run.peak_memory_mb for run in runs):.0f} MB |"
    )


def _thousands(rates: Sequence[float], *, reach: bool = True) -> str:
    """The spread or, without ``reach``, the middle one; below ten thousand, what is behind the point counts."""
    spread = Spread.of(rates)
    digits = 0 if spread.median >= 10_000 else 2
    return spread.text(1e-3, digits) if reach else f"{spread.median / 1e3:.{digits}f}"


def tick_tables(runs: Sequence[TickRun]) -> Iterator[str]:
    """Markdown, a table for each case, a row for each contestant."""
    for case, users in dict.fromkeys((run.case, run.users) for run in runs):
        yield (
            f"| {users:,} users, {case} | ms to the first message | ms to the last message | ms to the end"
            " | messages/s | CPU s: process + broker + Postgres | peak memory |"
        )
        yield "|---|---|---|---|---|---|---|"
        of_case = [run for run in runs if (run.case, run.users) == (case, users)]
        for contestant in dict.fromkeys(run.contestant for run in of_case):
            yield _tick_row([run for run in of_case if run.contestant == contestant])
        yield ""


def _tick_row(runs: Sequence[TickRun]) -> str:
    lasts = [run.last_message for run in runs if run.last_message is not None]
    rate = f"{runs[0].due / statistics.median(lasts):,.0f}" if lasts else "-"
    return (
        f"| {runs[0].contestant} | {_milliseconds([run.first_message for run in runs])} | {_milliseconds(lasts)}"
        f" | {_milliseconds([run.ended for run in runs])} | {rate} | {_cpu(runs)}"
        f" | {max(run.peak_memory_mb for run in runs):.0f} MB |"
    )


def tutorial_tables(runs: Sequence[TickRun], measure: str) -> Iterator[str]:
    """Markdown, a table for each case, a row for each contestant; ratios are those of ``measure`` to the others."""
    for case, users in dict.fromkeys((run.case, run.users) for run in runs):
        yield (
            f"| {users:,} users, {case} | users/s | messages/s | {measure} is faster by"
            " | CPU s: process + broker + Postgres | peak memory |"
        )
        yield "|---|---|---|---|---|---|"
        of_case = [run for run in runs if (run.case, run.users) == (case, users)]
        measured = [run for run in of_case if run.contestant == measure]
        for contestant in dict.fromkeys(run.contestant for run in of_case):
            own = [run for run in of_case if run.contestant == contestant]
            faster = Spread.of([other.ended / one.ended for one, other in zip(measured, own, strict=True)])
            yield _tutorial_row(own, "-" if contestant == measure else f"x {faster.text(digits=1)}")
        yield ""


def _tutorial_row(runs: Sequence[TickRun], faster: str) -> str:
    users, messages = (Spread.of([count / run.ended for run in runs]) for count in (runs[0].users, runs[0].due))
    return (
        f"| {runs[0].contestant} | {users.text()} | {messages.text() if runs[0].due else '-'} | {faster}"
        f" | {_cpu(runs)} | {max(run.peak_memory_mb for run in runs):.0f} MB |"
    )


def floor_tables(runs: Sequence[FloorRun]) -> Iterator[str]:
    """Markdown, a table for each stream, a row for each part."""
    for stream in dict.fromkeys(run.stream for run in runs):
        yield f"| {stream} | a second, in thousands | microseconds each | CPU s: process + broker + Postgres |"
        yield "|---|---|---|---|"
        of_stream = [run for run in runs if run.stream == stream]
        for part in dict.fromkeys(run.part for run in of_stream):
            yield _floor_row([run for run in of_stream if run.part == part])
        yield ""


def _floor_row(runs: Sequence[FloorRun]) -> str:
    return (
        f"| {runs[0].part}: {runs[0].count:,} {runs[0].unit} | {_thousands([run.count / run.seconds for run in runs])}"
        f" | {Spread.of([run.seconds / run.count for run in runs]).text(1e6, digits=1)} | {_cpu(runs)} |"
    )


def _milliseconds(seconds: Sequence[float | None]) -> str:
    known = [each for each in seconds if each is not None]
    return Spread.of(known).text(1e3) if known else "-"


def _cpu(runs: Sequence[Run] | Sequence[TickRun] | Sequence[FloorRun]) -> str:
    return cpu_seconds([run.cpu for run in runs])


def cpu_seconds(used: Sequence[Cpu]) -> str:
    """Of process, broker and Postgres, the middle one each."""
    sides = [statistics.median(getattr(each, side) for each in used) for side in Cpu.__slots__]
    return " + ".join(f"{side:.2f}" for side in sides)


def scale_tables(runs: Sequence[Run], ticks: Sequence[TickRun]) -> Iterator[str]:
    """Markdown, a row for each number of processes at each kind of work."""
    yield "| | a second, in thousands | microseconds of CPU each: process + broker + Postgres | peak memory of one |"
    yield "|---|---|---|---|"
    for stream, name in dict.fromkeys((run.stream, run.contestant) for run in runs):
        of_kind = [run for run in runs if (run.stream, run.contestant) == (stream, name)]
        yield _scale_row(f"{stream}: {name}", [(run.events, run.seconds, run) for run in of_kind])
    for case, name in dict.fromkeys((run.case, run.contestant) for run in ticks):
        done = [run for run in ticks if (run.case, run.contestant) == (case, name)]
        yield _scale_row(f"a tick, {case}: {name}", [(run.due, run.last_message or run.ended, run) for run in done])


def _scale_row(what: str, runs: Sequence[tuple[int, float, Run | TickRun]]) -> str:
    rates = _thousands([count / seconds for count, seconds, _ in runs])
    of_sides = [[getattr(run.cpu, side) / count for count, _, run in runs] for side in Cpu.__slots__]
    each = " + ".join(f"{statistics.median(seconds) * 1e6:.1f}" for seconds in of_sides)
    return f"| {what} | {rates} | {each} | {max(run.peak_memory_mb for _, _, run in runs):.0f} MB |"


def size_table(runs: Sequence[TickRun]) -> Iterator[str]:
    """Markdown, a row for each number of users; of ticks of one kind the middle one."""
    names = list(dict.fromkeys(run.case for run in runs))
    of_some = " | ".join(f"{name}: ms to the end" for name in names[:-1])
    yield f"| users | {of_some} | {names[-1]}: messages/s | peak memory |"
    yield f"|{'---|' * (len(names) + 2)}"
    for users in dict.fromkeys(run.users for run in runs):
        of_size = [run for run in runs if run.users == users]
        ticks = [_milliseconds([run.ended for run in of_size if run.case == name]) for name in names[:-1]]
        everybody = next(run for run in of_size if run.case == names[-1])
        rate = f"{everybody.due / everybody.ended:,.0f}"
        yield f"| {users:,} | {' | '.join(ticks)} | {rate} | {max(run.peak_memory_mb for run in of_size):.0f} MB |"


def latency_table(waits: Sequence[Waits]) -> Iterator[str]:
    """Markdown, a row for each kind."""
    yield "| from the produce of | while there comes in | ms: half within | 99 of 100 within | measured |"
    yield "|---|---|---|---|---|"
    for one in waits:
        half, most = (f"{one.within(share) * 1e3:,.0f}" for share in (0.5, 0.99))
        yield f"| {one.what} | {one.load} | {half} | {most} | {len(one.seconds)} |"
