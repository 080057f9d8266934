"""The summary: one row a target, then why, what next, and how to verify. Whole texts, as a person sees them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pytest_pagesmoke.diagnose import TargetRun
from pytest_pagesmoke.model import OWN_TEST, CheckRecord, Kind, Target
from pytest_pagesmoke.say.summary import Entry, left_out, summarize
from pytest_pagesmoke.say.terminal import Line, entry_lines, lines

SETTINGS = "none, so the built-in checklist"
COLUMNS = {"/": "pages", "/login": "pages", "/api/health/status": "health", "/static/app.js": "assets"}
PATHS = tuple(COLUMNS)


def record(path: str, rule: str = "", status: int | None = 200, **seen: object) -> CheckRecord:
    """A finished check of half a second; without a rule it passed."""
    it = CheckRecord(
        id=path,
        test="test",
        target="x",
        address="https://www.example.com",
        column=COLUMNS.get(path, "dist"),
        path=path,
        outcome="failed" if rule else "passed",
        rule=rule,
        status=status,
        body_bytes=0 if status == 404 else 100,
        started=1000.0,
        ended=1000.5,
    )
    return replace(it, **seen)  # type: ignore[arg-type]  # keyword arguments of several types


def run(
    *records: CheckRecord, name: str = "production", url: str = "https://www.example.com", planned: int = 0
) -> TargetRun:
    target = Target(name=name, url=url, kind=Kind.PRODUCTION)
    return TargetRun(name=name, address=url, target=target, planned=planned or len(records), records=records)


def dist(*records: CheckRecord) -> TargetRun:
    return TargetRun(name="dist", address="dist", target=None, planned=len(records), records=records)


GOOD = tuple(map(record, PATHS))
LOST = (
    record("/", "page-status", 404),
    record("/login", "page-status", 404),
    record("/api/health/status", "health-status", 404),
    record("/static/app.js"),
)


def text(*runs: TargetRun, width: int = 200) -> str:
    return "\n".join(line.text for line in lines(summarize(runs, settings=SETTINGS), width=width))


def rows(*runs: TargetRun) -> list[list[str]]:
    """The table, cell by cell."""
    table = text(*runs).partition("\n\n")[0]
    return [re.split(" {2,}", row) for row in table.split("\n")]


def test_a_good_target() -> None:
    assert (
        text(run(*GOOD))
        == """\
target      address                  verdict  health   pages  assets  time
production  https://www.example.com  GOOD     healthy  2/2    1/1     0.5 s

settings  none, so the built-in checklist"""
    )


def test_the_incident() -> None:
    before = run(*GOOD, name="5be8c75c", url="https://5be8c75c.example.pages.dev")
    assert (
        text(run(*LOST), before)
        == """\
target      address                             verdict  health   pages  assets  time
production  https://www.example.com             BROKEN   404      0/2    1/1     0.5 s
5be8c75c    https://5be8c75c.example.pages.dev  GOOD     healthy  2/2    1/1     0.5 s

settings  none, so the built-in checklist
cause     no-worker: the worker is missing: without it every page and the API
          answer 404 with an empty body (production; explains 3 of 3 failures)
next      roll back to 5be8c75c, which passes every check, if it is listed as a production deployment; its whole id ($DEPLOYMENT_ID) is the one that begins so in
            npx wrangler pages deployment list --project-name=example --environment=production --json
            curl -X POST -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" "https://api.cloudflare.com/client/v4/accounts/$CLOUDFLARE_ACCOUNT_ID/pages/projects/example/deployments/$DEPLOYMENT_ID/rollback"
            or in the dashboard: https://dash.cloudflare.com/?to=/:account/pages/view/example
          see whether the build output has its worker: pytest pagesmoke.toml --pagesmoke=dist
verify    pytest pagesmoke.toml --base-url=https://www.example.com --pagesmoke-same-as=https://5be8c75c.example.pages.dev --pagesmoke-settle=60"""
    )


def test_failures_without_a_common_cause() -> None:
    health = record("/api/health/status", "health-unhealthy")
    assert (
        text(run(GOOD[0], health))
        == """\
target      address                  verdict  health     pages  time
production  https://www.example.com  BROKEN   unhealthy  1/1    0.5 s

settings  none, so the built-in checklist
next      read the failures: each says what usually causes it, and the fix
verify    pytest pagesmoke.toml --base-url=https://www.example.com"""
    )


def test_one_target_with_a_cause_and_one_without() -> None:
    shown = text(run(*LOST), run(record("/static/app.js", "asset-empty"), name="www", url="https://www.example.net"))
    assert shown.count("\nnext ") == 2
    assert shown.endswith(
        "next      read the failures: each says what usually causes it, and the fix\n"
        "verify    pytest pagesmoke.toml --base-url=https://www.example.com --pagesmoke=www=https://www.example.net"
    )


def test_a_target_that_never_reported() -> None:
    assert (
        text(run(*GOOD[:1], planned=4), run(name="www", planned=4))
        == """\
target      address                  verdict     pages  time
production  https://www.example.com  INCOMPLETE  1/1    0.5 s
www         https://www.example.com  INCOMPLETE  -      -

settings  none, so the built-in checklist
verify    pytest pagesmoke.toml --base-url=https://www.example.com --pagesmoke=www=https://www.example.com"""
    )


def test_the_build_output_has_a_column_of_its_own() -> None:
    lost = dist(record("dist"), record("worker", "worker-missing"), record("routes"))
    assert rows(lost, run(*GOOD)) == [
        ["target", "address", "verdict", "health", "pages", "assets", "dist", "time"],
        ["dist", "dist", "BROKEN", "-", "-", "-", "2/3", "0.5 s"],
        ["production", "https://www.example.com", "GOOD", "healthy", "2/2", "1/1", "-", "0.5 s"],
    ]


@pytest.mark.parametrize(
    ("rule", "status", "cell"),
    [
        ("", 200, "healthy"),
        ("health-status", 503, "503"),
        ("health-unhealthy", 200, "unhealthy"),
        ("health-not-json", 200, "not-json"),
        ("health-cached", 200, "cached"),
        ("timeout", None, "timeout"),
        ("access-login", 302, "access-login"),
    ],
)
def test_the_health_of_a_target_in_a_word(rule: str, status: int | None, cell: str) -> None:
    assert rows(run(record("/api/health/status", rule, status)))[1][3] == cell


def test_of_two_health_endpoints_the_bad_one_is_shown() -> None:
    shown = rows(run(record("/api/health/status"), record("/api/health/status", "health-status", 503)))
    assert shown[1][3] == "503"


def test_the_time_from_the_first_question_to_the_last_answer() -> None:
    late = record("/login", started=1002.0, ended=1003.25)
    assert rows(run(record("/"), late))[1][-1] == "3.2 s"


def test_warnings_stand_by_their_target() -> None:
    warned = record("/login", warnings=["the local server needed a second start", "not judged"])
    assert text(run(warned)).split("\n")[-2:] == [
        "warning   production /login: the local server needed a second start",
        "warning   production /login: not judged",
    ]


def test_what_a_server_said_is_made_harmless() -> None:
    warned = record("/login", warnings=["\x1b[31m::error::red\nline"])
    shown = text(run(warned, url="https://www.example.com/\x1b[31m"))
    assert "\x1b" not in shown
    assert "\\x1b[31m::error::red\\nline" in shown


def test_prose_fits_a_terminal_and_commands_stay_whole() -> None:
    long = "none, so the built-in checklist: " + "pages / and /login, " * 10
    table, _, rest = "\n".join(
        line.text for line in lines(summarize([run(*LOST)], settings=long), width=200)
    ).partition("\n\n")
    prose, _, commands = rest.partition("\nnext")
    assert "cause     no-worker: " in prose
    assert max(map(len, prose.split("\n"))) <= 80
    assert [line[10:] for line in f"next{commands}".split("\n")] == [
        "see whether the build output has its worker: pytest pagesmoke.toml --pagesmoke=dist",
        "pytest pagesmoke.toml --base-url=https://www.example.com",
    ]
    assert "checklist" not in table


def test_words_with_hyphens_stay_whole() -> None:
    shown = [line.text for line in lines(summarize([run(*GOOD)], settings="built-in " * 30), width=200)]
    assert not any(line.endswith("-") for line in shown)


def test_tones() -> None:
    shown = list(lines(summarize([run(*LOST), run(*GOOD, name="good")], settings=SETTINGS), width=200))
    assert [line.tone for line in shown[:3]] == ["", "bad", "good"]
    assert {line.tone for line in shown if line.text.startswith("cause")} == {"bad"}
    assert {line.tone for line in shown if line.text.startswith(("next", "verify", "settings"))} == {""}
    assert Line("a") == Line("a", "")


# Terminals that are not as wide as the table.

EVERY = ("build", "health", "pages", "assets", "linked", "answers", "redirects", "not found", "same as", "own tests")


def test_a_table_that_does_not_fit_is_laid_out_otherwise() -> None:
    """The address last, whole; what was checked below it, and what was not left out."""
    before = run(*GOOD, name="5be8c75c", url="https://5be8c75c.example.pages.dev")
    many = (record(f"/{name}", column=name) for name in EVERY)
    shown = text(run(*LOST, *many), before, width=60)
    assert (
        shown.partition("\n\n")[0]
        == """\
target      verdict  time   address
production  BROKEN   0.5 s  https://www.example.com
  build 1/1, health 404, pages 1/3, assets 2/2, linked 1/1,
  answers 1/1, redirects 1/1, not found 1/1, same as 1/1,
  own tests 1/1
5be8c75c    GOOD     0.5 s  https://5be8c75c.example.pages.dev
  health healthy, pages 2/2, assets 1/1"""
    )
    wide = text(run(*LOST, *many), before, width=200).partition("\n\n")[0]
    assert len(wide.split("\n")) == 3


def test_the_table_stays_one_where_it_just_fits() -> None:
    table = text(run(*GOOD)).partition("\n\n")[0].split("\n")
    widest = max(map(len, table))
    assert text(run(*GOOD), width=widest).split("\n")[:2] == table
    assert text(run(*GOOD), width=widest - 1).split("\n")[1] == "production  GOOD     0.5 s  https://www.example.com"


def test_tones_of_the_other_layout() -> None:
    shown = [*lines(summarize([run(*LOST), run(*GOOD, name="good")], settings=SETTINGS), width=40)]
    assert [line.tone for line in shown[:5]] == ["", "bad", "bad", "good", "good"]


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_what_is_no_command_fits(width: int) -> None:
    warned = record("/login", warnings=["word " * 60])
    shown = [line.text for line in lines(summarize([run(*LOST, warned)], settings="s" * 30 + " x" * 99), width=width)]
    prose = [line for line in shown if "pytest " not in line and "https://" not in line]
    assert max(map(len, prose)) <= max(width, 40)
    assert sum(line.startswith("warning") for line in shown) == 1


def test_a_long_word_stays_whole() -> None:
    """An address that is broken in two is none."""
    entry = Entry(label="warning", text=f"see https://www.example.com/{'x' * 90}")
    assert [line.text for line in entry_lines(entry, width=40)] == [
        "warning   see",
        f"          https://www.example.com/{'x' * 90}",
    ]


# Hand-written tests.


def own(outcome: str, *, ended: float = 1000.5) -> CheckRecord:
    it = record("", test=OWN_TEST, id=f"test_own.py::test_{outcome}", column="own tests", outcome=outcome, ended=ended)
    return replace(it, status=None)


def test_own_tests_have_the_last_column() -> None:
    """What passed, of what came to a verdict; what was skipped did not."""
    ran = (own("passed"), own("failed"), replace(own("passed"), id="test_own.py::test_too"), own("skipped"))
    lost = dist(own("passed"), record("worker", "worker-missing"))
    assert rows(lost, run(*GOOD, *ran), run(*GOOD, name="www"), run(own("skipped"), name="new")) == [
        ["target", "address", "verdict", "health", "pages", "assets", "dist", "own tests", "time"],
        ["dist", "dist", "BROKEN", "-", "-", "-", "0/1", "1/1", "0.5 s"],
        ["production", "https://www.example.com", "BROKEN", "healthy", "2/2", "1/1", "-", "2/3", "0.5 s"],
        ["www", "https://www.example.com", "GOOD", "healthy", "2/2", "1/1", "-", "-", "0.5 s"],
        ["new", "https://www.example.com", "INCOMPLETE", "-", "-", "-", "-", "-", "0.5 s"],
    ]


DESELECTED = left_out({("x", "why"): 1, ("y", "why"): 2}, {"so": "such"})


def test_own_tests_alone() -> None:
    """Without settings there is no line of them."""
    alone = run(own("failed", ended=1001.0), own("passed"))
    assert (
        "\n".join(line.text for line in lines(summarize([alone], settings="", notes=DESELECTED), width=200))
        == """\
target      address                  verdict  own tests  time
production  https://www.example.com  BROKEN   1/2        1.0 s

left out  1 own test on x: why
          2 own tests on y: why
marker    'so' is no kind, nor a target of this run or of the settings: did you mean 'such'?
next      read the failures of your own tests
verify    pytest --lf --pagesmoke=production=https://www.example.com"""
    )


def test_own_tests_that_passed_leave_nothing_to_do() -> None:
    assert text(run(own("passed"))).endswith(
        "own tests  time\nproduction  https://www.example.com  GOOD     1/1        0.5 s\n\nsettings  none, so the built-in checklist"
    )


def test_what_to_read_next() -> None:
    """Once, whichever failed; nothing for what a told cause may explain, which hand-written tests' failures are not known to be."""
    blocks = "next      read the failures: each says what usually causes it, and the fix"
    mine = "next      read the failures of your own tests"
    unhealthy = record("/api/health/status", "health-unhealthy")
    read = [line for line in text(run(GOOD[0], unhealthy, own("failed"))).split("\n") if line.startswith("next")]
    assert read == [blocks]
    other = run(own("failed"), name="www")
    assert [line for line in text(run(unhealthy), other).split("\n") if line.startswith("next")] == [blocks]
    told = text(run(*LOST, own("failed")))
    assert "explains 3 of 4 failures" in told
    assert mine in told
    assert mine in text(run(*LOST), other)


def test_what_the_marker_left_out() -> None:
    counts = {("main", "not on production"): 2, ("new", "only on main"): 1}
    assert left_out(counts, {"mian": "main"}) == [
        Entry(label="left out", text="2 own tests on main: not on production"),
        Entry(label="left out", text="1 own test on new: only on main", continues=True),
        Entry(
            label="marker", text="'mian' is no kind, nor a target of this run or of the settings: did you mean 'main'?"
        ),
    ]
    assert left_out({}, {}) == []
