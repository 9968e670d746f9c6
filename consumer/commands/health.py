"""`engage health`: the container's health check."""

import http.client

from consumer.commands.errors import RefusedError
from consumer.commands.output import print_line
from consumer.settings import Settings
from consumer.settings.loading import load_settings
from domain.errors import TransientError

_TIMEOUT_SECONDS = 5.0
# An address that means "all of this machine" can be listened on, not asked.
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on


def health() -> None:
    """Ask the worker of this machine whether it is alive: exit code 0 when it is, 3 when it does not answer.

    It asks `/livez` at ENGAGEMENT_HTTP_HOST and ENGAGEMENT_HTTP_PORT, which must name a port.
    """
    settings = load_settings()
    status = _ask(settings)
    if status != http.client.OK:
        raise TransientError(f"the worker answers {status}: it does not get on")
    print_line("alive")


def _ask(settings: Settings) -> int:
    host, port = _ANY.get(settings.http_host, settings.http_host), settings.http_port
    if not port:
        raise RefusedError("ENGAGEMENT_HTTP_PORT names no port that could be asked: set it to a number")
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(
            f"no worker answers at http://{host}:{port}/livez ({error}): does `engage run` run here, with the same"
            " ENGAGEMENT_HTTP_HOST and ENGAGEMENT_HTTP_PORT?"
        ) from error
    finally:
        connection.close()
