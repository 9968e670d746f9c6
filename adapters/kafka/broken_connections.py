"""Connections that notice when they are broken, whichever event loop they run on.

After a reset uvloop's transports refuse to write with RuntimeError, where asyncio's say nothing; aiokafka expects
OSError. So the RuntimeError ended whichever of aiokafka's background tasks was just sending, without a word: a client
that has lost its metadata task never finds a leader or a coordinator again, and the worker was silent for ever.
"""

from typing import Any

import aiokafka.conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


class NoticingConnection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka has no types
    """Is not connected once its transport is closing, and raises what aiokafka expects of a broken one."""

    def connected(self) -> bool:
        """Whether requests can be sent."""
        return bool(super().connected() and not self._writer.transport.is_closing())

    def send(self, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - as in the base class
        """Send a request; an awaitable of its answer. Raises KafkaConnectionError."""
        try:
            return super().send(request, expect_response)
        except RuntimeError as error:
            raise self._broken(error) from error

    def _send_sasl_token(self, payload: bytes, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - the same
        try:
            return super()._send_sasl_token(payload, expect_response)
        except RuntimeError as error:
            raise self._broken(error) from error

    def _broken(self, error: RuntimeError) -> KafkaConnectionError:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        return KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}")


def notice_broken_connections() -> None:
    """Let all of aiokafka's clients of this process use such connections. Repeating it changes nothing."""
    # The clients take no factory: they call a function of that module, which looks its class up there.
    aiokafka.conn.AIOKafkaConnection = NoticingConnection
