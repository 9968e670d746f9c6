"""Two periods of the soak: some thirty faults of almost all kinds on one deployment, judged from outside.

`make fault` plays ten minutes of it and `make soak` an hour.
"""

import gc
import shutil

import pytest

from deploy.local.folders import LOCAL_FOLDER
from tests.fault.soak.kinds import KIND_NAMES
from tests.fault.soak.running import run

SEED = 1
MINUTES = 1.6
# The logs and the record of a run that fails stay here.
FOLDER = LOCAL_FOLDER / "soak" / "slice"


# A cluster starts, two periods pass, whatever was under way ends, and a machine that does other things judges it.
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:Unclosed AIOKafkaConnection:ResourceWarning")
async def test_a_mix_of_faults_loses_repeats_and_wrongs_nothing() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    report = await run(MINUTES, SEED, "none", "python -m tests.fault.soak", FOLDER)
    # aiokafka loses sight of connections that it was making when its start was given up; they end here.
    gc.collect()
    assert report.defects == []
    assert report.sound
    assert report.checked["messages"] > 1_000
    assert report.checked["ticks"] > 5
    assert len(report.injected) > 0.6 * len(KIND_NAMES)
