"""The packages that come with the engine when it is installed: not those that only develop and test it."""

from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ENGINE = "engagement-engine"


def installed_dependencies() -> dict[NormalizedName, str]:
    """Each package that the engine needs, directly or not, with the version that is installed here.

    Raises PackageNotFoundError, which names it, where one isn't.
    """
    found: dict[NormalizedName, str] = {}
    seen: set[tuple[NormalizedName, str]] = set()
    wanted = [(ENGINE, "")]
    while wanted:
        name, extra = wanted.pop()
        key = (canonicalize_name(name), extra)
        if key in seen:
            continue
        seen.add(key)
        found[key[0]] = distribution(name).version
        for requirement in map(Requirement, distribution(name).requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                wanted += [(requirement.name, each) for each in ("", *sorted(requirement.extras))]
    del found[canonicalize_name(ENGINE)]
    return found


__all__ = ["ENGINE", "PackageNotFoundError", "installed_dependencies"]
