"""The shipped script does with Kafka's own tool what the tests take it to do."""

import asyncio
from pathlib import Path

from tests.security.acls import opened_acls
from tests.security.broker import ADMIN, password_of
from tests.security.kafka_tools import kafka_acls
from tests.security.scene import Secured
from tests.security.scripts import granted_by_script, run_kafka_script

_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required"
_LOGIN = """security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config={module} username="{user}" password="{password}";
ssl.truststore.type=PEM
ssl.truststore.location={ca}
"""


async def test_the_script_grants_and_takes_away_with_the_tool_of_kafka(secured: Secured, tmp_path: Path) -> None:
    deployment = secured.deployment("scripted", tmp_path).of(ADMIN, "engine")
    login = tmp_path / "admin.properties"
    login.write_text(_LOGIN.format(module=_MODULE, user=ADMIN, password=password_of(ADMIN), ca=secured.certificates.ca))
    expected = granted_by_script(deployment, "engine", "scripted", tmp_path)
    variables = {"KAFKA_ACLS": str(kafka_acls(tmp_path)), "COMMAND_CONFIG": str(login)}
    async with opened_acls(secured.kafka.secured, secured.tls) as acls:
        await asyncio.to_thread(run_kafka_script, deployment, "engine", "scripted", variables)
        assert await acls.of("scripted") == set(expected)
        await asyncio.to_thread(run_kafka_script, deployment, "engine", "scripted", variables | {"ACTION": "--remove"})
        assert await acls.of("scripted") == set()
