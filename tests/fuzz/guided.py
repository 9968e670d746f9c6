"""One process of atheris: changes cases as the coverage of the codec guides it, until its time is over.

`python -m tests.fuzz.guided SLOW [libFuzzer's arguments]`; a case that breaks a property ends it with a stack trace,
and libFuzzer writes the case to a file. Cases that take long, as far as can be told in here, go to the folder SLOW.
"""

import sys
import time
from hashlib import blake2b
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it has no types

with atheris.instrument_imports(include=["adapters.codec", "domain", "tests.fuzz.cases"]):
    from tests.fuzz.cases import read_case
    from tests.fuzz.measuring import MOST_SECONDS
    from tests.fuzz.properties import decoded, judge


def _play(slow: Path, case: bytes) -> None:
    read = read_case(case)
    began = time.thread_time()
    outcome = decoded(read)
    if time.thread_time() - began > MOST_SECONDS / 2:
        (slow / blake2b(case, digest_size=8).hexdigest()).write_bytes(case)
    judge(read, outcome)


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    slow = Path(sys.argv.pop(1))
    atheris.Setup(sys.argv, lambda case: _play(slow, case))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
