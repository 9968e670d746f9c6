"""Numbers as Grafana writes them, for the units that the dashboard uses."""

from collections.abc import Callable

_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_SECONDS = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "min"), (1.0, "s"), (0.001, "ms"), (0.0, "µs"))


def _plain(value: float) -> str:
    for divisor, name in ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K")):
        if abs(value) >= divisor:
            return f"{value / divisor:.3g}{name}"
    return f"{value:.3g}"


def _bytes(value: float) -> str:
    power = 0
    while value >= 1024 and power < len(_BYTES) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.3g} {_BYTES[power]}"


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    smallest, name = next(each for each in _SECONDS if abs(value) >= each[0])
    return f"{value / (smallest or 1e-6):.3g} {name}"


FORMATS: dict[str, Callable[[float], str]] = {
    "none": _plain,
    "short": _plain,
    "cps": lambda value: f"{_plain(value)} c/s",
    "s": _seconds,
    "bytes": _bytes,
    "percentunit": lambda value: f"{value * 100:.3g} %",
}
"""By Grafana's name for the unit."""
