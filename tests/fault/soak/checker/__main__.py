"""``python -m tests.fault.soak.checker FOLDER``: judge a kept run again."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fault.soak.checker.judging import judge_folder


def main(arguments: Sequence[str]) -> int:
    """Print the judgement; 0 when nothing is wrong, 1 when something is, 2 for wrong usage."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tests.fault.soak.checker FOLDER", file=sys.stderr)
        return 2
    judgement = judge_folder(Path(arguments[0]))
    print("\n".join(judgement.lines()))
    return 0 if judgement.sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
