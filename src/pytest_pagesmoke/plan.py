"""Settings x targets -> the list of checks of one run, before anything is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from pytest_pagesmoke.checks.answer import AnswerCheck
from pytest_pagesmoke.checks.asset import AssetCheck
from pytest_pagesmoke.checks.build import BuildCheck, BuildSpec
from pytest_pagesmoke.checks.health import HealthCheck
from pytest_pagesmoke.checks.page import ACCEPT, PageCheck
from pytest_pagesmoke.model import DistCheck, DistSpec, LiveCheck, Probe, Recorded, Seen, Target, in_test_id
from pytest_pagesmoke.redact import without_tokens
from pytest_pagesmoke.settings import FILE_NAME, Settings
from pytest_pagesmoke.targets import Selection

DIST_TEST = "test_dist"
DIST_TARGET = "dist"


@dataclass(frozen=True, kw_only=True, repr=False)
class PlannedLive:
    """One live check of one target. (`Any`: a check and its spec belong together, but differ from kind to kind.)

    ``file`` is the settings file as it stands in test ids, ``reference`` the deployment that the target is compared with.
    """

    target: Target
    check: LiveCheck[Any]
    spec: Any
    reference: Target | Recorded | None = None
    file: str = FILE_NAME

    def __repr__(self) -> str:
        """The same in each run: reports that know a test by its parameters (allure) have its history from that."""
        return self.id

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
        return f"{in_test_id(self.target.name)}-{in_test_id(without_tokens(self.spec.id or self.spec.path))}"

    @cached_property
    def id(self) -> str:
        return f"{self.file}::{self.test}[{self.param}]"


@dataclass(frozen=True, kw_only=True, repr=False)
class PlannedDist:
    """One check of the build output."""

    check: DistCheck[DistSpec]
    spec: DistSpec
    file: str = FILE_NAME

    def __repr__(self) -> str:
        return self.id

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

    @cached_property
    def id(self) -> str:
        return f"{self.file}::{self.test}[{self.param}]"


Planned = PlannedLive | PlannedDist


def plan(
    settings: Settings,
    selection: Selection,
    *,
    file: str = FILE_NAME,
    builds: Mapping[str, str] | None = None,
    references: Mapping[str, Target | Recorded] | None = None,
    past_cache: str = "",
) -> tuple[Planned, ...]:
    """Every check of the run: the build output first, then target by target.

    ``builds`` are the commits that targets must be, by their names; any other is not asked which one it is. ``references`` are what targets are
    compared with, by their names, ``past_cache`` a query that no cache has seen yet.
    """
    dist: list[PlannedDist] = []
    if selection.dist is not None:
        from pytest_pagesmoke.checks.dist import DIST_CHECKS  # noqa: PLC0415 - a run of sites does without

        spec = replace(settings.dist, path=selection.dist)
        dist = [PlannedDist(check=check, spec=spec, file=file) for check in DIST_CHECKS]
    live: list[PlannedLive] = []
    builds = builds or {}
    for target in selection.targets:
        checks = settings.checks_of(selection.declared.get(target.name)).live
        its_own = [
            PlannedLive(target=target, check=check, spec=spec, file=file)
            for check, spec in _for_build(checks, builds.get(target.name, ""))
        ]
        live += its_own
        if references and (reference := references.get(target.name)) is not None:
            live += _compared(its_own, target, reference, file=file, past_cache=past_cache)
    return (*dist, *live)


def _compared(
    checks: Iterable[PlannedLive], target: Target, reference: Target | Recorded, *, file: str, past_cache: str
) -> Iterator[PlannedLive]:
    """What is compared of a target: all that its checks look at, each address once, and the home page with the files that it names."""
    from pytest_pagesmoke.checks.same_as import SameAsCheck, SameAsSpec  # noqa: PLC0415 - few runs compare

    home = Probe(path="/", accept=ACCEPT)
    address, file_of = (reference.address, reference.file) if isinstance(reference, Recorded) else (reference.url, "")
    make = partial(SameAsSpec, reference=address, recorded_in=file_of, past_cache=past_cache)
    asked = {
        next(iter(check.questions({}))): isinstance(check.check, AssetCheck)
        for check in checks
        if isinstance(check.check, PageCheck | AssetCheck | AnswerCheck | HealthCheck)
    }
    named = {probe.path for probe in asked}
    if home.path not in named and not (isinstance(reference, Recorded) and home not in reference.answers):
        asked = {home: False, **asked}
    specs: dict[str, SameAsSpec] = {}
    for probe, as_file in asked.items():
        if not probe.as_stranger:  # who meets Access, and not the site
            specs.setdefault(probe.path, make(probe=probe, as_file=as_file, with_named=probe.path == home.path))
    for spec in sorted(specs.values(), key=lambda spec: not spec.with_named):
        yield PlannedLive(target=target, check=SameAsCheck(), spec=spec, file=file, reference=reference)


def without_build(settings: Settings, selection: Selection) -> list[str]:
    """The names of the targets that no `build` of the settings is for: where they say which build they are is not known."""
    names = [target.name for target in selection.targets]
    return [name for name in names if not settings.has(BuildCheck.key, selection.declared.get(name))]


def _for_build(live: Iterable[tuple[LiveCheck[Any], Any]], commit: str) -> Iterator[tuple[LiveCheck[Any], Any]]:
    """The checks of a target, with the commit that it must be. (`Any`: specs of all kinds.)"""
    for check, spec in live:
        if not isinstance(spec, BuildSpec):
            yield check, spec
        elif commit:
            yield check, replace(spec, commit=commit)
