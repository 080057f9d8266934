"""Causes: each with a run that it fits and look-alikes that it does not; what to do next; how to see that it helped."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace

import pytest

from pytest_pagesmoke.addresses import kind_of
from pytest_pagesmoke.diagnose import Diagnosis, TargetRun, diagnose, verify_command
from pytest_pagesmoke.model import OWN_TEST, CheckRecord, Kind, Target

COLUMNS = {"page": "pages", "health": "health", "asset": "assets", "dist": "dist", "build": "build"}
HTML = "text/html"


def record(check: str, rule: str = "", **seen: object) -> CheckRecord:
    """A finished check, as ``page:/login``; without a rule it passed."""
    kind, _, path = check.partition(":")
    it = CheckRecord(
        id=f"pagesmoke.toml::test_{kind}[x-{path}]",
        test=f"test_{kind}",
        target="x",
        address="https://www.example.com",
        column=COLUMNS[kind],
        path=path,
        outcome="failed" if rule else "passed",
        rule=rule,
        status=200 if kind != "dist" else None,
        media_type=HTML if kind == "page" else "",
        body_bytes=100 if kind != "dist" else None,
    )
    return replace(it, **seen)  # type: ignore[arg-type]  # keyword arguments of several types


def run(
    *records: CheckRecord, name: str = "production", url: str = "https://www.example.com", planned: int = 0
) -> TargetRun:
    target = Target(name=name, url=url, kind=kind_of(url.partition("//")[2].partition(":")[0]))
    return TargetRun(name=name, address=url, target=target, planned=planned or len(records), records=records)


def local(*records: CheckRecord) -> TargetRun:
    target = Target(name="local", url="", kind=Kind.LOCAL)
    return TargetRun(
        name="local", address="http://127.0.0.1:8788", target=target, planned=len(records), records=records
    )


def dist(*records: CheckRecord, address: str = "dist", planned: int = 3) -> TargetRun:
    return TargetRun(name="dist", address=address, target=None, planned=planned, records=records)


def empty_404(check: str) -> CheckRecord:
    return record(check, f"{check.partition(':')[0]}-status", status=404, media_type="", body_bytes=0)


def page_404(check: str) -> CheckRecord:
    return record(check, f"{check.partition(':')[0]}-status", status=404, media_type=HTML, body_bytes=900)


PATHS = ("page:/", "page:/login", "health:/api/health/status", "asset:/static/app.js")
GOOD = tuple(record(path) for path in PATHS)
#: The incident: pages and the API answer 404 with nothing in it, the files of static/ are there.
LOST = (*map(empty_404, PATHS[:3]), record(PATHS[3]))
#: The same beside an index.html.
FALLBACK = (
    record(PATHS[0]),
    record(PATHS[1], "page-is-fallback"),
    record(PATHS[2], "health-not-json", media_type=HTML),
    record(PATHS[3], "asset-type", media_type=HTML),
)
GOOD_DIST = dist(record("dist:dist"), record("dist:worker"), record("dist:routes"))
LOST_DIST = dist(record("dist:dist"), record("dist:worker", "worker-missing"), record("dist:routes"))


#: Hand-written tests, which say no more than that.
OWN_GOOD, OWN_BAD, OWN_SKIPPED = (
    replace(record("page:"), id=f"test_own.py::test_{it}", test=OWN_TEST, column="own tests", outcome=it, status=None)
    for it in ("passed", "failed", "skipped")
)


def all_of(rule: str, **seen: object) -> tuple[CheckRecord, ...]:
    return tuple(record(path, rule, **seen) for path in PATHS)


def causes(*runs: TargetRun) -> list[str]:
    return [diagnosis.cause for diagnosis in diagnose(runs)]


def only(*runs: TargetRun) -> Diagnosis:
    (diagnosis,) = diagnose(runs)
    return diagnosis


# Verdicts.


def test_verdict() -> None:
    assert run(*GOOD).verdict == "GOOD"
    assert run(*LOST).verdict == "BROKEN"
    assert run(*GOOD, planned=5).verdict == "INCOMPLETE"
    assert run(*LOST, planned=5).verdict == "BROKEN"
    assert dist(planned=0).verdict == "INCOMPLETE"


def test_own_tests_count_for_the_verdict() -> None:
    assert run(OWN_GOOD).verdict == "GOOD"
    assert run(OWN_GOOD, OWN_SKIPPED).verdict == "GOOD"
    assert run(OWN_SKIPPED).verdict == "INCOMPLETE"  # nothing came to a verdict
    assert run(OWN_SKIPPED, *GOOD).verdict == "GOOD"
    assert run(OWN_GOOD, planned=2).verdict == "INCOMPLETE"
    assert run(OWN_BAD, OWN_GOOD, *GOOD).verdict == "BROKEN"
    assert run(OWN_BAD, planned=2).verdict == "BROKEN"


def test_own_tests_have_no_cause_of_their_own() -> None:
    """What they met is not known, so that nothing can be told from it."""
    assert causes(run(OWN_BAD)) == []
    assert causes(run(OWN_BAD, *GOOD)) == []
    assert causes(run(OWN_BAD, OWN_GOOD, OWN_SKIPPED, planned=4)) == []


def seen_from(place: str, records: Iterable[CheckRecord]) -> list[CheckRecord]:
    return [replace(one, seen_from=place) for one in records]


def test_a_cause_is_that_of_the_places_that_see_it() -> None:
    """Elsewhere the same site answers: in the sum it would be no cause, and nothing said."""
    unreached = [record(path, "unreachable", status=None) for path in PATHS]
    (diagnosis,) = diagnose([run(*seen_from("gw0", GOOD), *seen_from("gw1", unreached), *seen_from("gw2", unreached))])
    assert (diagnosis.cause, diagnosis.targets) == ("site-unreachable", ("production",))
    assert diagnosis.where == ("production as seen from gw1, gw2",)
    assert (diagnosis.explains, diagnosis.failed, len(diagnosis.evidence)) == (8, 8, 4)
    assert all(line.endswith("(in gw1, gw2)") for line in diagnosis.evidence)
    (everywhere,) = diagnose([run(*seen_from("gw0", unreached), *seen_from("gw1", unreached))])
    assert everywhere.where == ("production",)


@pytest.mark.parametrize("own", [OWN_GOOD, OWN_BAD, OWN_SKIPPED], ids=["passed", "failed", "skipped"])
@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (LOST, "no-worker"),
        (FALLBACK, "fallback-for-worker"),
        ((GOOD[0], *map(page_404, PATHS[1:])), "no-settings"),
        (tuple(record(path, "unreachable", status=None) for path in PATHS), "site-unreachable"),
        (tuple(record(path, "tls-invalid", status=None) for path in PATHS), "certificate"),
        (tuple(record(path, "access-login", status=302) for path in PATHS), "behind-access"),
    ],
)
def test_own_tests_hide_no_cause(broken: tuple[CheckRecord, ...], cause: str, own: CheckRecord) -> None:
    """What it does not explain counts among the failures."""
    alone, beside = only(run(*broken)), only(run(own, *broken))
    assert (beside.cause, beside.next) == (cause, alone.next)
    assert (beside.explains, beside.failed) == (alone.explains, alone.failed + (own is OWN_BAD))


def test_a_good_run_has_no_cause() -> None:
    assert diagnose([run(*GOOD), GOOD_DIST]) == []
    assert diagnose([run(*GOOD[:2], planned=4)]) == []
    assert diagnose([]) == []


# Each cause, and what only looks like it.


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(run(*LOST), id="the-incident"),
        pytest.param(run(*map(empty_404, PATHS)), id="no-files-either"),
        pytest.param(run(*LOST[1:2]), id="one-check-chosen"),
        pytest.param(run(*LOST[:2], planned=4), id="stopped-early"),
        pytest.param(local(*LOST), id="local"),
        pytest.param(LOST_DIST, id="build-output"),
    ],
)
def test_no_worker(broken: TargetRun) -> None:
    assert causes(broken) == ["no-worker"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(run(*LOST[:2], *GOOD[2:]), id="healthy"),
        pytest.param(run(GOOD[0], *LOST[1:3], page_404(PATHS[3])), id="home-is-good"),
        pytest.param(run(*map(page_404, PATHS)), id="the-site-says-not-found"),
        pytest.param(run(empty_404(PATHS[0]), page_404(PATHS[1]), empty_404(PATHS[2])), id="one-answer-with-a-body"),
        pytest.param(run(*(replace(it, status=405) for it in LOST[:3])), id="another-status"),
        pytest.param(run(GOOD[0], GOOD[1], GOOD[2], empty_404(PATHS[3])), id="one-file"),
        pytest.param(run(empty_404(PATHS[3])), id="only-a-file-was-asked-for"),
        pytest.param(run(*all_of("placeholder", status=404, body_bytes=0)), id="nothing-is-live"),
        pytest.param(dist(record("dist:dist"), record("dist:worker", "worker-too-small")), id="small-worker"),
        pytest.param(dist(record("dist:routes", "routes-missing")), id="no-routes"),
        pytest.param(
            dist(record("dist:dist", "dist-missing"), record("dist:worker", "worker-missing")), id="no-build-output"
        ),
        pytest.param(
            dist(record("dist:dist", "dist-empty"), record("dist:worker", "worker-missing")), id="empty-output"
        ),
    ],
)
def test_not_no_worker(other: TargetRun) -> None:
    assert "no-worker" not in causes(other)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(run(*FALLBACK), id="all"),
        pytest.param(run(*GOOD[:1], FALLBACK[1]), id="page"),
        pytest.param(run(*GOOD[:2], FALLBACK[2], GOOD[3]), id="health"),
        pytest.param(run(replace(FALLBACK[2], media_type="application/xhtml+xml")), id="xhtml"),
        pytest.param(local(*FALLBACK), id="local"),
    ],
)
def test_fallback_for_worker(broken: TargetRun) -> None:
    assert causes(broken) == ["fallback-for-worker"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(run(*GOOD[:3], FALLBACK[3]), id="one-stale-script"),
        pytest.param(run(*GOOD[:2], record(PATHS[2], "health-not-json", media_type="text/plain")), id="health-as-text"),
        pytest.param(run(*GOOD[:2], record(PATHS[2], "health-unhealthy")), id="unhealthy"),
        pytest.param(run(record(PATHS[1], "page-not-html")), id="no-page"),
        pytest.param(run(*LOST), id="nothing-at-all"),
    ],
)
def test_not_fallback_for_worker(other: TargetRun) -> None:
    assert "fallback-for-worker" not in causes(other)


@pytest.mark.parametrize(
    ("rule", "cause"),
    [
        ("worker-exception", "worker-throws"),
        ("access-login", "behind-access"),
        ("bot-challenge", "challenged"),
        ("rate-limited", "throttled"),
        ("placeholder", "no-such-deployment"),
    ],
)
def test_what_one_answer_proves(rule: str, cause: str) -> None:
    """One is enough, and explains itself only."""
    assert causes(run(*all_of(rule, status=500))) == [cause]
    mixed = only(run(*GOOD[:2], record(PATHS[2], rule, status=500), record(PATHS[3], "asset-empty")))
    assert (mixed.cause, mixed.explains, mixed.failed) == (cause, 1, 2)


def test_a_status_alone_proves_none_of_them() -> None:
    for status in (302, 403, 429, 500, 503):
        assert causes(run(*all_of("page-status", status=status))) == []


@pytest.mark.parametrize(
    ("rules", "cause"),
    [
        (["unreachable"], "site-unreachable"),
        (["timeout"], "site-unreachable"),
        (["unreachable", "timeout"], "site-unreachable"),
        (["tls-invalid"], "certificate"),
    ],
)
def test_what_only_all_answers_prove(rules: list[str], cause: str) -> None:
    """One answer that is the site's own speaks against it."""
    failed = [record(path, rules[index % len(rules)], status=None) for index, path in enumerate(PATHS)]
    assert causes(run(*failed)) == [cause]
    assert causes(run(*failed[:3], GOOD[3])) == []
    assert causes(run(*failed[:3], record(PATHS[3], "asset-status", status=500))) == []


def test_reset_and_garbled_are_not_unreachable() -> None:
    assert causes(run(*all_of("http-invalid", status=None))) == []
    assert causes(run(*all_of("local-not-ready", status=None))) == []


def test_a_deployment_that_is_gone() -> None:
    gone = replace(page_404("page:/"), tell="deployment-not-found")
    assert causes(run(gone)) == ["no-such-deployment"]
    assert causes(run(page_404("page:/"))) == []


@pytest.mark.parametrize(
    "blog",
    [
        pytest.param(run(GOOD[0], *map(page_404, PATHS[1:])), id="with-a-404-page"),
        pytest.param(run(GOOD[0], *map(empty_404, PATHS[1:])), id="without"),
        pytest.param(run(GOOD[0], GOOD[1], page_404(PATHS[2]), GOOD[3]), id="only-no-health"),
    ],
)
def test_no_settings(blog: TargetRun) -> None:
    assert causes(blog) == ["no-settings"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(run(*map(page_404, PATHS)), id="home-is-absent-too"),
        pytest.param(run(GOOD[0], page_404(PATHS[1]), GOOD[2], GOOD[3]), id="healthy"),
        pytest.param(run(GOOD[0], page_404(PATHS[2]), record(PATHS[3], "asset-empty")), id="something-is-broken"),
        pytest.param(run(GOOD[0], replace(page_404(PATHS[2]), status=503)), id="503"),
        pytest.param(run(page_404(PATHS[2])), id="home-was-not-asked-for"),
    ],
)
def test_not_no_settings(other: TargetRun) -> None:
    assert "no-settings" not in causes(other)


# Several targets, several causes.


def test_a_cause_is_said_once_for_all_targets_and_counts_what_it_explains() -> None:
    both = only(
        run(*LOST),
        GOOD_DIST,
        run(*LOST[:2], record(PATHS[3], "asset-empty"), name="www", url="https://www.example.net"),
    )
    assert both.targets == ("production", "www")
    assert (both.explains, both.failed) == (5, 6)


def test_the_build_output_and_the_site_share_a_cause() -> None:
    both = only(LOST_DIST, run(*LOST))
    assert both.targets == ("dist", "production")
    assert (both.explains, both.failed) == (4, 4)


def test_a_cause_counts_the_failures_of_its_own_targets() -> None:
    found = diagnose([run(*LOST), run(*all_of("bot-challenge"), name="www"), run(*GOOD, name="good")])
    assert [(it.cause, it.targets, it.explains, it.failed) for it in found] == [
        ("no-worker", ("production",), 3, 3),
        ("challenged", ("www",), 4, 4),
    ]


def test_the_same_step_is_said_once() -> None:
    steps = only(run(*LOST), run(*LOST, name="www", url="https://www.example.net")).next
    assert len(steps) == len(set(steps))


# What to do next.

HASH = "https://5be8c75c.example.pages.dev"
GOOD_BEFORE = run(*GOOD, name="5be8c75c", url=HASH)


def said(*runs: TargetRun) -> str:
    return "\n".join(step for diagnosis in diagnose(runs) for step in diagnosis.next)


def test_roll_back_to_a_good_deployment() -> None:
    for broken in (LOST, FALLBACK):
        steps = said(run(*broken), GOOD_BEFORE)
        assert "roll back to 5be8c75c" in steps
        assert "wrangler pages deployment list --project-name=example --environment=production" in steps
        assert "accounts/$CLOUDFLARE_ACCOUNT_ID/pages/projects/example/deployments/$DEPLOYMENT_ID/rollback" in steps
        assert "Authorization: Bearer $CLOUDFLARE_API_TOKEN" in steps
        assert "https://dash.cloudflare.com/" in steps


def test_another_projects_deployment_is_none_to_go_back_to() -> None:
    assert "roll back" not in said(run(*LOST, url="https://other.pages.dev"), GOOD_BEFORE)
    assert "roll back" in said(run(*LOST, url="https://example.pages.dev"), GOOD_BEFORE)


def test_each_good_deployment_is_one_to_go_back_to() -> None:
    steps = said(run(*LOST), GOOD_BEFORE, run(*GOOD, name="b", url="https://0a1b2c3d.example.pages.dev"))
    assert "roll back to 5be8c75c" in steps
    assert "roll back to 0a1b2c3d" in steps


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(run(*LOST, name="5be8c75c", url=HASH), id="broken"),
        pytest.param(run(*GOOD, name="5be8c75c", url=HASH, planned=5), id="incomplete"),
        pytest.param(run(*GOOD, name="new", url="https://new.example.pages.dev"), id="a-branch"),
        pytest.param(run(*GOOD, name="www", url="https://www.example.net"), id="another-domain"),
        pytest.param(run(*GOOD, name="main", url="https://example.pages.dev"), id="the-project"),
        pytest.param(local(*GOOD), id="local"),
        pytest.param(GOOD_DIST, id="build-output"),
    ],
)
def test_nothing_else_is_one_to_go_back_to(other: TargetRun) -> None:
    assert "roll back" not in said(run(*LOST), other)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(run(*LOST, name="new", url="https://new.example.pages.dev"), id="preview"),
        pytest.param(local(*LOST), id="local"),
        pytest.param(LOST_DIST, id="build-output"),
    ],
)
def test_only_production_is_rolled_back(broken: TargetRun) -> None:
    assert "roll back" not in said(broken, GOOD_BEFORE)


def test_a_command_that_does_not_exist_is_never_printed() -> None:
    """`wrangler pages deployment rollback`: people and machines invent it."""
    everything = [
        run(*LOST),
        run(*FALLBACK, name="a"),
        GOOD_BEFORE,
        LOST_DIST,
        local(*LOST),
        run(GOOD[0], *map(page_404, PATHS[1:]), name="b"),
        *(
            run(*all_of(rule), name=rule)
            for rule in ("worker-exception", "access-login", "bot-challenge", "rate-limited")
        ),
        *(run(*all_of(rule), name=rule) for rule in ("placeholder", "unreachable", "tls-invalid")),
    ]
    assert len(diagnose(everything)) == 10
    assert "pages deployment rollback" not in said(*everything)
    assert all(step.strip() and "\n" not in step for diagnosis in diagnose(everything) for step in diagnosis.next)


DO_NOT_DEPLOY = "do not deploy this build output: run the build again and read what it says"
SEE = "see whether the build output has its worker: pytest pagesmoke.toml --pagesmoke=dist"
AGAIN = "the build output here is good: deploy it again, to a preview first, and check that"


@pytest.mark.parametrize(
    ("runs", "step"),
    [
        pytest.param([run(*LOST)], SEE, id="not-looked-at"),
        pytest.param([run(*LOST), dist(GOOD_DIST.records[0])], SEE, id="not-looked-at-whole"),
        pytest.param([run(*LOST), LOST_DIST], DO_NOT_DEPLOY, id="bad"),
        pytest.param([LOST_DIST], DO_NOT_DEPLOY, id="alone"),
        pytest.param([run(*LOST), GOOD_DIST], AGAIN, id="good"),
        pytest.param([local(*LOST), GOOD_DIST], AGAIN, id="good-and-local"),
    ],
)
def test_a_lost_worker_is_looked_for_in_the_build_output(runs: list[TargetRun], step: str) -> None:
    assert only(*runs).next == (step,)


def test_a_fallback_may_be_meant() -> None:
    pin = "if it is a single-page application by intent, pin that: pytest --base-url=https://www.example.com --pagesmoke-init"
    assert said(run(*FALLBACK)).split("\n") == [SEE, pin]
    assert "pytest --pagesmoke=local --pagesmoke-init" in said(local(*FALLBACK))


def test_a_checklist_that_does_not_fit() -> None:
    steps = said(run(GOOD[0], *map(page_404, PATHS[1:])))
    assert "pytest --base-url=https://www.example.com --pagesmoke-init" in steps
    assert "pytest pagesmoke.toml --pagesmoke=dist" in steps
    assert "pytest --pagesmoke=local --pagesmoke-init" in said(local(GOOD[0], *map(page_404, PATHS[1:])))


def test_an_exception_is_read_where_it_is_written() -> None:
    thrown = all_of("worker-exception", status=500)
    assert "wrangler pages deployment tail" in said(run(*thrown))
    assert "wrangler pages deployment tail" not in said(local(*thrown))
    assert ".dev.vars" in said(local(*thrown))


def test_where_nothing_answers() -> None:
    silent = all_of("unreachable", status=None)
    assert "PROJECT.pages.dev" in said(run(*silent))
    assert said(run(*silent, name="local", url="http://127.0.0.1:8788")) == (
        "start the server that should answer there, or let pagesmoke start one: --pagesmoke=local"
    )


# How to see that it helped.

NAMED = run(*LOST, name="new", url="https://new.example.pages.dev")


@pytest.mark.parametrize(
    ("runs", "options"),
    [
        pytest.param([run(*LOST)], ["--base-url=https://www.example.com"], id="production"),
        pytest.param([run(*LOST), GOOD_DIST], ["--base-url=https://www.example.com"], id="only-what-failed"),
        pytest.param(
            [run(*LOST), GOOD_BEFORE, GOOD_DIST],
            [
                "--base-url=https://www.example.com",
                "--pagesmoke-same-as=https://5be8c75c.example.pages.dev",
                "--pagesmoke-settle=60",
            ],
            id="after-a-rollback",
        ),
        pytest.param(
            [replace(run(*LOST), settle_s=90.0, same_as="good"), GOOD_BEFORE],
            ["--base-url=https://www.example.com", "--pagesmoke-same-as=good", "--pagesmoke-settle=90"],
            id="as-this-run-was",
        ),
        pytest.param([NAMED], ["--pagesmoke=new=https://new.example.pages.dev"], id="named"),
        pytest.param([local(*LOST)], ["--pagesmoke=local"], id="local"),
        pytest.param([LOST_DIST], ["--pagesmoke=dist"], id="dist"),
        pytest.param([dist(*LOST_DIST.records, address="build")], ["--pagesmoke=build/"], id="a-folder"),
        pytest.param([dist(*LOST_DIST.records, address="my site")], ["--pagesmoke=my site/"], id="a-folder-to-quote"),
        pytest.param([run(*GOOD, planned=5)], ["--base-url=https://www.example.com"], id="incomplete"),
        pytest.param(
            [run(*LOST, url="https://www.example.com/a&b;c")],
            ["--base-url=https://www.example.com/a&b;c"],
            id="to-quote",
        ),
        pytest.param(
            [LOST_DIST, local(*LOST), NAMED, run(*LOST)],
            [
                "--pagesmoke=dist",
                "--pagesmoke=local",
                "--pagesmoke=new=https://new.example.pages.dev",
                "--base-url=https://www.example.com",
            ],
            id="all",
        ),
        pytest.param(
            [run(*LOST), run(*LOST, name="preview", url="https://new.example.pages.dev")],
            ["--base-url=https://www.example.com", "--pagesmoke=preview=https://new.example.pages.dev"],
            id="two-named-by-their-kind",
        ),
    ],
)
def test_verify(runs: list[TargetRun], options: list[str]) -> None:
    assert shlex.split(verify_command(runs)) == ["pytest", "pagesmoke.toml", *options]


def test_the_command_to_verify_shows_no_secret() -> None:
    target = Target(
        name="x", url="https://www.example.com", kind=Kind.PRODUCTION, headers={"Authorization": "Basic c2VjcmV0"}
    )
    assert "c2VjcmV0" not in verify_command([replace(run(*LOST), target=target)])


# To verify hand-written tests: those that failed, by the ids that they had.


def test_own_tests_are_verified_by_lf() -> None:
    both = [run(*GOOD, name="old"), run(OWN_BAD, *LOST, name="new", url="https://new.example.pages.dev")]
    assert verify_command(both) == "pytest --lf --pagesmoke=new=https://new.example.pages.dev"
    assert verify_command([dist(OWN_BAD, *GOOD_DIST.records)]) == "pytest --lf --pagesmoke=dist"
    assert verify_command([local(OWN_BAD)]) == "pytest --lf --pagesmoke=local"
    # Those that passed or were skipped are none to run again.
    assert verify_command([run(OWN_GOOD, *LOST)]) == "pytest pagesmoke.toml --base-url=https://www.example.com"


def test_own_tests_are_verified_with_the_ids_that_they_had() -> None:
    """A target called as its kind is asked for by --base-url elsewhere: here that would leave its name out of the ids."""
    named = run(OWN_BAD)
    assert verify_command([named]) == "pytest --lf --pagesmoke=production=https://www.example.com"
    assert (
        verify_command([named, run(*LOST, name="preview", url="https://new.example.pages.dev")]).count("=preview=") == 1
    )
    plain = replace(named, plain_ids=True)
    assert verify_command([plain]) == "pytest --lf --base-url=https://www.example.com"
    assert (
        verify_command([replace(plain, option="--pagesmoke=main")]) == "pytest --lf --base-url=https://www.example.com"
    )
    assert verify_command([replace(named, option="--pagesmoke=main")]) == "pytest --lf --pagesmoke=main"
    checks = replace(run(*LOST), plain_ids=True, option="--pagesmoke=main")
    assert verify_command([checks]) == "pytest pagesmoke.toml --pagesmoke=main"  # whose ids have the name in any case


# With settings.


def declared(*records: CheckRecord, option: str = "--pagesmoke=production") -> TargetRun:
    return replace(run(*records), option=option, by_checklist=False, command="pytest sites/shop/pagesmoke.toml")


def test_a_target_of_the_settings_is_verified_by_its_name() -> None:
    runs = [declared(*LOST), declared(*LOST, option="--pagesmoke=preview=https://new.example.pages.dev"), LOST_DIST]
    assert verify_command(runs[:2]) == (
        "pytest sites/shop/pagesmoke.toml --pagesmoke=production --pagesmoke=preview=https://new.example.pages.dev"
    )
    assert "see whether the build output has its worker: pytest sites/shop/pagesmoke.toml --pagesmoke=dist" in said(
        declared(*LOST)
    )


def test_settings_of_its_own_always_fit() -> None:
    """What a settings file names and the site has not, is missing."""
    absent = (GOOD[0], *map(page_404, PATHS[1:]))
    assert causes(run(*absent)) == ["no-settings"]
    assert causes(declared(*absent)) == []


def test_a_fallback_that_is_meant_is_said_in_the_settings() -> None:
    steps = said(declared(*FALLBACK))
    assert "spa = true in the settings" in steps
    assert "--pagesmoke-init" not in steps


@pytest.mark.parametrize(
    "rule",
    [
        "page-content",
        "asset-type",
        "linked-missing",
        "asset-differs",
        "answer-content",
        "answer-json",
        "not-found-status",
        "build-differs",
    ],
)
def test_a_stale_cache(rule: str) -> None:
    """What a cache answers is another time's; the same from the deployment itself has another cause."""
    stale = record(PATHS[0], rule, cached=True)
    assert causes(run(stale, *GOOD[1:])) == ["stale-cache"]
    assert "purge the zone's cache" in said(run(stale))
    assert "stale-cache" not in causes(run(replace(stale, cached=False), *GOOD[1:]))
    assert causes(run(replace(GOOD[0], cached=True), *GOOD[1:])) == []


# Another build than the one that was meant.

VERSION = "build:/version.json"
OTHER_BUILD = record(VERSION, "build-differs", other_build=True)


@pytest.mark.parametrize(
    "other", [OTHER_BUILD, record(PATHS[2], "health-unhealthy", other_build=True)], ids=["build", "health"]
)
def test_wrong_build(other: CheckRecord) -> None:
    assert causes(run(other, *GOOD[:2])) == ["wrong-build"]
    assert only(run(other, *GOOD[:2])).explains == 1
    # A copy of another time says nothing of what is live.
    assert causes(run(replace(other, cached=True), *GOOD[:2])) == ["stale-cache"]


@pytest.mark.parametrize(
    "silent",
    [
        record(VERSION, "build-differs"),
        record(VERSION, "build-differs", status=404, media_type=HTML),
        record(VERSION, "unreachable", status=None),
        record(PATHS[2], "health-unhealthy"),
        record(VERSION, other_build=True),
    ],
)
def test_a_site_that_does_not_say_its_build_may_be_the_right_one(silent: CheckRecord) -> None:
    assert "wrong-build" not in causes(run(silent, *GOOD[:2]))


def test_a_lost_worker_explains_that_it_does_not_say_its_build() -> None:
    lost = only(run(*LOST, record(VERSION, "build-differs", status=404, media_type="", body_bytes=0)))
    assert (lost.cause, lost.explains, lost.failed) == ("no-worker", 4, 4)


def test_where_the_wanted_build_is() -> None:
    steps = said(run(OTHER_BUILD))
    assert "npx wrangler pages deployment list" in steps
    assert "is not the project's production branch" in steps
    assert "--pagesmoke-settle=60" in steps
    preview = said(run(OTHER_BUILD, name="preview", url="https://new.example.pages.dev"))
    assert "production branch" not in preview
    assert "--pagesmoke-settle=60" in preview
    one = said(run(OTHER_BUILD, name="old", url="https://5be8c75c.example.pages.dev"))
    assert "this address is that of one deployment, for ever" in one
    assert "--pagesmoke-settle" not in one
    assert said(local(OTHER_BUILD)) == "build again, and start the server anew: what is served here is of another build"


def test_the_wanted_build_is_verified() -> None:
    bad, good = (
        replace(run(OTHER_BUILD), build="v1 'x'", build_typed=True),
        replace(run(*GOOD), build="abc1234", build_typed=True),
    )
    url = "--base-url=https://www.example.com"
    assert shlex.split(verify_command([good, bad])) == ["pytest", "pagesmoke.toml", url, "--pagesmoke-build=v1 'x'"]
    assert (
        shlex.split(verify_command([replace(run(*LOST, OWN_BAD), build="a", build_typed=True)]))[-1]
        == "--pagesmoke-build=a"
    )
    # The build output says nothing of it: with the option alone, that would be an error.
    assert verify_command([good, LOST_DIST]) == "pytest pagesmoke.toml --pagesmoke=dist"


@pytest.mark.parametrize("rule", ["page-status", "worker-exception", "page-slow"])
def test_what_a_cache_does_not_explain(rule: str) -> None:
    assert "stale-cache" not in causes(run(record(PATHS[0], rule, status=404, cached=True), *GOOD[1:]))


@pytest.mark.parametrize(
    ("headers", "step"),
    [
        ({}, "give this run a service token"),
        ({"X-Team": "a"}, "give this run a service token"),
        ({"cf-access-client-id": "id", "CF-Access-Client-Secret": "s"}, "the service token was sent and refused"),
    ],
)
def test_behind_access_with_and_without_a_token(headers: dict[str, str], step: str) -> None:
    broken = declared(*all_of("access-login", status=302))
    assert broken.target is not None
    broken = replace(broken, target=replace(broken.target, headers=headers))
    assert said(broken).startswith(step)


# Another build than the one that was meant.

DIFFERS = record(PATHS[3], "asset-differs")


def test_a_wrong_build() -> None:
    diagnosis = only(run(*GOOD[:3], DIFFERS), GOOD_DIST)
    assert (diagnosis.cause, diagnosis.explains, diagnosis.failed) == ("wrong-build", 1, 1)
    assert diagnosis.next[0].endswith("npx wrangler pages deployment list")
    assert "the commit that dist is to be of" in diagnosis.next[1]
    assert "./build" in said(run(DIFFERS), dist(address="./build"))


def test_a_cache_explains_some_of_it_only() -> None:
    found = diagnose([run(DIFFERS, replace(DIFFERS, id="x", cached=True))])
    assert [(it.cause, it.explains, it.failed) for it in found] == [("stale-cache", 1, 2), ("wrong-build", 1, 2)]
    assert causes(run(replace(DIFFERS, cached=True))) == ["stale-cache"]


def test_what_is_not_of_a_wrong_build() -> None:
    assert causes(run(*GOOD[:3], record(PATHS[3], "asset-empty"))) == []


def test_the_local_server_has_no_other_deployment() -> None:
    assert only(local(DIFFERS), GOOD_DIST).next == (
        "this server serves dist itself: see what answers those addresses in its files' place, the worker or functions/",
    )


def test_an_earlier_deployment_need_not_be_the_build_of_today() -> None:
    """In the incident, with `dist` beside the deployments: the one to go back to differs from it by nature."""
    older = run(*GOOD[:3], DIFFERS, name="5be8c75c", url=HASH)
    steps = said(LOST_DIST, run(*LOST), older)
    assert "roll back to 5be8c75c, which passes every check but that it is another build, if it is listed" in steps
    assert "but that it" not in said(run(*LOST), GOOD_BEFORE)
    for other in (replace(older, planned=5), run(*LOST[:3], DIFFERS, name="5be8c75c", url=HASH)):
        assert "roll back" not in said(run(*LOST), other)


def test_what_differs_is_verified_beside_the_build_output() -> None:
    """Without it the same site would pass."""
    assert verify_command([GOOD_DIST, run(*GOOD[:3], DIFFERS)]) == (
        "pytest pagesmoke.toml --pagesmoke=dist --base-url=https://www.example.com"
    )
    assert "dist" not in verify_command([GOOD_DIST, run(*LOST)])


def test_what_is_gone_back_to_is_another_build() -> None:
    """And is what production is to serve then: to be both it could never."""
    older = replace(run(*GOOD, OTHER_BUILD, name="5be8c75c", url=HASH), build="new", build_typed=True)
    command = verify_command([replace(run(*LOST), build="new", build_typed=True), older])
    assert "--pagesmoke-build" not in command
    assert f"--pagesmoke-same-as={HASH}" in command
    assert "--pagesmoke-build=new" in verify_command([replace(run(*LOST), build="new", build_typed=True)])


def test_a_replay_is_verified_by_a_replay() -> None:
    again = replace(run(*LOST), replay="a report.json")
    assert verify_command([again]) == "pytest pagesmoke.toml '--pagesmoke-replay=a report.json'"
    assert verify_command([replace(again, build="abc1234", build_typed=True)]).endswith(" --pagesmoke-build=abc1234")


def test_what_failed_is_told_in_the_order_of_collection() -> None:
    """Processes of xdist report in an order of their own."""
    late, early, unknown = (record(f"page:/{name}", "page-status", status=500) for name in "abc")
    of_run = replace(run(late, unknown, early), order={early.id: 0, late.id: 1})
    assert of_run.failed == (early, late, unknown)
