"""Each single right that the script grants is needed: without it, one line names the right and what it is on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from adapters.kafka.connection import KafkaConnection, KafkaSecurity
from tests.harness.temporary import side_by_side
from tests.mistakes.forked import Ended
from tests.security.acls import Acl, Acls, opened_acls
from tests.security.broker import ADMIN, password_of
from tests.security.playing import names, play, told
from tests.security.scene import PARTS, Secured, SecuredDeployment
from tests.security.scripts import granted_by_script

NAME = "rights"
AT_ONCE = 4
TOPICS = ("activity", "ticks", "messages", "cycles", "dead-letters", "progress")
# What a user does who lacks a right of a part, and what is lacking.
CASES = {
    "engine": [
        *(("run", "Read", topic) for topic in ("activity", "ticks", "progress")),
        *(("run", "Write", topic) for topic in ("messages", "cycles", "dead-letters", "progress", "ticks")),
        *(("run", "DescribeConfigs", topic) for topic in TOPICS),
        ("run", "Read", "group"),
        ("run", "Write", "transactional-id"),
    ],
    "init": [
        *(("init", "Create", topic) for topic in TOPICS),
        *(("init", "Describe", topic) for topic in TOPICS if topic != "progress"),
        *(("init", "DescribeConfigs", topic) for topic in ("activity", "ticks")),
        ("init", "Alter", "progress"),
    ],
    "notify": [("notify --until-end", "Read", "messages")],
    "operator": [
        ("produce --user-id 1", "Write", "activity"),
        ("tick", "Write", "ticks"),
        ("tick --wait", "Read", "cycles"),
        ("dlq list", "Read", "dead-letters"),
        ("dlq replay", "Read", "progress"),
        ("dlq replay", "Write", "progress"),
        ("dlq replay", "DescribeConfigs", "activity"),
        ("dlq replay", "DescribeConfigs", "ticks"),
        ("dlq replay", "Write", "transactional-id"),
        ("shard list", "Describe", "group"),
    ],
}
NUMBERED = [(part, *case) for part, cases in CASES.items() for case in cases]
Tasks = dict[str, "asyncio.Task[Ended]"]


def right_of(deployment: SecuredDeployment, operation: str, what: str) -> Acl:
    """The right as the script grants it; ``what`` is a topic's role, or a kind of which there is one."""
    if what == "group":
        return Acl("", operation, "group", deployment.name)
    if what == "transactional-id":
        return Acl("", operation, what, f"{deployment.name}-", "prefixed")
    return Acl("", operation, "topic", f"{deployment.name}-{what}")


def all_but(rights: Iterable[Acl], lacking: Acl, user: str) -> list[Acl]:
    """The rights for the user, but the one that lacks."""
    return [right.of(user) for right in rights if right.of("") != lacking]


def case_id(case: tuple[str, str, str, str]) -> str:
    return "-".join(case).replace(" ", "_")


@pytest.fixture(scope="module")
async def initialised(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> SecuredDeployment:
    """A deployment whose activity topic has grown since."""
    deployment = secured.deployment(NAME, tmp_path_factory.mktemp(NAME))
    await deployment.create_database()
    ended = await play(deployment.of(ADMIN, "owner"), "init", deployment.folder / "init")
    assert ended.code == 0, ended.stderr
    deployment.grant_tables()
    security = KafkaSecurity("SASL_SSL", secured.tls, "SCRAM-SHA-512", ADMIN, password_of(ADMIN))
    admin = AIOKafkaAdminClient(**KafkaConnection(secured.kafka.secured, security=security).arguments())
    await admin.start()
    await admin.create_partitions({f"{NAME}-activity": NewPartitions(3)})
    await admin.close()
    return deployment


@pytest.fixture(scope="module")
async def outcomes(initialised: SecuredDeployment) -> AsyncIterator[Tasks]:
    """How the command of each case ends."""
    # Of two replays at once, one ends the other.
    alone = asyncio.Lock()
    async with opened_acls(initialised.secured.kafka.secured, initialised.secured.tls) as acls:
        jobs = {
            case_id(case): partial(
                _outcome, initialised, acls, f"lacking-{number}", case, alone if case[1] == "dlq replay" else None
            )
            for number, case in enumerate(NUMBERED)
        }
        async with side_by_side(jobs, AT_ONCE) as tasks:
            yield tasks


async def _outcome(
    initialised: SecuredDeployment, acls: Acls, user: str, case: tuple[str, str, str, str], alone: asyncio.Lock | None
) -> Ended:
    async with alone or contextlib.nullcontext():
        return await _ended(initialised, acls, user, case)


async def _ended(initialised: SecuredDeployment, acls: Acls, user: str, case: tuple[str, str, str, str]) -> Ended:
    part, command, operation, what = case
    deployment = initialised
    if operation == "Create":
        # Topics of its own, which are not there.
        name = _own_name(case)
        deployment = initialised.secured.deployment(name, initialised.folder / name)
    settings = deployment.of(user, "owner" if part == "init" else "engine" if part == "engine" else "reader")
    if operation == "Create":
        settings.dsn = initialised.of(user, "owner").dsn
    rights = granted_by_script(settings, part, user, _made(initialised.folder / f"script-{user}"))
    lacking = right_of(deployment, operation, what)
    kept = all_but(rights, lacking, user)
    assert len(kept) == len(rights) - 1, "the script grants it"
    if operation == "Alter":
        # It includes this one, which would be missed first.
        kept.append(Acl(user, "Describe", "topic", lacking.name))
    await acls.grant(kept)
    return await play(settings, command, initialised.folder / user)


def _own_name(case: tuple[str, str, str, str]) -> str:
    return f"{NAME}-{NUMBERED.index(case)}"


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("case", NUMBERED, ids=case_id)
async def test_a_missing_right_is_named_in_one_line(
    case: tuple[str, str, str, str], outcomes: Tasks, initialised: SecuredDeployment
) -> None:
    _, command, operation, what = case
    ended = await outcomes[case_id(case)]
    lines = told(ended)
    right = right_of(initialised, operation, what)
    if command == "shard list":
        # Who may look at the state need not know whose the shards are.
        assert ended.code == 0
        lines = [line for line in ended.stderr.splitlines() if "owners_unknown" in line]
    else:
        assert ended.code == 3, ended
    (line,) = lines
    name = f"{_own_name(case)}-{what}" if operation == "Create" else right.name
    assert names(line, operation, right.resource, name), line
    assert "grant it to" in line
    assert "was tried for" not in line, "a repetition can't help"


def test_these_are_all_the_rights_that_the_script_grants(initialised: SecuredDeployment, tmp_path: Path) -> None:
    for part, cases in CASES.items():
        granted = granted_by_script(initialised.of(PARTS[part], "engine"), part, PARTS[part], tmp_path)
        tried = {right_of(initialised, operation, what) for _, operation, what in cases}
        assert {right.of("") for right in granted} == tried


async def test_a_check_names_every_missing_right(initialised: SecuredDeployment) -> None:
    ended = await play(initialised.of("rotated", "engine"), "check", initialised.folder / "check")
    assert ended.code == 3
    assert len(told(ended)) == 1
    problems = [line for line in ended.stdout.splitlines() if line.startswith("problem")]
    for _, operation, what in CASES["engine"]:
        right = right_of(initialised, operation, what)
        (line,) = [line for line in problems if names(line, operation, right.resource, right.name)]
        assert "grant it to User:rotated" in line
    assert len(problems) == len(CASES["engine"])
