"""What a case costs: processor time and memory."""

import time
import tracemalloc
from dataclasses import dataclass

from tests.fuzz.cases import read_case
from tests.fuzz.properties import decoded

MOST_SECONDS = 0.05
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """Of decoding one record: processor time, and bytes of memory beyond what was in use before."""

    seconds: float
    peak_bytes: int


def seconds_of(case: bytes, tries: int = 1) -> float:
    """Processor time that decoding takes, in seconds: the least of some tries, as neighbours make it only longer."""
    record = read_case(case)
    least = float("inf")
    for _ in range(tries):
        began = time.thread_time()
        decoded(record)
        least = min(least, time.thread_time() - began)
    return least


def cost_of(case: bytes) -> Cost:
    """Both. Time is taken first: to watch memory slows everything down."""
    seconds = seconds_of(case, tries=3)
    record = read_case(case)
    tracemalloc.start()
    try:
        decoded(record)
        return Cost(seconds, tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
