"""What the values of settings look like. The messages of the ValueErrors follow the variable's name."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from domain.policy import LONGEST_THRESHOLD, SHORTEST_THRESHOLD

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
# Of a Postgres: a name or an address, that of IPv6 in brackets, and a port.
_SERVER = re.compile(r"(\[[^\[\]@/]+\]|[^\s:\[\]@/]*)(:[0-9]{1,5})?")


def duration(amount: Decimal, unit: timedelta) -> timedelta:
    """So many units (not negative), rounded to whole microseconds. Raises ValueError above 3,660,000 days."""
    # Compared first: a number with any exponent may have been given, which can't be multiplied.
    if amount > LONGEST_THRESHOLD // unit:
        raise ValueError(f"must not be longer than {LONGEST_THRESHOLD.days} days")
    return timedelta(microseconds=round(amount * (unit // _MICROSECOND)))


def _threshold_in(unit: timedelta) -> AfterValidator:
    def check(amount: Decimal) -> Decimal:
        if amount <= 0 or duration(amount, unit) < SHORTEST_THRESHOLD:
            raise ValueError("must be positive, a microsecond at least")
        return amount

    return AfterValidator(check)


def _check_servers(servers: str) -> str:
    if not all(re.fullmatch(r"[^\s/,]+:[0-9]{1,5}", server.strip()) for server in servers.split(",")):
        raise ValueError("must be a list of host:port, separated by commas")
    return servers


def _check_dsn(dsn: SecretStr) -> SecretStr:
    """Refuse what the driver would trip over, since its own complaints may repeat parts of the password."""
    text = dsn.get_secret_value()
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    try:
        fits = _has_servers(urlsplit(text))
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            "must have the form postgresql://user:password@host:port/database, with the special characters of user and"
            " password percent-encoded (@ as %40, / as %2F, # as %23)"
        ) from None
    return dsn


def _has_servers(url: SplitResult) -> bool:
    """Whether host and port are where they should be. A character that isn't encoded shifts what comes after it."""
    _, _, servers = url.netloc.rpartition("@")
    query = parse_qs(url.query, strict_parsing=True) if url.query else {}
    shifted = url.netloc.count("@") > 1 or "@" in url.path or "@" in url.query or url.fragment != ""
    ports = ",".join(query.get("port", []))
    return (
        not shifted
        and all(_SERVER.fullmatch(server) for server in servers.split(","))
        and re.fullmatch(r"[0-9,]*", ports) is not None
        and (servers != "" or "host" in query)
    )


def _check_hosts(hosts: str) -> str:
    if not all(re.fullmatch(r"\s*[^\s,/@]+\s*", host) for host in hosts.split(",")):
        raise ValueError("must be host names or addresses without ports, separated by commas")
    return hosts


def _check_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not re.fullmatch(r"[ -~]{1,1000}", text) or text.strip() != text:
        raise ValueError("must be 1 to 1000 printable ASCII characters without a space at either end")
    return secret


def _check_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]{16,1000}", token.get_secret_value()):
        raise ValueError("must be 16 to 1000 visible ASCII characters without a space: a shorter one can be guessed")
    return token


def _check_pem(path: Path) -> Path:
    if not str(path).strip():
        raise ValueError("must be the path of a PEM file")
    return path


def _check_topic(topic: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic) or topic in (".", ".."):
        raise ValueError("must be a topic name: 1 to 249 letters, digits, dots, underscores and hyphens")
    return topic


def _check_visible(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,200}", text):
        raise ValueError("must be 1 to 200 visible ASCII characters without a space")
    return text


def _none_for(word: str) -> BeforeValidator:
    return BeforeValidator(lambda value: None if isinstance(value, str) and value.lower() == word else value)


_UPPER = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)
_LOWER = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)

Servers = Annotated[str, AfterValidator(_check_servers)]
PostgresDsn = Annotated[SecretStr, AfterValidator(_check_dsn)]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]
PemFile = Annotated[Path, AfterValidator(_check_pem)]
Hosts = Annotated[str, AfterValidator(_check_hosts)]
Topic = Annotated[str, AfterValidator(_check_topic)]
Visible = Annotated[str, AfterValidator(_check_visible)]
ThresholdSeconds = Annotated[Decimal, _threshold_in(SECOND)]
ThresholdHours = Annotated[Decimal, _threshold_in(HOUR)]
ThresholdDays = Annotated[Decimal, _threshold_in(DAY)]
DaysOrForever = Annotated[Annotated[Decimal, _threshold_in(DAY)] | None, _none_for("forever")]
PortOrOff = Annotated[Annotated[int, Field(ge=0, le=65_535)] | None, _none_for("off")]
TimeoutSeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error", "critical"], _LOWER]
LogFormat = Annotated[Literal["json", "console"] | None, _LOWER]
LogUserIds = Annotated[Literal["hashed", "plain"], _LOWER]
SecurityProtocol = Annotated[Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"], _LOWER]
SaslMechanism = Annotated[Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"], _UPPER]
