"""The catalogue of errors: what a failure of each rule looks like, whole, in tests/failures/<rule>/expected.txt.

`make docs` (PAGESMOKE_REWRITE=1) writes the texts anew from the code: read the diff as someone woken at six.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_pagesmoke.addresses import kind_of
from pytest_pagesmoke.checks.dist import DIST_CHECKS
from pytest_pagesmoke.checks.page import IMPOSSIBLE
from pytest_pagesmoke.model import (
    Answer,
    Built,
    DistTree,
    Finding,
    Hop,
    Kind,
    NoAnswer,
    Observation,
    Probe,
    Reason,
    Target,
    WorkerFiles,
)
from pytest_pagesmoke.plan import DIST_TEST
from pytest_pagesmoke.registry import LIVE_CHECKS, of_the_run
from pytest_pagesmoke.say.failure import dist_failure, live_failure, one_line
from pytest_pagesmoke.say.waiting import how_it_was_asked
from pytest_pagesmoke.settings import checklist

FAILURES = Path(__file__).parent / "failures"
SETTINGS = checklist()
LIVE = {check.test: check for check in (*LIVE_CHECKS, *of_the_run())}
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
    spec = replace(SETTINGS.dist, **case.pop("dist", {}))
    worker = tree.pop("worker", None)
    found = DistTree(path="dist", worker=WorkerFiles(**worker) if worker else None, **tree)
    findings = [item for item in DIST[test].judge(spec, found) if isinstance(item, Finding)]
    return Case(findings, dist_failure(findings[0], folder=found.path))


def _live(test: str, case: dict[str, Any]) -> Case:
    check = LIVE[test]
    spec = _spec(check.spec, case)
    if "built" in case:
        spec = replace(spec, built=Built(**case.pop("built")))
    target = _target(case.pop("target"))
    own = next(iter(check.probes(spec, {})))
    seen: dict[Probe, Observation] = {own: _observed(case, target, own)}
    impossible = case.pop("impossible", {"status": 404})
    of_reference = case.pop("answer_of_reference", {})
    named = case.pop("named", {})
    while missing := [probe for probe in check.probes(spec, seen) if probe not in seen]:
        for probe in missing:
            if replace(probe, again=0) == own:
                seen[probe] = seen[own]
                continue
            answer = of_reference if probe.of_reference else impossible if probe in IMPOSSIBLE else named[probe.path]
            seen[probe] = _observed({"answer": dict(answer)}, target, probe)
    findings = [item for item in check.judge(spec, seen) if isinstance(item, Finding)]
    asked = how_it_was_asked(elapsed_s=seen[own].elapsed_s)
    block = live_failure(findings[0], target=target, probe=own, observation=seen[own], asked=asked)
    return Case(findings, block)


def _spec(kind: type, case: dict[str, Any]) -> Any:
    if "reference" in case:  # planned from other checks, not read from the settings
        return kind(probe=Probe(path=case.pop("path")), reference=case.pop("reference"))
    return kind(path=case.pop("path"), **case.pop("entry", {}))


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
