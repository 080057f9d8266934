"""Runs of their own process, plain and under xdist."""

from __future__ import annotations

import pytest

from kit import Pytest


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Pytest:
    """Run pytest in a process of its own, in an empty folder, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")  # pytest cuts the lines of its summary to the terminal
    return lambda *args: pytester.runpytest_subprocess(*args, timeout=60)


@pytest.fixture(params=[(), ("-n", "2")], ids=["plain", "xdist"])
def run_both(request: pytest.FixtureRequest, run: Pytest) -> Pytest:
    """The same, once plain and once under xdist."""
    return lambda *args: run(*args, *request.param)
