"""Who may act, and see what is known of a user."""

import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from hmac import compare_digest
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from consumer.settings.hosts import is_loopback_address

Endpoint = Callable[[Request], Awaitable[Response]]

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="engagement engine"'}
# A name or IPv4 address, or an IPv6 address in brackets, and perhaps a port.
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets requests through to what is guarded, or raises HTTPException with status 401 or 403.

    ``token``: what a request must bring; None: it needs none, but must come to a loopback address and not from a web
    page. ``listens_on``: the address of the socket; ``host``: the one that the settings name.
    """

    token: bytes | None = field(repr=False)
    listens_on: str
    host: str

    def guards(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, asked only with requests that may."""

        async def guarded(request: Request) -> Response:
            self.admit(request.headers)
            return await endpoint(request)

        return guarded

    def admit(self, headers: Headers) -> None:
        """Return where a request with these headers may pass. Raises HTTPException."""
        if self.token is not None:
            _require_token(self.token, headers)
        elif not is_loopback_address(self.listens_on):
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                "not answered on an address that other machines reach: set ENGAGEMENT_HTTP_TOKEN, and send it as"
                " `Authorization: Bearer <token>`",
            )
        else:
            self._refuse_web_pages(headers)

    def _refuse_web_pages(self, headers: Headers) -> None:
        """A browser on this machine reaches a loopback address too, and sends what any page makes it send."""
        host = headers.get("host", "")
        # A page whose own name was made to lead here (DNS rebinding) sends that name.
        if not self._is_own_name(host):
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                "the request's Host is not this machine: ask localhost, or set ENGAGEMENT_HTTP_TOKEN and send it",
            )
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            raise HTTPException(
                HTTPStatus.FORBIDDEN, "not answered to web pages: set ENGAGEMENT_HTTP_TOKEN, and send it instead"
            )

    def _is_own_name(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["six"] or match["name"].lower()
        return name in ("localhost", self.host.lower()) or is_loopback_address(name)


def address_of(listener: socket.socket) -> str:
    """The address that the socket is bound to."""
    return str(listener.getsockname()[0])


def _require_token(token: bytes, headers: Headers) -> None:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED, "send `Authorization: Bearer <the token of ENGAGEMENT_HTTP_TOKEN>`", _CHALLENGE
        )
    # Digests, whose lengths tell nothing. Starlette reads the bytes of headers as Latin-1.
    if not compare_digest(_digest(given.strip().encode("latin-1")), _digest(token)):
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "this is not the token of ENGAGEMENT_HTTP_TOKEN",
            {"WWW-Authenticate": _CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'},
        )


def _digest(text: bytes) -> bytes:
    return blake2b(text).digest()
