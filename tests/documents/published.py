"""AsyncAPI's own JSON Schemas: fetched once with npm, and held to a checksum."""

import base64
import hashlib
import json
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest

from deploy.local.child import run_to_end
from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER, locked

PACKAGE = "@asyncapi/specs@6.11.1"
SHA512 = "A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ=="
_ARCHIVE = LOCAL_FOLDER / "asyncapi-specs-6.11.1.tgz"
_FETCH_SECONDS = 240.0  # 350 kB


def published_schema(asyncapi_version: str) -> dict[str, Any]:
    """The published JSON Schema of AsyncAPI documents of that version."""
    with locked(_ARCHIVE.with_suffix(".lock")):
        if not _ARCHIVE.is_file():
            _fetch()
    with tarfile.open(_ARCHIVE) as archive:
        member = archive.extractfile(f"package/schemas/{asyncapi_version}.json")
        assert member is not None
        schema: dict[str, Any] = json.load(member)
        return schema


def _fetch() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail(f"no `npm` found to fetch {PACKAGE} (`make system-deps` installs it)", pytrace=False)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=LOCAL_FOLDER) as folder:
        try:
            run_to_end([npm, "pack", PACKAGE, "--pack-destination", folder], cwd=Path(folder), seconds=_FETCH_SECONDS)
        except PlatformError as error:
            pytest.fail(f"{PACKAGE} could not be fetched: {error}", pytrace=False)
        fetched = Path(folder) / _ARCHIVE.name
        digest = base64.b64encode(hashlib.sha512(fetched.read_bytes()).digest()).decode()
        if digest != SHA512:
            pytest.fail(f"{PACKAGE} is not what it was: its SHA-512 is {digest}", pytrace=False)
        fetched.rename(_ARCHIVE)  # atomic: the archive is there only when it is complete and right
