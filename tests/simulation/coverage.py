"""What a campaign must have met, so that it can claim to have tried it."""

from collections import Counter

from consumer.steps import STEPS
from tests.simulation.plain import FIGURES

# How often at least in a thousand histories; half of what was counted when this was written.
PER_THOUSAND = {
    "Cycle complete": 1000,
    "Cycle partial": 200,
    "Cycle coalesced": 1000,
    "message visible": 4000,
    "new tick": 3000,
    "repeated tick": 250,
    "stale tick": 250,
    "bad tick": 250,
    "dead letter bad_json": 250,
    "dead letter future_time": 250,
    "dead letter key_mismatch": 150,
    "dead letter null_value": 250,
    "user moved": 2000,
    "user moved in the middle of a tick": 100,
    "go_on": 4000,
    "tick goes on under another policy": 60,
    "policy changed": 500,
    "policies side by side": 200,
    "partition added": 130,
    "assigned anew": 1500,
    "killed": 250,
    "stopped": 200,
    "commits lost": 60,
    "ticks removed": 80,
    "work ended by the fence": 80,
    "work ended by the position": 40,
    "work ended by Kafka's fence": 2,
    "work ended by TransientError": 200,
    "lost answer: commit": 40,
    "lost answer: commit transaction": 8,
    "lost answer: start producer": 6,
    "lost answer: take over": 20,
    "lost request: commit": 40,
    "lost request: commit transaction": 6,
    **{f"outcome {name}": 600 for name in FIGURES},
    **{f"{moment} {step}": 2000 for moment in ("before", "after") for step in STEPS},
    "killed at a step": 300,
    # Too few to be counted on in a slice of hundreds, where the sum above stands for them.
    **{f"killed {moment} {step}": 1 for moment in ("before", "after") for step in STEPS},
}


def missing(seen: Counter[str], histories: int) -> dict[str, tuple[int, int]]:
    """What was met too rarely in so many histories: how often, and how often it must be."""
    wanted = {name: times * histories // 1000 for name, times in PER_THOUSAND.items()}
    return {name: (seen[name], times) for name, times in wanted.items() if seen[name] < times}
