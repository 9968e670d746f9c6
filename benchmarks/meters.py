"""What a run costs: processor time of each side, and the memory of the process under test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of user and system time; ``process`` is the one under test, with its children."""

    process: float
    broker: float
    postgres: float

    @classmethod
    def read(cls, process: int, broker: int, postgres: int) -> Self:
        """What the processes have used so far, by the pid of each one's first process."""
        return cls(_seconds(process), _seconds(broker), _seconds(postgres))

    def since(self, earlier: Self) -> "Cpu":
        """What was used in between."""
        return Cpu(self.process - earlier.process, self.broker - earlier.broker, self.postgres - earlier.postgres)

    @property
    def total(self) -> float:
        """Of all three."""
        return self.process + self.broker + self.postgres


def peak_memory_mb(pid: int) -> float:
    """The most that the process, or the largest of its children, has held of memory so far, in MB (10^6 bytes)."""
    return max(_peak_mb(each.pid) for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)))


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kilobytes) * 1_024 / 1e6


def _seconds(pid: int) -> float:
    process = psutil.Process(pid)
    used: float = sum(process.cpu_times()[:4])  # user and system: its own, and those of children that have ended
    for child in process.children(recursive=True):
        try:
            used += sum(child.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue  # ended meanwhile: its parent's figure has it, from the next reading on
    return used
