"""Python's collector of reference cycles, in a process that makes thousands of short-lived values at a time."""

import gc

# As Python comes, every 700 values that can hold others make it look at the youngest of them, and now and then at all
# that there are. A batch or a chunk makes 20,000 to 100,000, none of them in a cycle: the looks took more than half of
# a tick's processor time (measured: 55 µs for each message, and 21 without them).
_YOUNGEST, _YOUNGER, _YOUNG = 50_000, 10, 10


def collect_rarely() -> None:
    """Look for cycles as often as a few batches come, and never again at what is there now: modules above all."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNGEST, _YOUNGER, _YOUNG)
