"""The catalogue of errors: what a failure of each rule looks like, whole, in tests/failures/<rule>/expected.txt.

`make docs` (PAGESMOKE_REWRITE=1) writes the texts anew from the code: read the diff as someone woken at six.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.checks.dist import DIST_CHECKS
from pytest_pagesmoke.checks.health import HealthCheck, HealthSpec
from pytest_pagesmoke.checks.page import PageCheck, PageSpec
from pytest_pagesmoke.model import (
    Answer,
    DistTree,
    Finding,
    Hop,
    Kind,
    LiveCheck,
    NoAnswer,
    Observation,
    Probe,
    Reason,
    Target,
    WorkerFiles,
)
from pytest_pagesmoke.plan import DIST_TEST
from pytest_pagesmoke.say.failure import dist_failure, live_failure, one_line
from pytest_pagesmoke.settings import checklist
from pytest_pagesmoke.targets import kind_of

FAILURES = Path(__file__).parent / "failures"
SETTINGS = checklist(Path("dist"))
LIVE: Mapping[str, tuple[LiveCheck[Any], type]] = {
    "test_page": (PageCheck(), PageSpec),
    "test_health": (HealthCheck(), HealthSpec),
    "test_asset": (AssetCheck(), AssetSpec),
}
DIST = {f"{DIST_TEST}[{check.part}]": check for check in DIST_CHECKS}


@dataclass(frozen=True)
class Case:
    """One folder of the catalogue: what was observed, judged and put in words."""

    findings: list[Finding]
    block: str


def load(folder: Path) -> Case:
    """Judge what ``case.toml`` says was observed. Every key of it must be one that is known here."""
    case = tomllib.loads((folder / "case.toml").read_text("utf-8"))
    assert case.pop("what"), "one line for whoever reads the catalogue"
    test = case.pop("test")
    loaded = _dist(test, case) if test in DIST else _live(test, case)
    assert case == {}, "keys that nothing reads"
    return loaded


def _dist(test: str, case: dict[str, Any]) -> Case:
    tree = case.pop("tree")
    worker = tree.pop("worker", None)
    found = DistTree(path="dist", worker=WorkerFiles(**worker) if worker else None, **tree)
    findings = [item for item in DIST[test].judge(SETTINGS.dist, found) if isinstance(item, Finding)]
    return Case(findings, dist_failure(findings[0], folder=found.path))


def _live(test: str, case: dict[str, Any]) -> Case:
    check, spec_type = LIVE[test]
    spec = spec_type(path=case.pop("path"))
    target = _target(case.pop("target"))
    own, *others = check.probes(spec)
    seen: dict[Probe, Observation] = {own: _observed(case, target, own)}
    if others:
        elsewhere = {"answer": case.pop("impossible", {"status": 404})}
        seen |= dict.fromkeys(others, _observed(elsewhere, target, others[0]))
    findings = [item for item in check.judge(spec, seen) if isinstance(item, Finding)]
    block = live_failure(findings[0], target=target, probe=own, observation=seen[own], timeout_s=SETTINGS.timeout_s)
    return Case(findings, block)


def _target(table: dict[str, str]) -> Target:
    url = table.pop("url")
    kind = kind_of(urlsplit(url).hostname or "") if url else Kind.LOCAL
    return Target(name=table.pop("name", str(kind)), url=url, kind=kind, **table)  # type: ignore[arg-type]  # what is left is an error


def _observed(case: dict[str, Any], target: Target, probe: Probe) -> Observation:
    """The answer, or what came of asking; `url` and `elapsed_s` have usual values."""
    usual = {"url": target.url + probe.path, "elapsed_s": 0.12}
    if "answer" in case:
        table = case.pop("answer")
        return Answer(**usual | table | {"body": table.get("body", "").encode()})
    table = case.pop("no_answer")
    hops = tuple(Hop(**hop) for hop in table.pop("hops", ()))
    return NoAnswer(**usual | table | {"reason": Reason(table["reason"]), "hops": hops})


@pytest.mark.parametrize("folder", sorted(FAILURES.iterdir()), ids=lambda folder: str(folder.name))
def test_failure(folder: Path) -> None:
    case = load(folder)
    assert [finding.rule.id for finding in case.findings] == [folder.name]
    assert case.block.startswith(one_line(case.findings[0]) + "\n\n")
    expected = folder / "expected.txt"
    if os.environ.get("PAGESMOKE_REWRITE") == "1":
        expected.write_text(case.block + "\n", "utf-8")
    assert case.block + "\n" == expected.read_text("utf-8")
