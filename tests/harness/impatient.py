"""A worker, as ``tests.harness.worker``, that soon takes a log for recreated that ends below its position."""

import runpy

from consumer import ownership, tick_follower

BEYOND_END_SECONDS = 5.0

if __name__ == "__main__":
    for module in (ownership, tick_follower):
        if module.BEYOND_END_SECONDS <= BEYOND_END_SECONDS:
            raise LookupError("workers are no more patient than this one")
        vars(module)["BEYOND_END_SECONDS"] = BEYOND_END_SECONDS
    runpy.run_module("tests.harness.worker", run_name="__main__")
