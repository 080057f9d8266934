"""Whether JSON has the values that are wanted."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_pagesmoke.checks import values

BODY: dict[str, Any] = {
    "status": "ok",
    "db": {"ok": True, "lag": 0, "hosts": ["a", {"name": "b"}]},
    "db.primary": {"ok": False, "zone.eu": 7},
    "0": "zero",
    "none": None,
    "errors": [],
    "parts": {},
}


@pytest.mark.parametrize(
    "expected",
    [
        {"status": "ok"},
        {"status": ["healthy", "ok"]},
        {"db.ok": True},
        {"db": {"ok": True, "lag": 0}},
        {"db": {"ok": [False, True]}, "status": "ok"},
        {"db.lag": 0.0},
        {"db.hosts.0": "a"},
        {"db.hosts.1.name": "b"},
        {"db": {"hosts": {"1": {"name": "b"}}}},
        {"db.primary.ok": False},
        {"db.primary": {"zone.eu": 7}},
        {"db.primary.zone.eu": 7},
        {"0": "zero"},
        {"errors": []},
        {"parts": {}},
        {"errors": [1, []]},
        {"none": [None]},
        {"db.hosts": [["a", {"name": "b"}]]},
    ],
)
def test_like(expected: dict[str, Any]) -> None:
    assert values.unlike(BODY, expected) is None


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"status": "OK"}, ('status: "OK"', 'status: "ok"')),
        ({"status": ["up", "pass"]}, ('status: "up" or "pass"', 'status: "ok"')),
        ({"status": "ok", "db": {"lag": 1}}, ("db.lag: 1", "db.lag: 0")),
        ({"db.ok": 1}, ("db.ok: 1", "db.ok: true")),
        (
            {"db": [{"ok": 1, "lag": 0, "hosts": ["a", {"name": "b"}]}]},
            (
                'db: {"ok": 1, "lag": 0, "hosts": ["a", {"name": "b"}]}',
                'db: {"ok": true, "lag": 0, "hosts": ["a", {"name": "b"}]}',
            ),
        ),
        ({"db.hosts": [["a"]]}, ('db.hosts: ["a"]', 'db.hosts: ["a", {"name": "b"}]')),
        ({"db.lag": False}, ("db.lag: false", "db.lag: 0")),
        ({"db.lag": "0"}, ('db.lag: "0"', "db.lag: 0")),
        ({"none": False}, ("none: false", "none: null")),
        ({"missing": [None, ""]}, ('missing: null or ""', "missing: absent")),
        ({"db.hosts.2": "a"}, ('db.hosts.2: "a"', "db.hosts.2: absent")),
        ({"db.hosts.-1": "a"}, ('db.hosts.-1: "a"', "db.hosts.-1: absent")),
        ({"db.hosts.name": "b"}, ('db.hosts.name: "b"', "db.hosts.name: absent")),
        ({"status.0": "o"}, ('status.0: "o"', "status.0: absent")),
        ({"db.primary.zone": 7}, ("db.primary.zone: 7", "db.primary.zone: absent")),
        ({"db": {}}, ("db: {}", 'db: {"ok": true, "lag": 0, "hosts": ["a", {"name": "b"}]}')),
        ({"db.hosts": []}, ("db.hosts: []", 'db.hosts: ["a", {"name": "b"}]')),
        ({"parts": []}, ("parts: []", "parts: {}")),
        ({f"db.hosts.{'9' * 5_000}": 1}, (f"db.hosts.{'9' * 5_000}: 1", f"db.hosts.{'9' * 5_000}: absent")),
    ],
)
def test_unlike(expected: dict[str, Any], told: tuple[str, str]) -> None:
    found = values.unlike(BODY, expected)
    assert found is not None
    assert (found.expected, found.actual) == told


@pytest.mark.parametrize("body", [None, True, "ok", 1, [], ["status"], {}])
def test_a_body_that_says_nothing(body: object) -> None:
    found = values.unlike(body, {"status": "ok"})
    assert found is not None
    assert (found.expected, found.actual) == ('status: "ok"', "status: absent")


def test_a_body_that_is_a_list() -> None:
    assert values.unlike([{"ok": True}], {"0.ok": True}) is None


# A part of it.


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"status": "ok"},
        {"db": {"lag": 0}},
        {"db": {"hosts": ["a", {}]}},
        {"errors": []},
        {"parts": {}},
        {"db.primary": {"ok": False}},
    ],
)
def test_contained(part: dict[str, Any]) -> None:
    assert values.missing_part(BODY, part) is None


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"status": "no"}, ('status: "no"', 'status: "ok"')),
        ({"status": ["ok"]}, ('status: ["ok"]', 'status: "ok"')),
        ({"status": {}}, ("status: {}", 'status: "ok"')),
        ({"db": {"ok": 1}}, ("db.ok: 1", "db.ok: true")),
        ({"db": {"hosts": ["a"]}}, ('db.hosts: ["a"]', 'db.hosts: ["a", {"name": "b"}]')),
        ({"db": {"hosts": ["a", {"name": "c"}]}}, ('db.hosts.1.name: "c"', 'db.hosts.1.name: "b"')),
        ({"db": {"hosts": [{"name": "b"}, "a"]}}, ('db.hosts.0: {"name": "b"}', 'db.hosts.0: "a"')),
        ({"db": True}, ("db: true", 'db: {"ok": true, "lag": 0, "hosts": ["a", {"name": "b"}]}')),
        ({"db.ok": True}, ("db.ok: true", "db.ok: absent")),
        ({"status": "ok", "missing": None}, ("missing: null", "missing: absent")),
    ],
)
def test_not_contained(part: dict[str, Any], told: tuple[str, str]) -> None:
    found = values.missing_part(BODY, part)
    assert found is not None
    assert (found.expected, found.actual) == told


@pytest.mark.parametrize("body", [[], "ok", None, [{"status": "ok"}]])
def test_a_part_of_something_else(body: object) -> None:
    found = values.missing_part(body, {"status": "ok"})
    assert found is not None
    assert (found.expected, found.actual) == ('{"status": "ok"}', values.shown(body))


@pytest.mark.parametrize(
    ("value", "text"), [("\u00fc", '"\u00fc"'), ("x" * 58, f'"{"x" * 58}"'), ("x" * 59, f'"{"x" * 58}\u2026')]
)
def test_shown(value: str, text: str) -> None:
    assert values.shown(value) == text


COMMIT, OTHER = "5be8c75c0ffee0d15ea5e1234567890abcdef012", "0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a"


@pytest.mark.parametrize(
    ("actual", "wanted", "other"),
    [
        (OTHER, COMMIT, True),
        (OTHER[:7], COMMIT, True),
        ("1" * 40, "2" * 40, True),  # a whole hash may be all digits
        (OTHER, [COMMIT, "a" * 40], True),
        (COMMIT[:7], COMMIT, False),  # the same, abbreviated
        (OTHER[:7], [COMMIT, OTHER], False),
        ("1234567", "7654321", False),  # numbers
        (OTHER, [COMMIT, "unknown"], False),
        ("unknown", COMMIT, False),
        (OTHER, "healthy", False),
        (1234567, COMMIT, False),
        (None, COMMIT, False),
        (COMMIT, COMMIT, False),
        (COMMIT, [COMMIT, OTHER], False),
    ],
)
def test_another_commit(actual: object, wanted: object, other: bool) -> None:
    found = values.unlike({"ok": True, "build": {"commit": actual}}, {"build": {"commit": wanted}})
    assert (found is not None and found.is_other_commit) is other


def test_another_commit_is_told_where_it_is_the_first_that_differs() -> None:
    def is_other(body: object, expected: dict[str, Any]) -> bool:
        found = values.unlike(body, expected)
        assert found is not None
        return found.is_other_commit

    body = {"ok": False, "commit": OTHER}
    assert not is_other(body, {"ok": True, "commit": COMMIT})
    assert is_other(body, {"commit": COMMIT, "ok": True})
    assert not is_other({}, {"commit": COMMIT})
