"""What to check. This version reads no settings file: the incident's checklist is the settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.checks.health import HealthCheck, HealthSpec
from pytest_pagesmoke.checks.page import PageCheck, PageSpec
from pytest_pagesmoke.model import DistSpec, LiveCheck

#: The settings file, and the first part of every built-in check's id, whether or not it exists.
FILE_NAME: Final = "pagesmoke.toml"


class SetUpError(Exception):
    """The run is set up wrongly, in words for the user (exit status 4). Never raised for a bad site."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to check on every target, and in the build output. Times in seconds, sizes in bytes."""

    # One entry a check: the kind, and what it is to look at (`Any`: each kind has a spec of its own).
    live: tuple[tuple[LiveCheck[Any], Any], ...]
    dist: DistSpec
    timeout_s: float = 10.0
    concurrency: int = 16
    max_body_bytes: int = 10_485_760


def checklist(dist: Path) -> Settings:
    """The checklist that the incident ended with, for a site that has no settings of its own."""
    return Settings(
        live=(
            (PageCheck(), PageSpec(path="/")),
            (PageCheck(), PageSpec(path="/login")),
            (HealthCheck(), HealthSpec(path="/api/health/status")),
            (AssetCheck(), AssetSpec(path="/static/app.js")),
        ),
        dist=DistSpec(path=dist, worker_required=True, worker_min_bytes=102_400, routes_required=True),
    )


def refuse_settings_file(folder: Path) -> None:
    """Raise SetUpError where settings stand at or above ``folder``: what they ask must not silently go unchecked."""
    for place in (folder, *folder.parents):
        for found in (place / FILE_NAME, place / "pyproject.toml"):
            if found.is_file() and (found.name == FILE_NAME or _has_table(found)):
                raise SetUpError(
                    f"{found}: this version of pytest-pagesmoke reads no settings yet, and checking something else than they ask "
                    "would prove nothing. Move them away to check by the built-in checklist."
                )


def _has_table(pyproject: Path) -> bool:
    try:
        tool: object = tomllib.loads(pyproject.read_text("utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):  # somebody else's file: not ours to judge
        return False
    return isinstance(tool, Mapping) and "pagesmoke" in tool
