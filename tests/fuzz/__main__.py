"""`python -m tests.fuzz --minutes 10`: fuzzes the codec from the kept corpus and the known kinds, and reports.

Needs atheris, which the extra `dev` installs where there is a build of it (Linux on x86-64). ``--keep`` adds small
cases that opened ways of their own to the kept corpus.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.corpus_files import FOLDER, MOST_KEPT_BYTES, costly, grown, keep, kept, seeds
from tests.fuzz.measuring import MOST_BYTES, MOST_SECONDS, cost_of
from tests.fuzz.ways import fewest

# Of a case that is changed: there is nothing in long ones that short ones lack. What long ones cost is measured after.
LONGEST_CASE = 2_048
_ROOT = Path(__file__).parents[2]
_RUNS = re.compile(rb"^stat::number_of_executed_units: *([0-9]+)", re.MULTILINE)
_COVERAGE = re.compile(rb"cov: ([0-9]+)")


def main() -> int:
    """0: nothing was found; 1: a case breaks a property or a limit, and is kept; 3: atheris isn't there."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="add what opened new ways to the kept corpus")
    chosen = parser.parse_args()
    if find_spec("atheris") is None:
        print(
            "fuzzing needs atheris, which is not installed: there is a build of it for Linux on x86-64", file=sys.stderr
        )
        return 3
    with tempfile.TemporaryDirectory() as folder:
        return _fuzz(Path(folder), round(chosen.minutes * 60), chosen.seed, keep_new=chosen.keep)


def _fuzz(folder: Path, seconds: int, seed: int, *, keep_new: bool) -> int:
    known, found, slow, crashes = (folder / name for name in ("known", "found", "slow", "crashes"))
    for each in (known, found, slow, crashes):
        each.mkdir()
    for number, case in enumerate(case for case in (*seeds(), *kept()) if len(case) <= LONGEST_CASE):
        (known / str(number)).write_bytes(case)
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST_CASE}", "-timeout=5", "-rss_limit_mb=1024"]
    print(f"fuzzing for {seconds} s from {len(list(known.iterdir()))} cases, seed {seed}", file=sys.stderr)
    done = _guided(slow, [*limits, f"-seed={seed}", f"-artifact_prefix={crashes}/", str(found), str(known)])
    broken = [keep(path.read_bytes()) for path in crashes.iterdir()]
    if done.returncode and not broken:
        print(done.stderr.decode(errors="replace")[-3_000:], file=sys.stderr)
        return 1
    new = [path.read_bytes() for path in (*found.iterdir(), *slow.iterdir())]
    if keep_new:
        _keep_new(new)
    cases = [*seeds(), *kept(), *new]
    return _report(done.stderr, broken, [*cases, *costly(), *grown(cases, random.Random(seed))])


def _guided(slow: Path, arguments: list[str]) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "tests.fuzz.guided", str(slow), *arguments, "-print_final_stats=1"]
    return subprocess.run(command, cwd=_ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _keep_new(found: list[bytes]) -> None:
    """Add the small cases that take ways through the codec that neither the seeds nor the kept cases take."""
    for case in fewest((case for case in found if len(case) <= MOST_KEPT_BYTES), [*seeds(), *kept()]):
        keep(case)
    print(f"kept corpus: {len(kept())} cases in {FOLDER.relative_to(_ROOT)}", file=sys.stderr)


def _report(told: bytes, broken: list[Path], cases: list[bytes]) -> int:
    costs = [(cost_of(case), case) for case in cases]
    slowest = max(cost.seconds for cost, _ in costs)
    largest = max(cost.peak_bytes for cost, _ in costs)
    runs, coverage = _RUNS.search(told), _COVERAGE.findall(told)
    print(f"cases played            {int(runs[1]) if runs else 'unknown'}")
    print(f"coverage points         {int(coverage[-1]) if coverage else 'unknown'}")
    print(f"cases measured          {len(costs)}")
    print(f"longest for one record  {slowest * 1000:.1f} ms of processor time (at most {MOST_SECONDS * 1000:g})")
    print(f"most memory for one     {largest / 1024 / 1024:.2f} MiB (at most {MOST_BYTES // 1024 // 1024})")
    print(f"properties broken       {len(broken)}")
    for path in broken:
        print(f"  {path.relative_to(_ROOT)}")
    over = [case for cost, case in costs if cost.seconds > MOST_SECONDS or cost.peak_bytes > MOST_BYTES]
    for case in over:
        print(f"  over a limit: {keep(case).relative_to(_ROOT)}")
    return 1 if broken or over else 0


if __name__ == "__main__":
    sys.exit(main())
