"""Plays many histories, or replays one with all that happened in it.

python -m tests.simulation --histories 5000 --first 1
python -m tests.simulation --seed 17 --log
"""

import argparse
import sys
from collections import Counter

from tests.simulation.coverage import missing
from tests.simulation.playing import HistoryFailedError, play


def main() -> int:
    """Returns the exit code: 1 where a history failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="simulated histories of cycles")
    parser.add_argument("--histories", type=int, default=1000, help="how many to play (1000)")
    parser.add_argument("--first", type=int, default=1, help="the seed of the first, the others follow (1)")
    parser.add_argument("--seed", type=int, help="replay this one, and print what happens in it")
    parser.add_argument("--log", action="store_true", help="with --seed: print what the engine logs, too")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return replay(arguments.seed, with_log=arguments.log)
    return campaign(range(arguments.first, arguments.first + arguments.histories))


def replay(seed: int, *, with_log: bool) -> int:
    """Play one history, and print it."""
    try:
        print("\n".join(play(seed, with_log=with_log).actions))
    except HistoryFailedError as failure:
        print("\n".join(failure.history.actions))
        print(failure)
        return 1
    return 0


def campaign(seeds: range) -> int:
    """Play many histories, and print those that failed and what was met."""
    seen: Counter[str] = Counter()
    failed = 0
    for seed in seeds:
        try:
            seen += play(seed).seen
        except HistoryFailedError as failure:
            failed += 1
            print(failure, flush=True)
    for name, times in sorted(seen.items()):
        print(f"{times:9} {name}")
    for name, (times, wanted) in sorted(missing(seen, len(seeds)).items()):
        print(f"too rarely: {name}, {times} times instead of {wanted}")
    print(f"{len(seeds)} histories, seeds {seeds.start} to {seeds.stop - 1}: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
