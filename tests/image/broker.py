"""A real broker, set up by the environment that deploy/compose.yaml gives to its Kafka container.

The image makes a settings file from the variables; here that is done by the same rule, and names and ports of the
containers are replaced by those of this machine.
"""

import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local.child import Child, run_to_end
from deploy.local.jars import find_java, kafka_jars
from deploy.local.ports import free_port

_SECONDS = 60.0
_PREFIX = "KAFKA_"
_FOR_THE_IMAGE = {"KAFKA_HEAP_OPTS"}  # its scripts read it; no setting of the broker
_LOG_SETTINGS = Path(__file__).parents[2] / "deploy" / "local" / "log4j2.properties"


def setting(variable: str) -> str:
    """The broker's setting that a variable stands for: three underscores are a hyphen, two are one, one is a dot."""
    marks = {"_": ".", "__": "_", "___": "-"}
    return re.sub("_+", lambda match: marks[match[0]], variable.removeprefix(_PREFIX)).lower()


@contextmanager
def running_broker(environment: Mapping[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """Run the broker; gives the address on this machine of each address that it has among the containers."""
    ports = {port: free_port() for port in re.findall(r":([0-9]+)", environment["KAFKA_LISTENERS"])}
    settings = {
        setting(name): _moved(value, ports)
        for name, value in environment.items()
        if name.startswith(_PREFIX) and name not in _FOR_THE_IMAGE
    } | {"log.dirs": str(folder / "data")}
    file = folder / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    # The archive of loaded classes only makes the start quicker; without it the JVM does without.
    archive = f"-XX:SharedArchiveFile={kafka_jars() / 'broker.jsa'}"
    options = [*environment["KAFKA_HEAP_OPTS"].split(), f"-Dlog4j2.configurationFile={_LOG_SETTINGS}", archive]
    java = [find_java(), *options, "-XX:+UseSerialGC", "-cp", f"{kafka_jars()}/*"]
    tool = ["kafka.tools.StorageTool", "format", "-t", environment["CLUSTER_ID"], "-c", str(file)]
    run_to_end([*java, *tool], cwd=folder, seconds=_SECONDS)
    broker = Child([*java, "kafka.Kafka", str(file)], folder / "broker.log", death_signal=signal.SIGKILL)
    try:
        broker.wait_until_ready("Kafka", lambda: "Kafka Server started" in broker.log.read_text(), _SECONDS)
        yield {f"kafka:{port}": f"127.0.0.1:{moved}" for port, moved in ports.items()}
    finally:
        broker.kill()


def _moved(value: str, ports: Mapping[str, int]) -> str:
    for port, moved in ports.items():
        value = value.replace(f"://:{port}", f"://127.0.0.1:{moved}").replace(f"kafka:{port}", f"127.0.0.1:{moved}")
        value = value.replace(f"localhost:{port}", f"127.0.0.1:{moved}")
    return value
