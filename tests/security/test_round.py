"""The whole engine at work over encrypted connections, everybody with the rights that the scripts give them only."""

import json
from pathlib import Path

import pytest

from tests.e2e.commands import Ended, engage, workers
from tests.harness.deployment import Deployment
from tests.security.acls import opened_acls
from tests.security.broker import SECRET
from tests.security.scene import PARTS, Secured, SecuredDeployment
from tests.security.scripts import granted_by_script

NAME = "round"


@pytest.fixture
async def granted(secured: Secured, tmp_path: Path) -> SecuredDeployment:
    """A deployment with a database and all rights, not initialised."""
    deployment = secured.deployment(NAME, tmp_path)
    await deployment.create_database()
    async with opened_acls(secured.kafka.secured, secured.tls) as acls:
        for part, user in PARTS.items():
            await acls.grant(granted_by_script(deployment.of(user, "engine"), part, user, tmp_path))
    return deployment


def done(deployment: Deployment, *arguments: str) -> Ended:
    """The command, which must succeed without a remark about rights, and show no secret."""
    ended = engage(deployment, *arguments)
    assert ended.code == 0, (arguments, ended.stderr, ended.stdout)
    assert SECRET not in ended.stdout + ended.stderr
    assert "denies" not in ended.stderr
    return ended


async def test_everybody_does_their_part_with_the_rights_of_the_scripts(granted: SecuredDeployment) -> None:
    owner, engine = granted.of("owner", "owner"), granted.of("engine", "engine")
    operator, notifier = granted.of("operator", "reader"), granted.of("notifier", "reader")
    done(owner, "init")
    granted.grant_tables()
    done(engine, "check")
    with workers(engine):
        done(operator, "produce", "--user-id", "12", "--name", "Ghost Gary", "--at", "2026-01-01T00:00:00Z")
        (cycle,) = done(operator, "tick", "--wait", "--json").json_lines
        assert cycle["messages_sent"] == 1
        (message,) = done(notifier, "notify", "--until-end", "--json").json_lines
        assert message["user_id"] == "12"
        done(operator, "stats")
        assert len(done(operator, "cycles", "--json").json_lines) == 1
        assert json.loads(done(operator, "user", "12", "--json").stdout)["user_id"] == "12"
        assert len(done(operator, "shard", "list", "--json").json_lines) == 2
        done(operator, "dlq", "list")
        done(operator, "dlq", "replay")
        done(engine, "check")
    done(owner, "init")
