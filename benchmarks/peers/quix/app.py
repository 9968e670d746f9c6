"""The engine's ingest as a Quix Streams application: stateful, with a changelog topic, everything else by default.

A state is read and written by key only, so a tick over all users can't be written.
"""

import os
from datetime import datetime
from typing import Any

import orjson
from quixstreams import Application, State
from quixstreams.models import JSONDeserializer

begun = False


def fold(event: dict[str, Any], state: State) -> None:
    """Keep the latest time of the user, in microseconds since 1970."""
    global begun  # noqa: PLW0603 - said once
    if not begun:
        print("first_record", flush=True)
        begun = True
    at = round(datetime.fromisoformat(event["occurred_at"]).timestamp() * 1_000_000)
    known = state.get("last")
    if known is None or at > known:
        state.set("last", at)


def main() -> None:
    """Work until SIGTERM."""
    app = Application(
        broker_address=os.environ["KAFKA"],
        consumer_group=os.environ["GROUP"],
        auto_offset_reset="earliest",
        processing_guarantee=os.environ["GUARANTEE"],
        state_dir=os.environ["STATE_FOLDER"],
        loglevel="WARNING",
    )
    topic = app.topic(os.environ["TOPIC"], value_deserializer=JSONDeserializer(loads=orjson.loads))
    app.dataframe(topic).update(fold, stateful=True)
    app.run()


if __name__ == "__main__":
    main()
