"""Explores the models and prints what was seen: ``python -m tests.model``, and what the wrong variants do."""

import argparse
import sys

from tests.model.explore import MOST_STATES, explore
from tests.model.variants import DEEP, SOUND, VARIANTS


def main() -> int:
    """Return 1 when the protocol breaks a promise, or a wrong variant none."""
    arguments = _arguments()
    surprises = 0
    print("The protocol as it is, every state that can be reached:")
    for name, model in (SOUND if arguments.small else DEEP).items():
        exploration = explore(model(), arguments.most_states)
        print(f"  {name}: {exploration.states:,} states, {exploration.depth} steps to the farthest", flush=True)
        if exploration.violation is not None:
            surprises += 1
            _print_history(exploration.violation.what, exploration.violation.history)
    print("\nWrong variants, each with its shortest history:")
    for variant in VARIANTS:
        print(f"\n  {variant.wrong}:")
        violation = explore(variant.model(), arguments.most_states).violation
        if violation is None:
            surprises += 1
            print("    NOT CAUGHT")
        else:
            _print_history(violation.what, violation.history)
    return min(surprises, 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description="explore the models of the protocol")
    parser.add_argument("--small", action="store_true", help="only the sizes that the tests explore")
    parser.add_argument("--most-states", type=int, default=MOST_STATES, help="give up beyond this many states")
    return parser.parse_args()


def _print_history(what: str, history: tuple[str, ...]) -> None:
    print(f"    {what}, after {len(history)} steps:")
    for number, label in enumerate(history, 1):
        print(f"      {number:2}. {label}")


if __name__ == "__main__":
    sys.exit(main())
