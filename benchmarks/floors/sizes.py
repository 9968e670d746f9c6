"""How much of each part is measured."""

from dataclasses import dataclass

from benchmarks.streams import STREAMS, Stream


@dataclass(frozen=True, slots=True)
class Sizes:
    """``stream``: what is fetched, what the users of the tick come from, and how many users are upserted into.

    ``rows`` are upserted by a statement, ``messages`` are sent in a transaction, ``chunk`` users are messaged in one of
    the tick; ``times``: how often the first two are done.
    """

    stream: Stream
    rows: int = 10_000
    messages: int = 5_000
    chunk: int = 2_000
    times: int = 50


FULL = Sizes(STREAMS["spread"])
