"""`python -m tests.monitoring PICTURE`: plays a scene of three minutes, and draws the dashboard that shows it as SVG.

Grafana has no part in it: the picture shows that every panel has something to show, and that it can be read. Exits
with 1 when a panel is empty.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import stamina.instrumentation

from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER
from deploy.local.stack import Stack, running_stack
from tests.harness.temporary import Services, temporary_deployment
from tests.monitoring.drawing import draw
from tests.monitoring.expressions import dashboard
from tests.monitoring.looking import look, without_data
from tests.monitoring.prometheus_server import running_prometheus, write_targets
from tests.monitoring.scene import VARIABLES, Scene
from tests.monitoring.window import Window

_PARTITIONS = 8
_SCRAPE_SECONDS, _STEP_SECONDS = 2, 3
_EMPTY, _NO_PLATFORM = 1, 3


def main() -> int:
    """Draw it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.monitoring", description=__doc__)
    parser.add_argument("picture", type=Path, help="the SVG file to write")
    parser.add_argument("--seconds", type=float, default=180.0, help="how long the scene is; default: %(default)g")
    arguments = parser.parse_args()
    # Waiting for conditions is no news.
    stamina.instrumentation.set_on_retry_hooks([])
    try:
        with running_stack(LOCAL_FOLDER) as stack, tempfile.TemporaryDirectory() as folder:
            picture, complete = asyncio.run(_show(stack, Path(folder), arguments.seconds))
    except PlatformError as error:
        print(error, file=sys.stderr)
        return _NO_PLATFORM
    arguments.picture.write_text(picture, encoding="utf-8")
    return 0 if complete else _EMPTY


async def _show(stack: Stack, folder: Path, seconds: float) -> tuple[str, bool]:
    """The picture, and whether every panel has something to show."""
    services = Services(stack.kafka_bootstrap_servers, stack.postgres_dsn, folder)
    targets = folder / "targets.json"
    write_targets(targets, [])
    with running_prometheus(folder / "prometheus", targets, _SCRAPE_SECONDS) as prometheus:
        async with temporary_deployment(services, "scene", partitions=_PARTITIONS, variables=VARIABLES) as deployment:
            start = time.time()
            await _play(Scene(deployment, targets), seconds)
            window = Window(start, time.time(), _STEP_SECONDS, _SCRAPE_SECONDS)
            answers = look(prometheus, window)
    rows = [(panel["title"], panel["gridPos"]["y"]) for panel in dashboard()["panels"] if panel["type"] == "row"]
    missing = without_data(answers)
    print(f"{len(answers)} panels, without data: {', '.join(missing) or 'none'}", file=sys.stderr)
    return draw(rows, answers, window), not missing


async def _play(scene: Scene, seconds: float) -> None:
    first = await scene.start_worker()
    await scene.start_worker()
    async with scene.crowd():
        await asyncio.sleep(seconds * 0.6)
        first.kill()
        await scene.start_worker()
        await asyncio.sleep(seconds * 0.4)


if __name__ == "__main__":
    sys.exit(main())
