"""Write the generated documents anew, or say which of them have drifted."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.documents.files import ROOT, drifted, left_over


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write or check the documents of the project in the folder `root`. Returns the exit code, 1 for drift."""
    parser = argparse.ArgumentParser(prog="python -m deploy.documents", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a file is not as generated")
    check = parser.parse_args(arguments).check
    changed = drifted(root)
    for path, text in changed.items():
        print(path.relative_to(root))
        if not check:
            path.write_text(text, "utf-8")
    superfluous = left_over(root)
    for path in superfluous:
        print(f"{path.relative_to(root)}: nothing generates this file, remove it", file=sys.stderr)
    if check and changed:
        print("These files are not as generated: run `python -m deploy.documents`.", file=sys.stderr)
    return 1 if superfluous or (check and changed) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
