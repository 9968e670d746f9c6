import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.documents.__main__ import main
from deploy.documents.files import ROOT, drifted, left_over
from deploy.documents.schemas import SCHEMAS


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project with the same documents."""
    for folder in ("docs", "schemas"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_every_document_is_as_generated() -> None:
    assert sorted(drifted()) == []
    assert left_over() == []


def test_the_command_checks_this_project() -> None:
    command = [sys.executable, "-m", "deploy.documents", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("schemas/engagement.tick.json", '"A tick"', '"A tack"'),
        ("schemas/asyncapi.yaml", "address: engagement-ticks", "address: ticks"),
        ("docs/settings.md", "Default: `86400`", "Default: `86401`"),
        ("docs/events.md", "| What kind of event this is. |", "| What. |"),
        ("docs/http.md", '"tone": "playful"', '"tone": "warm"'),
    ],
)
def test_the_check_names_what_has_drifted_and_writing_mends_it(
    name: str, old: str, new: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copy / name
    as_generated = file.read_text("utf-8")
    assert old in as_generated
    file.write_text(as_generated.replace(old, new), "utf-8")
    assert main(["--check"], copy) == 1
    said = capsys.readouterr()
    assert said.out == f"{name}\n"
    assert "python -m deploy.documents" in said.err
    assert main([], copy) == 0
    assert capsys.readouterr().out == f"{name}\n"
    assert file.read_text("utf-8") == as_generated


def test_a_missing_file_has_drifted(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "docs" / "settings.md").unlink()
    assert main(["--check"], copy) == 1
    assert capsys.readouterr().out == "docs/settings.md\n"


def test_a_file_that_nothing_generates_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "schemas" / "user.gone.json").write_text("{}")
    assert main(["--check"], copy) == 1
    assert "schemas/user.gone.json: nothing generates this file" in capsys.readouterr().err


def test_the_page_of_events_tells_the_fields_of_every_record() -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    records = [schema.name for schema in SCHEMAS if schema.name.startswith(("user.", "engagement."))]
    assert [name for name in records if f"<!-- fields: {name} -->" not in page] == []


def test_the_page_of_http_leads_to_the_schema_of_every_body() -> None:
    page = (ROOT / "docs" / "http.md").read_text("utf-8")
    bodies = [schema for schema in SCHEMAS if schema.name.startswith("http.")]
    assert [schema.name for schema in bodies if f"(../schemas/{schema.file})" not in page] == []


@pytest.mark.parametrize("page", ["events.md", "http.md"])
def test_every_generated_part_of_a_page_has_its_end(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert text.count("<!-- end -->") == text.count("<!-- fields: ") + text.count("<!-- example: ") > 0
