"""`engage`: the commands, and the one place where their errors become exit codes.

0 done; 2 wrong usage or settings; 3 the surroundings don't fit; 4 what was asked for can't happen.
"""

import sys

import typer

from consumer.commands.check import check
from consumer.commands.cycles import cycles
from consumer.commands.demo import demo
from consumer.commands.dlq import dlq
from consumer.commands.errors import OPERATOR_ERRORS, exit_code, problems
from consumer.commands.health import health
from consumer.commands.init import init
from consumer.commands.notify import notify
from consumer.commands.produce import produce
from consumer.commands.replay import replay
from consumer.commands.run import run
from consumer.commands.shard import shard
from consumer.commands.stats import stats
from consumer.commands.tick import tick, ticker
from consumer.commands.user import user

app = typer.Typer(
    name="engage",
    help="Decides which idle users to message, and publishes each message exactly once. Settings come from the"
    " environment: ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS and ENGAGEMENT_POSTGRES_DSN are required.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _command, _example in (
    (run, "engage run"),
    (init, "engage init"),
    (tick, "engage tick --at 2026-11-22T10:00:00Z --wait"),
    (ticker, "engage ticker --every 60s"),
    (produce, 'engage produce --user-id 12 --name "Ghost Gary"'),
    (replay, "engage replay trace.jsonl.gz --tick-every 1d"),
    (demo, "engage demo"),
    (notify, "engage notify --file messages.jsonl"),
    (stats, "engage stats --json"),
    (cycles, "engage cycles --limit 10"),
    (user, "engage user 12"),
    (check, "engage check"),
    (health, "engage health"),
):
    app.command(epilog=f"Example: {_example}")(_command)
app.add_typer(shard, name="shard")
app.add_typer(dlq, name="dlq")


def main() -> None:
    """Run the command line. Mistakes of an operator end with a clear line each, and without a stack trace."""
    try:
        app()
    except OPERATOR_ERRORS as error:
        for problem in problems(error):
            typer.echo(f"engage: {problem}", err=True)
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
