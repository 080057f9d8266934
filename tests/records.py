"""Finished checks of a preview, as reports see them: what they are made of where a test is about how they are said."""

from __future__ import annotations

from dataclasses import replace

from pytest_pagesmoke.diagnose import TargetRun
from pytest_pagesmoke.model import OWN_TEST, CheckRecord, Kind, Target


def record(path: str, rule: str = "", status: int | None = 200, **seen: object) -> CheckRecord:
    """A page's, of half a second; without a rule it passed."""
    it = CheckRecord(
        id=f"pagesmoke.toml::test_page[x-{path}]",
        test="test_page",
        target="x",
        address="https://www.example.com",
        column="pages",
        path=path,
        outcome="failed" if rule else "passed",
        rule=rule,
        expected="200" if rule else "",
        actual=str(status) if rule else "",
        status=status,
        body_bytes=0 if status == 404 else 100,
        started=1000.0,
        ended=1000.5,
    )
    return replace(it, **seen)  # type: ignore[arg-type]  # keyword arguments of several types


def run(*records: CheckRecord, name: str = "x", url: str = "https://www.example.com") -> TargetRun:
    target = Target(name=name, url=url, kind=Kind.PREVIEW)
    records = tuple(replace(one, target=name) for one in records)
    return TargetRun(name=name, address=url, target=target, planned=len(records), records=records)


#: A hand-written test that failed.
OWN = replace(record("", "r"), id="tests/test_site.py::test_x", test=OWN_TEST, column="own tests", rule="", status=None)
