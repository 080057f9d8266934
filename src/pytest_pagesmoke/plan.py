"""Settings x targets -> the list of checks of one run, before anything is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pytest_pagesmoke.checks.dist import DIST_CHECKS
from pytest_pagesmoke.model import DistCheck, DistSpec, LiveCheck, Probe, Seen, Target, in_test_id
from pytest_pagesmoke.settings import FILE_NAME, Settings
from pytest_pagesmoke.targets import Selection

DIST_TEST = "test_dist"
DIST_TARGET = "dist"


@dataclass(frozen=True, kw_only=True)
class PlannedLive:
    """One live check of one target. (`Any`: a check and its spec belong together, but differ from kind to kind.)

    ``file`` is the settings file as it stands in test ids.
    """

    target: Target
    check: LiveCheck[Any]
    spec: Any
    file: str = FILE_NAME

    def questions(self, seen: Seen) -> Iterable[Probe]:
        """What to ask, by what was seen."""
        return self.check.probes(self.spec, seen)

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
        """What stands in the brackets of the test id: the target's name and the subject."""
        return f"{in_test_id(self.target.name)}-{in_test_id(self.spec.id or self.spec.path)}"

    @property
    def id(self) -> str:
        return f"{self.file}::{self.test}[{self.param}]"


@dataclass(frozen=True, kw_only=True)
class PlannedDist:
    """One check of the build output."""

    check: DistCheck[DistSpec]
    spec: DistSpec
    file: str = FILE_NAME

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
        return f"{self.file}::{self.test}[{self.param}]"


Planned = PlannedLive | PlannedDist


def plan(settings: Settings, selection: Selection, *, file: str = FILE_NAME) -> tuple[Planned, ...]:
    """Every check of the run: the build output first, then target by target."""
    dist: list[PlannedDist] = []
    if selection.dist is not None:
        spec = replace(settings.dist, path=selection.dist)
        dist = [PlannedDist(check=check, spec=spec, file=file) for check in DIST_CHECKS]
    live = [
        PlannedLive(target=target, check=check, spec=spec, file=file)
        for target in selection.targets
        for check, spec in settings.checks_of(selection.declared.get(target.name)).live
    ]
    return (*dist, *live)
