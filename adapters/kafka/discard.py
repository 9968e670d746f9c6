"""Ending aiokafka's clients in bounded time, whatever they are doing.

Their own ``stop`` waits for what is under way, and nothing under way has a deadline: a transaction is retried for
ever, a batch never expires, a closing socket waits until its buffer is sent. So the tasks of a client are cancelled
and its sockets aborted, which takes aiokafka's private attributes.
"""
# ruff: noqa: SLF001

import asyncio
import inspect
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import CloseReason

from adapters.kafka.deadline import look_at, within
from domain.errors import EngagementError

# Cancelled tasks need a few turns of the loop; aiokafka's sender awaits its children first.
_ENDING_SECONDS = 2.0


async def stop_consumer(consumer: AIOKafkaConsumer, seconds: float) -> None:
    """Leave the group if there is one, and let go of everything, within about ``seconds``. Raises nothing of Kafka."""
    # Not its own stop: that closes the connections too, and over TLS waits for the broker to say good-bye, which under
    # uvloop takes half a minute when a fetch is under way (measured).
    closed, consumer._closed = consumer._closed, True
    try:
        # Where that fails, Kafka will notice by the session timeout that the member is gone.
        with suppress(EngagementError):
            async with within(seconds, "leave the consumer group"):
                if not closed and consumer._coordinator is not None:
                    await _apart(consumer._coordinator.close())
    finally:
        await _end(consumer._client, consumer._coordinator, consumer._fetcher)


async def _apart(closing: Coroutine[Any, Any, None]) -> None:
    """As a task of its own: aiokafka awaits tasks that it has cancelled, and then nobody else was cancelled."""
    task = asyncio.create_task(closing)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
    if not task.cancelled():
        task.result()


async def stop_admin(admin: AIOKafkaAdminClient) -> None:
    """Let go of a client that administers topics."""
    admin._closed = True
    await _end(admin._client)


async def discard_producer(producer: AIOKafkaProducer) -> None:
    """Let go of a producer without sending anything more; its open transaction is left to be aborted by Kafka."""
    producer._closed = True
    await _end(producer.client, producer._sender, producer._message_accumulator)
    _retrieve(producer._txn_manager._transaction_waiter if producer._txn_manager else None)
    for batches in producer._message_accumulator._batches.values():
        for batch in batches:
            _retrieve(batch._drain_waiter)


async def _end(client: AIOKafkaClient, *parts: Any) -> None:
    tasks = _tasks_of(client, *parts)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_ENDING_SECONDS)
    for connection in client._conns.values():
        if connection._writer is not None:
            # A plain close would wait until a frozen broker has taken what is still buffered.
            connection._writer.transport.abort()
    # Not its own close: that gathers these futures, so that a deadline would cancel them for whoever asks next.
    closing = [connection.close(reason=CloseReason.SHUTDOWN) for connection in client._conns.values()]
    if closing:
        await asyncio.wait(closing, timeout=_ENDING_SECONDS)


def _tasks_of(*owners: Any) -> set[asyncio.Task[Any]]:
    """The running tasks whose coroutine is a method of one of the owners.

    aiokafka keeps some of its tasks in local variables only.
    """
    ids = {id(owner) for owner in owners if owner is not None}
    current = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not current and id(_owner(task)) in ids}


def _owner(task: asyncio.Task[Any]) -> object:
    coroutine = task.get_coro()
    if not inspect.iscoroutine(coroutine):
        return None
    return inspect.getcoroutinelocals(coroutine).get("self")


def _retrieve(future: asyncio.Future[Any] | None) -> None:
    """Look at the future's error, so that asyncio does not report it as forgotten."""
    if future is not None and future.done():
        look_at(future)
