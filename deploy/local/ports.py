"""Free TCP ports on loopback."""

import os
import random
import socket

# Below 32768, where Linux takes the ports of outgoing connections from: so that no connection takes the port of a
# server while that is down for a restart. Above 20000 hardly anything listens by default.
_LOWEST, _HIGHEST = 20_000, 32_000
# Processes that start servers at the same time choose from different shares.
_SHARES = 16
_given: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on at this moment, and never the same twice.

    Another process may still take it before its use.
    """
    share = range(_LOWEST + os.getpid() % _SHARES, _HIGHEST, _SHARES)
    while True:
        port = random.SystemRandom().choice(share)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
