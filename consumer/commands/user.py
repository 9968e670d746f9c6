"""`engage user`: what the state says of one user, and why the last tick messaged them or didn't."""

from typing import Annotated

import typer

from adapters.codec.fields import LABEL_RULE, is_label
from consumer.commands.errors import RefusedError
from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson
from consumer.commands.output import print_json, print_line, print_pairs
from consumer.commands.start import prepare
from consumer.commands.ticking import open_reports
from consumer.settings import Settings
from domain.explanation import explain, moment_text, user_record
from domain.known_user import KnownUser

UserId = Annotated[
    str, typer.Argument(metavar="ID", help="The user_id, as events have it. One that begins with a dash goes after --.")
]


def user(user_id: UserId, *, as_json: AsJson = False) -> None:
    """Show one user's state, why the last tick messaged them or didn't, and when they can next be messaged.

    The thresholds are those of this command's own settings. The state keeps no decision but messages: of a user who
    got none, the reason is what the rules say today of the tick's time.
    """
    if not is_label(user_id):
        raise typer.BadParameter(LABEL_RULE, param_hint="ID")
    settings = prepare()
    known = run_async(_user(settings, user_id))
    if known is None:
        raise RefusedError(
            f"User {user_id} is not known: no event of theirs has been read. `engage dlq list` shows events that can't"
            " be used, and `engage shard list` how many are still to be read."
        )
    if as_json:
        print_json(user_record(known, settings.policy))
    else:
        print_pairs(_facts(known))
        print_line(explain(known, settings.policy))


async def _user(settings: Settings, user_id: str) -> KnownUser | None:
    async with open_reports(settings) as reports:
        return await reports.user(user_id)


def _facts(known: KnownUser) -> list[tuple[str, str]]:
    user = known.user
    return [
        ("user", user.user_id),
        ("name", "-" if user.name is None else user.name),
        ("shard", str(known.shard)),
        ("created", moment_text(user.created_at)),
        ("last active", moment_text(user.last_active)),
        ("last messaged", "never" if user.last_messaged is None else moment_text(user.last_messaged)),
    ]
