"""The environment's variables, without those that Kubernetes puts there by itself."""

import re
from typing import Any

from pydantic_settings import EnvSettingsSource

PREFIX = "ENGAGEMENT_"
# Every container gets the addresses of the services around it, under names made from theirs: a service called
# "engagement-http" yields ENGAGEMENT_HTTP_PORT=tcp://10.0.0.7:8080.
_INJECTED_NAME = re.compile(r".+(_SERVICE_HOST|_SERVICE_PORT.*|_PORT_.+)")
_INJECTED_VALUE = "tcp://"


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def is_injected(name: str, value: object) -> bool:
    """Whether Kubernetes, not the operator, put the variable (its name in upper case) there."""
    address = name.endswith("_PORT") and isinstance(value, str) and value.startswith(_INJECTED_VALUE)
    return address or _INJECTED_NAME.fullmatch(name) is not None


class Environment(EnvSettingsSource):
    """The settings that the operator put into the environment."""

    def __call__(self) -> dict[str, Any]:
        """The values by field, as text."""
        return {field: value for field, value in super().__call__().items() if not is_injected(variable(field), value)}
