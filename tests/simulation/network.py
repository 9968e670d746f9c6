"""The network of the simulation: each call is a place where others may go on, and some calls are lost."""

from collections import Counter
from random import Random

from domain.errors import TransientError
from tests.fakes.wire import Wire
from tests.simulation.units import pause

# Within a transaction nobody else can go on anyway: the store runs one at a time.
_WITHIN_TRANSACTIONS = ("statement", "commit")


class LossyWire(Wire):
    """Loses a request or an answer with the probability ``loss``."""

    def __init__(self, chance: Random, seen: Counter[str]) -> None:
        self.loss = 0.0
        self._chance = chance
        self._seen = seen

    async def request(self, call: str) -> None:
        if call not in _WITHIN_TRANSACTIONS:
            await pause()
        self._maybe_lose("request", call)

    async def answer(self, call: str) -> None:
        await pause()
        self._maybe_lose("answer", call)

    def _maybe_lose(self, what: str, call: str) -> None:
        if self.loss and self._chance.random() < self.loss:
            self._seen[f"lost {what}: {call}"] += 1
            raise TransientError(f"the {what} to {call} was lost")
