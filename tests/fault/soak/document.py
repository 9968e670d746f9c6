"""The report of a soak as Markdown, and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from tests.fault.soak.kinds import SESSION_SECONDS
from tests.fault.soak.recovery import quantile
from tests.fault.soak.report import DEFECTS, KILL_SECONDS, Report, Row

_MEGABYTE = 1024 * 1024


def markdown(report: Report) -> str:
    """What the section says."""
    return "\n".join([*_totals(report), "", *_kinds(report.rows()), "", *_remarks(report)])


def as_json(report: Report) -> dict[str, Any]:
    """All figures, for machines."""
    figures: dict[str, Any] = msgspec.to_builtins(report)
    return figures | {"sound": report.sound, "rows": msgspec.to_builtins(report.rows())}


def _totals(report: Report) -> Iterator[str]:
    yield f"`{report.command}`, seed {report.seed}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| minutes under load and faults, in {report.rounds} rounds | {report.seconds / 60:.0f} |"
    yield f"| faults injected | {report.injected.total():,} |"
    for name in ("activity records", "ticks", "cycles", "messages", "dead letters", "records seen live"):
        yield f"| {name} | {report.checked[name]:,} |"
    for name in DEFECTS:
        yield f"| **{name}** | **{report.found[name]:,}** |"
    for name, number in sorted(report.found.items()):
        if name not in DEFECTS:
            yield f"| **{name}** | **{number:,}** |"
    yield from (f"| {name} | {text} |" for name, text in _workers(report))


def _workers(report: Report) -> Iterator[tuple[str, str]]:
    for alone, what in ((False, "kills of workers"), (True, "of those that nothing else disturbed")):
        in_time, kills = report.kills_in_time(alone=alone)
        yield f"{what}: the next tick's cycle complete within {KILL_SECONDS:g} s", f"{in_time} of {kills}"
    if report.hand_overs:
        yield "clean stops: seconds until others own the shards", _three(report.hand_overs)
    if report.stops:
        yield "clean stops: seconds until the process has ended", _three(report.stops)
    for slopes in report.slopes:
        memory, descriptors = slopes["memory"] / _MEGABYTE, slopes["descriptors"]
        yield "a worker never restarted gains in an hour", f"{memory:+.1f} MiB, {descriptors:+.1f} files"


def _kinds(rows: Sequence[Row]) -> Iterator[str]:
    yield "| fault | injected | seconds to recover: p50 | p99 | max | alone | max of those |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        if row.injected == 0:
            continue
        recovered = [f"{seconds:.1f}" for seconds in row.recovered] if row.recovered else ["", "", ""]
        alone = [str(row.alone[0]), f"{row.alone[1]:.1f}"] if row.alone else ["", ""]
        yield "| " + " | ".join([row.kind, str(row.injected), *recovered, *alone]) + " |"


def _remarks(report: Report) -> Iterator[str]:
    yield "Seconds to recover: from the end of a fault to the first cycle whose tick was produced after it, as a live"
    yield "reader sees it. Most faults overlap with others, whose time is in these figures too; *alone* are those that"
    yield "no other fault touched until then. Ticks come one at a time: a cycle that was disturbed ends before the tick"
    yield f"that counts here is produced. Session timeout of the workers: {SESSION_SECONDS:g} s. Planned, but not done"
    yield f"(a step that was not reached, say, or a broker while another was away): {report.missed.total()}."


def _three(values: Sequence[float]) -> str:
    return (
        f"p50 {quantile(values, 0.5):.1f}, p99 {quantile(values, 0.99):.1f}, max {max(values):.1f} (of {len(values)})"
    )
