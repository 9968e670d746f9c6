"""`make fault` and `make soak`: faults of all kinds, mixed; exits with 1 when anything is not as promised."""

import argparse
import asyncio
import logging
import secrets
import shutil
import sys
from pathlib import Path

import stamina.instrumentation

from deploy.documents.sections import replaced, section
from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER
from tests.fault.soak.document import as_json, markdown
from tests.fault.soak.kinds import KIND_NAMES
from tests.fault.soak.running import ROUND_MINUTES, run, write_json
from tests.harness.mutants import MUTANTS

_DIFFERS, _NO_PLATFORM = 1, 3
_MOST_SHOWN = 40


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    arguments = _parser().parse_args()
    print(f"seed {arguments.seed}", flush=True)
    folder = LOCAL_FOLDER / "soak" / str(arguments.seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # What the soak's own clients complain about while brokers are away, and that conditions are waited for, is no news.
    logging.basicConfig(filename=folder / "clients.log", level=logging.WARNING)
    stamina.instrumentation.set_on_retry_hooks([])
    command = f"python -m tests.fault.soak --minutes {arguments.minutes:g} --seed {arguments.seed}"
    command += "" if arguments.round_minutes == ROUND_MINUTES else f" --round-minutes {arguments.round_minutes:g}"
    command += "" if arguments.mutant == "none" else f" --mutant {arguments.mutant}"
    command += "".join([" --alone", *(f' "{kind}"' for kind in arguments.alone)] if arguments.alone else [])
    try:
        report = asyncio.run(
            run(
                arguments.minutes,
                arguments.seed,
                arguments.mutant,
                command,
                folder,
                arguments.alone,
                arguments.round_minutes,
            )
        )
    except PlatformError as error:
        print(error, file=sys.stderr)
        return _NO_PLATFORM
    name, text = "alone" if arguments.alone else "soak", markdown(report)
    (folder / "report.md").write_text(section(name, text), encoding="utf-8")
    write_json(arguments.report or folder / "report.json", as_json(report))
    if arguments.document:
        arguments.document.write_text(
            replaced(arguments.document.read_text(encoding="utf-8"), name, text), encoding="utf-8"
        )
    print(section(name, text))
    for defect in report.defects[:_MOST_SHOWN]:
        print(f"DEFECT {defect}")
    if report.sound:
        return 0
    print(f"found after {report.first_defect_after_faults} faults, at the end of a round")
    print(f"not as promised: again with `{command}`; logs and the record of each round are in {folder}")
    return _DIFFERS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fault.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="under load and faults; default: %(default)s")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="of all that is drawn; default: a new one"
    )
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="none", help="a defect to build in")
    parser.add_argument(
        "--alone", nargs="+", choices=KIND_NAMES, default=(), metavar="KIND", help="only these, one at a time"
    )
    parser.add_argument(
        "--round-minutes", type=float, default=ROUND_MINUTES, help="the longest life of a worker; default: %(default)s"
    )
    parser.add_argument("--report", type=Path, help="where the figures go as JSON")
    parser.add_argument(
        "--document", type=Path, help="the Markdown document whose section with the figures is replaced"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
