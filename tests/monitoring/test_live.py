"""A real Prometheus that reads real workers: every panel has something to show, every rule can be evaluated."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

import pytest

from tests.conditions import eventually
from tests.harness.deployment import Deployment
from tests.harness.temporary import Services, temporary_deployment
from tests.monitoring.drawing import draw
from tests.monitoring.expressions import JOB, Selector, alert_rules, panels, selectors
from tests.monitoring.looking import look, without_data
from tests.monitoring.places import promtool
from tests.monitoring.prometheus_server import Prometheus, fetch, running_prometheus, write_targets
from tests.monitoring.registry import own_metrics
from tests.monitoring.scene import VARIABLES, Scene
from tests.monitoring.window import Window

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Watched:
    """Two workers, of which one was killed, and the Prometheus that reads them."""

    prometheus: Prometheus
    deployment: Deployment


@pytest.fixture(scope="module")
async def watched(services: Services) -> AsyncIterator[Watched]:
    folder = services.folder
    targets = folder / "targets.json"
    write_targets(targets, [])
    with running_prometheus(folder / "prometheus", targets) as prometheus:
        async with temporary_deployment(services, "watched", partitions=4, variables=VARIABLES) as deployment:
            scene = Scene(deployment, targets)
            first = await scene.start_worker()
            await scene.start_worker()
            async with scene.crowd():
                await _all_panels_show_something(prometheus)
                first.kill()
                await _the_killed_worker_is_missed(prometheus)
                yield Watched(prometheus, deployment)


async def _all_panels_show_something(prometheus: Prometheus) -> None:
    async def check() -> None:
        answers = await asyncio.to_thread(look, prometheus, _last_minute())
        assert without_data(answers) == []

    await eventually(check, _SECONDS)


def _last_minute() -> Window:
    # Ends now, so that panels with a point a minute have their last one now.
    now = time.time()
    return Window(now - 60, now, 1)


async def _the_killed_worker_is_missed(prometheus: Prometheus) -> None:
    async def check() -> None:
        alerts = (await asyncio.to_thread(prometheus.ask, "alerts"))["alerts"]
        assert [each["labels"]["alertname"] for each in alerts if each["state"] == "pending"].count(
            "EngagementWorkerDown"
        ) == 1

    await eventually(check, _SECONDS)


async def test_every_panel_is_drawn_with_what_it_asks_for(watched: Watched) -> None:
    window = _last_minute()
    answers = await asyncio.to_thread(look, watched.prometheus, window)

    picture = draw([("Overview", 0)], answers, window)

    for panel in panels():
        assert f">{escape(panel.title)}</text>" in picture
    assert ">No data<" not in picture


async def test_prometheus_can_evaluate_every_rule(watched: Watched) -> None:
    async def check() -> None:
        groups = (await asyncio.to_thread(watched.prometheus.ask, "rules"))["groups"]
        found = {rule["name"]: (rule["health"], rule.get("lastError")) for group in groups for rule in group["rules"]}
        assert found == {rule["alert"]: ("ok", None) for rule in alert_rules()}

    await eventually(check, _SECONDS)


async def test_everything_that_a_rule_names_is_there_when_all_is_well(watched: Watched) -> None:
    """Else the rule would be silent for want of data, and not because nothing is wrong."""
    queries = {_as_query(selector) for rule in alert_rules() for selector in selectors(rule["expr"])}

    async def check() -> None:
        assert [query for query in queries if not await asyncio.to_thread(watched.prometheus.now, query)] == []

    # The worker that is left shows what it knows of all shards once it has looked around.
    await eventually(check, _SECONDS)


def _as_query(selector: Selector) -> str:
    matchers = ",".join(f'{label}{operator}"{value}"' for label, operator, value in selector.matchers)
    return f"{selector.metric}{{{matchers}}}"


async def test_every_metric_of_the_engine_is_shown_and_no_other(watched: Watched) -> None:
    names = await asyncio.to_thread(watched.prometheus.ask, "label/__name__/values")

    samples = {name for metric in own_metrics() for name in metric.samples}
    assert {name for name in names if name.startswith("engagement_")} == samples


async def test_no_label_of_a_running_worker_holds_more_than_the_known_values(watched: Watched) -> None:
    for metric in own_metrics():
        for label, known in metric.values.items():
            sample = next(iter(metric.samples))
            found = await asyncio.to_thread(watched.prometheus.now, f'{sample}{{job="{JOB}"}}')
            assert {series.labels[label] for series in found} <= known, f"{label} of {sample}"
    shards = await asyncio.to_thread(watched.prometheus.now, "engagement_position_lag_records")
    assert {series.labels["shard"] for series in shards} <= {"0", "1", "2", "3"}


async def test_promtool_finds_nothing_to_object_to_in_a_running_workers_metrics(watched: Watched) -> None:
    [event] = watched.deployment.workers[1].events("http_listening")
    status, body = await asyncio.to_thread(fetch, event["port"], "/metrics")
    text = body.decode()

    done = await asyncio.to_thread(lambda: promtool("check", "metrics", text=text))

    assert status == HTTPStatus.OK
    assert "engagement_messages_total" in text
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
