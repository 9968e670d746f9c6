"""Images and containers in a folder of our own, by buildah."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.image.machine import BOUND
from deploy.local.errors import PlatformError

_SECONDS = 600.0  # a build downloads some 20 MB; on an ordinary line it takes 20 s
_TAIL_CHARACTERS = 3000


@dataclass(frozen=True, slots=True)
class Image:
    """What the image says about how it is to be run."""

    name: str
    user: int
    group: int
    folder: str
    """Where its commands start."""
    environment: dict[str, str]
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    health_command: tuple[str, ...]


class Store:
    """Images and working containers below one folder, which nobody else uses meanwhile.

    The storage driver copies whole trees: slower than others, but it needs nothing of the kernel.
    """

    def __init__(self, folder: Path) -> None:
        """Use the folder, made if needed."""
        self._temporary = folder / "tmp"  # where buildah keeps the downloads of builds
        self._temporary.mkdir(parents=True, exist_ok=True)
        self._program = [
            *BOUND,
            "buildah",
            f"--root={folder / 'storage'}",
            f"--runroot={folder / 'run'}",
            "--storage-driver=vfs",
        ]

    def run(self, *arguments: str) -> str:
        """What a buildah command prints. Raises PlatformError with the end of its output when it fails."""
        try:
            done = subprocess.run(
                [*self._program, *arguments],
                env=os.environ | {"TMPDIR": str(self._temporary)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PlatformError(f"buildah {arguments[0]} did not end within {_SECONDS:.0f} s") from error
        output = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            end = (output + done.stderr.decode(errors="replace")).strip()[-_TAIL_CHARACTERS:]
            raise PlatformError(f"buildah {arguments[0]} failed with exit code {done.returncode}:\n{end}")
        return output.strip()

    def has(self, name: str) -> bool:
        """Whether an image of this name is there."""
        return bool(self.run("images", "--quiet", "--filter", f"reference={name}"))

    def remove_all_but(self, name: str) -> None:
        """Remove every container, and every image but this one."""
        self.run("rm", "--all")
        for image in json.loads(self.run("images", "--all", "--json")):
            if name not in (image.get("names") or []):
                self.run("rmi", "--force", image["id"])

    @contextmanager
    def tree(self, image: str) -> Iterator[Path]:
        """Give the files of a container made from the image (`scratch` is an empty one), removed at the end."""
        container = self.run("from", image)
        try:
            yield Path(self.run("mount", container))
        finally:
            self.run("rm", container)

    @contextmanager
    def new_image(self, name: str) -> Iterator[Path]:
        """Give an empty folder whose content is the image afterwards, unless an error is raised."""
        container = self.run("from", "scratch")
        try:
            yield Path(self.run("mount", container))
            self.run("commit", container, name)
        finally:
            self.run("rm", container)

    def describe(self, name: str) -> Image:
        """How the image is to be run. Raises PlatformError for one that doesn't say so completely."""
        config: dict[str, Any] = json.loads(self.run("inspect", "--type=image", name))["Docker"]["config"]
        user, colon, group = config["User"].partition(":")
        health = (config.get("Healthcheck") or {}).get("Test") or []
        if not (user.isdigit() and colon and group.isdigit() and int(user) and int(group)):
            raise PlatformError(f"the image's user is {config['User']!r}, not the numbers of an ordinary one")
        if health[:1] != ["CMD"]:
            raise PlatformError(f"the image's health check is {health}, not a command without a shell")
        return Image(
            name,
            int(user),
            int(group),
            config["WorkingDir"],
            dict(variable.split("=", 1) for variable in config["Env"]),
            tuple(config["Entrypoint"]),
            tuple(config["Cmd"]),
            tuple(health[1:]),
        )
