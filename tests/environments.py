"""Pythons that differ in which pytest plugins are installed, not merely blocked; and a browser. `make test` installs both."""

from __future__ import annotations

import os
import platform
import sysconfig
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from kit import ROOT

#: Gives the Python of an environment in which, of the plugins that can be left out, those named are installed. "oldest" among
#: the names is the oldest pytest that we work with.
Environment = Callable[..., Path]

#: What an environment has only if it is named, with what comes along for it alone.
_OPTIONAL = {
    "allure-pytest": {"allure-pytest", "allure-python-commons"},
    "hypothesis": {"hypothesis", "sortedcontainers"},
    "pytest-asyncio": {"pytest-asyncio"},
    "pytest-base-url": {"pytest-base-url"},
    "pytest-cov": {"pytest-cov", "coverage"},
    "pytest-html": {"pytest-html", "pytest-metadata", "jinja2", "markupsafe"},
    "pytest-httpx": {"pytest-httpx"},
    "pytest-playwright": {"pytest-playwright", "playwright", "greenlet", "python-slugify", "text-unidecode"},
    "pytest-randomly": {"pytest-randomly"},
    "pytest-rerunfailures": {"pytest-rerunfailures"},
    "pytest-socket": {"pytest-socket"},
    "pytest-sugar": {"pytest-sugar", "termcolor"},
    "pytest-timeout": {"pytest-timeout"},
    "respx": {"respx"},
}
_NEIGHBOURS = ROOT / ".venv" / "neighbours"
_OLDEST = ROOT / ".venv" / "oldest"
_CHROMIUM = ROOT / ".venv" / "chromium"

needs_browser = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="tests/browser has a Chromium for Linux on x86_64 only",
)

#: A conftest's fixture by which pytest-playwright starts that browser: as root, too, and on a machine without its libraries.
LAUNCH = f"""
import os, pytest
@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {{
        **browser_type_launch_args,
        "executable_path": {str(_CHROMIUM / "chromium")!r},
        "chromium_sandbox": False,
        "env": {{**os.environ, "LD_LIBRARY_PATH": {str(_CHROMIUM / "lib")!r}, "FONTCONFIG_PATH": {str(_CHROMIUM)!r}}},
        "args": ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                 "--disable-sync"],
    }}
"""


def build(folder: Path, plugins: frozenset[str]) -> Path:
    """Make an environment with these of the optional plugins, and return its Python.

    All that it holds are links into the environment that runs the tests, and into the folder of neighbours.
    """
    assert (_NEIGHBOURS / "ready").exists(), "run `make test`, which installs pytest-playwright and pytest-asyncio"
    unknown = plugins - _OPTIONAL.keys() - {"oldest"}
    assert not unknown, f"{unknown} cannot be chosen"
    left_out = {name for plugin in _OPTIONAL.keys() - plugins for name in _OPTIONAL[plugin]}
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    newest = (Path(sysconfig.get_path("purelib")), _NEIGHBOURS)
    oldest = (_OLDEST,) if "oldest" in plugins else ()
    for installed in (*oldest, *newest):
        without = {"__pycache__", "ready", "bin", "include", *_entries(installed, left_out)}
        for entry in installed.iterdir():
            # What a plugin needs may stand in both, in one and the same version: its lock is made with the other's pins.
            if entry.name not in without and not (packages / entry.name).exists():
                (packages / entry.name).symlink_to(entry)
        if installed in oldest:
            left_out |= {_name(distribution) for distribution in distributions(path=[str(installed)])}
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def _entries(packages: Path, names: set[str]) -> Iterator[str]:
    """The files and folders at the top of these packages that belong to the distributions named."""
    for distribution in distributions(path=[str(packages)]):
        if _name(distribution) in names:
            yield from {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}


def _name(distribution: Distribution) -> str:
    return distribution.metadata["Name"].lower().replace("_", "-")
