"""Annotations: one a cause, else one a rule; each one command in one line, whatever a server sent."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

from pytest_pagesmoke.diagnose import TargetRun
from pytest_pagesmoke.redact import without_tokens
from pytest_pagesmoke.say.github import commands
from records import OWN, record, run

LOST = (record("/", "page-status", 404), record("/b", "page-status", 404))


def told(*runs: TargetRun) -> list[tuple[str, list[str]]]:
    """Title and lines of each, as GitHub reads them."""
    found = []
    for command in commands(runs):
        head, _, message = command.removeprefix("::error title=").partition("::")
        assert command.startswith("::error title=")
        assert not set(command) & set("\r\n")
        found.append((unquote(head), unquote(message).split("\n")))
    return found


def test_one_a_cause_rather_than_one_a_test() -> None:
    verify = "verify: pytest pagesmoke.toml --pagesmoke=x=https://www.example.com --pagesmoke=y=https://www.example.com"
    assert told(run(*LOST), run(*LOST, name="y")) == [
        (
            "pagesmoke: no-worker (x, y)",
            [
                "the worker is missing: without it every page and the API answer 404 with an empty body (x, y; explains 4 of 4 failures)",
                "next: see whether the build output has its worker: pytest pagesmoke.toml --pagesmoke=dist",
                verify,
            ],
        )
    ]


def test_what_no_cause_explains_is_told_by_its_rule() -> None:
    other = record("/c", "page-content", expected='"a"', actual="no such text", column="answers")
    assert [title for title, _ in told(run(*LOST, other), run(other, name="y"))] == [
        "pagesmoke: no-worker (x)",
        "pagesmoke: page-content (x, y)",
    ]
    ((_, lines),) = told(run(*(replace(other, id=f"test[{i}]") for i in range(7))))
    assert lines[:-1] == [
        *(f'test[{i}] - page-content: expected "a", got no such text' for i in range(5)),
        "and 2 more",
    ]


def test_tests_of_the_projects_own() -> None:
    assert told(run(record("/"), OWN)) == [
        (
            "pagesmoke: tests of your own failed",
            ["tests/test_site.py::test_x", "verify: pytest --lf --pagesmoke=x=https://www.example.com"],
        )
    ]


def test_what_came_to_no_verdict() -> None:
    ((title, lines),) = told(replace(run(record("/")), planned=2))
    assert (title, lines[0]) == ("pagesmoke: incomplete (x)", "not all that was to be checked came to a verdict")


def test_nothing_is_said_of_what_is_good() -> None:
    assert told(run(record("/"))) == []
    assert told() == []


def test_no_more_than_github_shows() -> None:
    many = [record("/", f"rule-{i}") for i in range(12)]
    found = told(run(*many))
    assert len(found) == 10
    assert found[-1][0] == "pagesmoke: and 3 more"
    assert found[-1][1][:-1] == ["rule-9 (x)", "rule-10 (x)", "rule-11 (x)"]
    assert [title for title, _ in told(run(*many[:10]))][-1] == "pagesmoke: rule-9 (x)"


def test_what_a_server_sent_begins_no_command() -> None:
    hostile = "\r\n::error title=x::y\u2028%0A::warning::z\x1b[2J,a:b"
    (command,) = commands([run(record("/", "page-content", actual=hostile))])
    assert command.isprintable()
    ((title, lines),) = told(run(record("/", "page-content", actual=hostile)))
    assert title == "pagesmoke: page-content (x)"
    assert lines[0].endswith(r"got \r\n::error title=x::y\u2028%0A::warning::z\x1b[2J,a:b")
    assert len(lines) == 2
    (command,) = commands([run(record("/", "page-content"), name="a,b:c%")])
    assert command.startswith("::error title=pagesmoke%3A page-content (a%2Cb%3Ac%25)::")


def test_secrets_are_struck_out_of_each_line() -> None:
    """And not out of all in one, where a token has no end."""
    leads = record("/", "page-status", 302, actual="302 to /a?token=abcdefghij")
    (command,) = commands([run(leads, record("/b", "page-status", 302))], kept=without_tokens)
    assert "token=***%0Apagesmoke.toml::test_page[x-/b] - page-status: " in command
    assert command.endswith("%0Averify: pytest pagesmoke.toml --pagesmoke=x=https://www.example.com")


def test_a_long_line_is_cut() -> None:
    (command,) = commands([run(record("/", "page-content", actual="x" * 100_000))])
    assert len(command) < 1000
