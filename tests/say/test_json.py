"""The JSON report, made of records: no run, no site."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hatchling.builders.wheel import WheelBuilder

from kit import ROOT
from pytest_pagesmoke.diagnose import TargetRun
from pytest_pagesmoke.model import OWN_TEST, REPORTED_BYTES, Answer, CheckRecord, Kind, NoAnswer, Probe, Reason, Target
from pytest_pagesmoke.recorded import MAX_BODIES_BYTES, Entry, entry
from pytest_pagesmoke.redact import NO_SECRETS, Secrets
from pytest_pagesmoke.say.json import report, text
from reports import SCHEMA, strict, valid

SITE = "https://www.example.com"
TARGET = Target(name="site", url=SITE, kind=Kind.PRODUCTION)
PASSED = CheckRecord(
    id="pagesmoke.toml::test_page[site-/]",
    test="test_page",
    target="site",
    address=SITE,
    column="pages",
    path="/",
    outcome="passed",
    status=200,
    started=10.0,
    ended=11.5,
)
FAILED = replace(
    PASSED, id="f", outcome="failed", rule="page-status", expected="200", actual="404", status=404, body_bytes=0
)
SKIPPED = replace(PASSED, id="s", outcome="skipped", actual="not now", attempts=0, status=None)
NOT_RUN = replace(SKIPPED, id="n", outcome="not-run", actual="")
OWN = replace(PASSED, id="o", test=OWN_TEST, path="", column="own tests", status=None)


def run(*records: CheckRecord, unfinished: tuple[CheckRecord, ...] = (), **more: Any) -> TargetRun:
    """(`Any`: keyword arguments of several types.)"""
    planned = len(records) + len(unfinished)
    it = TargetRun(name="site", address=SITE, target=TARGET, planned=planned, records=records, unfinished=unfinished)
    return replace(it, **more)


def dist(*records: CheckRecord) -> TargetRun:
    return run(*records, name="dist", address="dist", target=None)


def said(*runs: TargetRun, seen: dict[str, list[Entry]] | None = None, secrets: Secrets = NO_SECRETS) -> Any:
    """The report of these, held to the schema. (`Any`: JSON's values.)"""
    return valid(
        text(
            report(
                runs,
                started=1_795_680_000.25,
                ended=1_795_680_002.0,
                settings="pagesmoke.toml",
                kept=secrets.out_of_kept,
                entries_of=lambda record: (seen or {}).get(record.id, []),
            )
        )
    )


def kept(path: str = "/", body: bytes = b"<h1>Hi</h1>", **headers: str) -> Entry:
    answer = Answer(url=SITE + path, status=200, headers=headers, body=body, elapsed_s=0.25, http_version="HTTP/2")
    return entry(Probe(path=path), answer, secrets=NO_SECRETS)


def test_the_head() -> None:
    document = said(run(PASSED))
    assert (document["schema"], document["verdict"], document["settings"]) == (1, "good", "pagesmoke.toml")
    assert (document["started"], document["duration_s"]) == ("2026-11-26T08:00:00.250Z", 1.75)
    assert (document["dist"], document["replay_of"], document["diagnosis"]) == (None, None, [])


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], "incomplete"),
        ([run(PASSED)], "good"),
        ([run(PASSED), run(PASSED, unfinished=(NOT_RUN,))], "incomplete"),
        ([run(PASSED), dist(FAILED)], "broken"),
        ([run(PASSED, unfinished=(NOT_RUN,)), run(FAILED)], "broken"),
        ([run(unfinished=(SKIPPED,))], "incomplete"),
    ],
)
def test_the_verdict_is_that_of_the_worst(runs: list[TargetRun], expected: str) -> None:
    assert said(*(replace(one, name=f"{i}") for i, one in enumerate(runs)))["verdict"] == expected


def test_a_check_with_its_own_answer() -> None:
    own, other = kept(server="cloudflare", etag="x"), kept("/no-such", b"")
    (check,) = said(run(replace(PASSED, warnings=["old"], xdist_worker="gw1")), seen={PASSED.id: [own, other]})[
        "targets"
    ][0]["checks"]
    assert check == {
        "id": "pagesmoke.toml::test_page[site-/]",
        "test": "test_page",
        "path": "/",
        "outcome": "passed",
        "rule": None,
        "expected": None,
        "actual": None,
        "attempts": 1,
        "settled_after_s": None,
        "flapped": False,
        "given_up": None,
        "elapsed_s": 0.25,
        "status": 200,
        "headers": {"server": "cloudflare"},
        "http_version": "HTTP/2",
        "sha256": own["sha256"],
        "warnings": ["old"],
        "xdist_worker": "gw1",
        "seen_from": None,
        "observations": [0, 1],
    }


@pytest.mark.parametrize(
    ("record", "rule", "expected", "actual", "elapsed_s"),
    [
        (PASSED, None, None, None, 1.5),
        (FAILED, "page-status", "200", "404", 1.5),
        (replace(FAILED, expected="", actual=""), "page-status", "", None, 1.5),
        (SKIPPED, None, None, "not now", None),
        (NOT_RUN, None, None, None, None),
        (OWN, None, None, None, 1.5),
        (replace(OWN, outcome="failed"), None, None, None, 1.5),
        (replace(OWN, outcome="skipped"), None, None, None, None),
    ],
)
def test_each_outcome(
    record: CheckRecord, rule: str | None, expected: str | None, actual: str | None, elapsed_s: float | None
) -> None:
    (check,) = said(run(record))["targets"][0]["checks"]
    assert check["outcome"] == record.outcome
    assert (check["rule"], check["expected"], check["actual"]) == (rule, expected, actual)
    assert check["elapsed_s"] == elapsed_s


def test_without_an_answer() -> None:
    absent = NoAnswer(url=SITE, reason=Reason.TIMEOUT, text="no complete answer", elapsed_s=10.0)
    seen = {FAILED.id: [entry(Probe(path="/"), absent, secrets=NO_SECRETS)]}
    (target,) = said(run(replace(FAILED, status=None)), seen=seen)["targets"]
    check = target["checks"][0]
    assert (check["status"], check["headers"], check["sha256"], check["elapsed_s"]) == (None, {}, None, 10.0)
    assert target["observations"][0]["no_answer"]["reason"] == "timeout"


def test_an_answer_stands_there_once_and_two_answers_to_one_question_are_two() -> None:
    one, again = kept(), kept()
    records = [replace(PASSED, id=name) for name in "abc"]
    (target,) = said(run(*records), seen={"a": [one], "b": [again, one], "c": [one]})["targets"]
    assert [check["observations"] for check in target["checks"]] == [[0], [1, 0], [0]]
    assert len(target["observations"]) == 2


def test_checks_stand_in_the_order_of_collection_whoever_finished_first() -> None:
    names = ["test_own.py::b", "pagesmoke.toml::test_page[a]", "test_own.py::a", "never"]
    end = replace(OWN, id="test_own.py::b (the end of a fixture)", outcome="failed")
    order = {name: index for index, name in enumerate(names)}
    records = [replace(PASSED, id=name) for name in reversed(names[:3])]
    (target,) = said(
        run(*records, end, unfinished=(replace(NOT_RUN, id="never"), replace(NOT_RUN, id="?")), order=order)
    )["targets"]
    found = [check["id"] for check in target["checks"]]
    assert found == [names[0], end.id, *names[1:], "?"]


def test_the_build_output_and_a_server_that_never_started() -> None:
    document = said(dist(replace(PASSED, test="test_dist", path="worker")), run(FAILED, address="(not started)"))
    assert document["dist"]["path"] == "dist"
    assert document["dist"]["verdict"] == "good"
    assert [check["path"] for check in document["dist"]["checks"]] == ["worker"]
    assert document["targets"][0]["url"] is None


def test_the_diagnosis_has_its_evidence() -> None:
    (diagnosis,) = said(run(FAILED))["diagnosis"]
    assert diagnosis["cause"] == "no-worker"
    assert diagnosis["targets"] == ["site"]
    assert diagnosis["evidence"] == ["f: page-status: expected 200, got 404"]
    assert any("--pagesmoke=dist" in step for step in diagnosis["next"])


def test_whatever_a_server_sent_is_harmless() -> None:
    hostile = "\x1b[2J\u202e\ud800\x00::error::\u2028"
    written = text(
        report([run(replace(FAILED, actual=hostile, warnings=[hostile]))], started=0, ended=0, settings=None, kept=str)
    )
    assert written.isascii()
    assert not [char for char in written if char < " " and char != "\n"]
    assert json.loads(written)["targets"][0]["checks"][0]["actual"] == hostile


def test_secrets_are_struck_out_of_every_text() -> None:
    secret = "s3cret-value"
    record = replace(FAILED, id=secret, path=secret, expected=secret, actual=secret, warnings=[secret], address=secret)
    runs = [run(record, address=f"https://{secret}.example.com"), dist(replace(record, test="test_dist"))]
    document = said(*runs, secrets=Secrets([secret]))
    assert secret not in json.dumps(document)


def test_a_secret_that_is_one_of_our_words_changes_none_of_them() -> None:
    document = said(run(replace(FAILED, actual="broken")), secrets=Secrets(["broken", "failed", FAILED.rule]))
    (target,) = document["targets"]
    assert (document["verdict"], target["checks"][0]["outcome"], target["checks"][0]["rule"]) == (
        "broken",
        "failed",
        FAILED.rule,
    )
    assert target["checks"][0]["actual"] == "***"


def test_bodies_are_bounded_over_all_targets_together() -> None:
    many = [kept(f"/{i}", b"x" * REPORTED_BYTES) for i in range(6)]
    runs = [run(PASSED), run(replace(PASSED, id="other"), name="other")]
    document = said(*runs, seen={PASSED.id: many, "other": many})
    first, second = ([one["truncated"] for one in target["observations"]] for target in document["targets"])
    assert (first, second) == ([False] * 6, [False] * 2 + [True] * 4)
    assert MAX_BODIES_BYTES == 8 * REPORTED_BYTES


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("verdict",), "fine"),
        (("schema",), 2),
        (("unknown",), 1),
        (("targets", 0, "checks", 0, "outcome"), "error"),
        (("targets", 0, "checks", 0, "more"), 1),
        (("targets", 0, "observations", 0, "status"), None),
        (("targets", 0, "observations", 0, "no_answer"), {"reason": "", "text": "", "detail": ""}),
        (("targets", 0, "observations", 0, "body_base64"), ""),
    ],
)
def test_the_schema_refuses_what_is_no_report(place: tuple[Any, ...], value: Any) -> None:
    document = said(run(PASSED), seen={PASSED.id: [kept()]})
    part = document
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(strict(SCHEMA)).validate(document)


def test_the_schema_comes_with_the_package() -> None:
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert "pytest_pagesmoke/report.schema.json" in shipped
