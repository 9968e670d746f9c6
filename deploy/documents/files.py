"""Which files are generated, and which of them are not as they should be."""

from pathlib import Path

from deploy.documents.asyncapi import asyncapi_document
from deploy.documents.parts import filled
from deploy.documents.schemas import SCHEMAS, as_text, json_schema
from deploy.documents.settings_page import settings_page

ROOT = Path(__file__).resolve().parents[2]


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Each generated file of the project in the folder `root`, and the text that it should have."""
    pages = [root / "docs" / name for name in ("events.md", "http.md")]
    return {
        **{root / "schemas" / schema.file: as_text(json_schema(schema)) for schema in SCHEMAS},
        root / "schemas" / "asyncapi.yaml": asyncapi_document(),
        root / "docs" / "settings.md": settings_page(),
        **{page: filled(page.read_text("utf-8")) for page in pages},
    }


def drifted(root: Path = ROOT) -> dict[Path, str]:
    """The files that are missing or have another text, each with the text that it should have."""
    return {
        path: text for path, text in generated(root).items() if not path.is_file() or path.read_text("utf-8") != text
    }


def left_over(root: Path = ROOT) -> list[Path]:
    """Files beside the schemas that nothing generates any more."""
    known = generated(root)
    return sorted(path for path in (root / "schemas").iterdir() if path.is_file() and path not in known)
