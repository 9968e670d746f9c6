"""Which hosts an address names, and whether the way there is safe."""

import ipaddress
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


def kafka_hosts(servers: str) -> list[str]:
    """The hosts of a list of host:port."""
    return [server.strip().rpartition(":")[0].strip("[]") for server in servers.split(",")]


def postgres_hosts(dsn: str) -> list[str]:
    """The hosts of a Postgres URL: of its authority and of its parameter ``host``; a path is that of a socket."""
    url = urlsplit(dsn)
    servers = url.netloc.rpartition("@")[2].split(",")
    named = [server if server.endswith("]") else server.rpartition(":")[0] or server for server in servers]
    named += ",".join(parse_qs(url.query).get("host", [])).split(",")
    return [unquote(host).strip("[]") for host in named if host and not host.startswith(":")]


def files_of_dsn(dsn: str) -> list[tuple[str, Path]]:
    """The parameters of a Postgres URL that name a file, each with its path."""
    parameters = parse_qs(urlsplit(dsn).query)
    return [
        (name, Path(path))
        for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl")
        for path in parameters.get(name, [])
    ]


def verifies_server(dsn: str) -> bool:
    """Whether the driver encrypts, and takes only the server whose name the certificate bears."""
    return parse_qs(urlsplit(dsn).query).get("sslmode") == ["verify-full"]


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost") or name.startswith("/"):
        return True
    return is_loopback_address(name)


def is_loopback_address(address: str) -> bool:
    """Whether only this machine reaches the address; False for what is no address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
