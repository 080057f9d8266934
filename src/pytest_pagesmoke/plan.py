"""Settings x targets -> the list of checks of one run, before anything is asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pytest_pagesmoke.checks.dist import DIST_CHECKS
from pytest_pagesmoke.model import DistCheck, DistSpec, LiveCheck, Target
from pytest_pagesmoke.settings import FILE_NAME, Settings
from pytest_pagesmoke.targets import Selection

DIST_TEST = "test_dist"
DIST_TARGET = "dist"


@dataclass(frozen=True, kw_only=True)
class PlannedLive:
    """One live check of one target. (`Any`: a check and its spec belong together, but differ from kind to kind.)"""

    target: Target
    check: LiveCheck[Any]
    spec: Any

    @property
    def row(self) -> str:
        """The name of the summary's row that it counts for."""
        return self.target.name

    @property
    def address(self) -> str:
        """What is looked at, for the summary; empty for a server that is still to be started."""
        return self.target.url

    @property
    def test(self) -> str:
        return self.check.test

    @property
    def param(self) -> str:
        """What stands in the brackets of the test id: the target's name and the subject, percent-encoded.

        ASCII throughout: pytest escapes anything else in an id its own way, and what it then reports is not found here.
        """
        return f"{quote(self.target.name)}-{quote(self.check.subject(self.spec), safe='/%?=&+,;:@!~*$')}"

    @property
    def id(self) -> str:
        return f"{FILE_NAME}::{self.test}[{self.param}]"


@dataclass(frozen=True, kw_only=True)
class PlannedDist:
    """One check of the build output."""

    check: DistCheck[DistSpec]
    spec: DistSpec

    @property
    def row(self) -> str:
        return DIST_TARGET

    @property
    def address(self) -> str:
        return self.spec.path.as_posix()

    @property
    def test(self) -> str:
        return DIST_TEST

    @property
    def param(self) -> str:
        return self.check.part

    @property
    def id(self) -> str:
        return f"{FILE_NAME}::{self.test}[{self.param}]"


Planned = PlannedLive | PlannedDist


def plan(settings: Settings, selection: Selection) -> tuple[Planned, ...]:
    """Every check of the run: the build output first, then target by target."""
    dist = [PlannedDist(check=check, spec=settings.dist) for check in DIST_CHECKS] if selection.dist is not None else []
    live = [
        PlannedLive(target=target, check=check, spec=spec)
        for target in selection.targets
        for check, spec in settings.live
    ]
    return (*dist, *live)
