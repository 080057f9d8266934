"""`--pagesmoke-report` and `--pagesmoke-replay`, from end to end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import pytest_pagesmoke
from kit import GOOD_SITE, HOME, Pytest, Reply, Serve

BROKEN = {**GOOD_SITE, "/login": Reply(404), "/api/health/status": Reply.json('{"status":"ok","db":false}')}
SCHEMA = json.loads((Path(pytest_pagesmoke.__file__).parent / "report.schema.json").read_text())
#: Where two runs of one site may differ.
VARIES = ("started", "duration_s", "elapsed_s", "settled_after_s", "xdist_worker", "date")
OWN = """
import pytest
def test_one(pagesmoke_client): assert pagesmoke_client.get("/").status_code == 200
def test_two(pagesmoke_target): pytest.skip("not now")
def test_three(pagesmoke_client): assert pagesmoke_client.get("/").text == "no"
"""


def strict(schema: Any) -> Any:
    """The schema, but that it allows no key that it does not name. (`Any`: JSON's values.)"""
    if isinstance(schema, dict):
        closed = (
            {"additionalProperties": False} if "properties" in schema and "additionalProperties" not in schema else {}
        )
        return {key: strict(value) for key, value in schema.items()} | closed
    return [strict(part) for part in schema] if isinstance(schema, list) else schema


def valid(text: str) -> Any:
    """A report, held to the schema. (`Any`: JSON's values.)"""
    document = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(strict(SCHEMA)).validate(document)
    assert text.isascii()
    return document


def read(pytester: pytest.Pytester, name: str = "report.json") -> Any:
    return valid((pytester.path / name).read_text())


def without_what_varies(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_what_varies(part) for key, part in value.items() if key not in VARIES}
    return [without_what_varies(part) for part in value] if isinstance(value, list) else value


def outcomes(document: Any) -> Mapping[str, str]:
    return {
        check["id"].partition("::")[2]: check["outcome"] for target in document["targets"] for check in target["checks"]
    }


def test_a_plain_run_and_two_workers_report_the_same(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """Two targets, the build output, tests of the project's own, among them one that is skipped and one that cannot be asked."""
    pytester.makepyfile(OWN)
    (pytester.mkdir("dist") / "index.html").write_text(HOME)
    good, broken = serve(GOOD_SITE), serve(BROKEN)
    what = (f"--pagesmoke=new={broken.url}", "--pagesmoke=dist", f"--pagesmoke=old={good.url}")
    assert run(*what, "--pagesmoke-report=plain.json").ret == 1
    asked = len(good.asked), len(broken.asked)
    assert run(*what, "--pagesmoke-report=xdist.json", "-n", "2").ret == 1
    assert (len(good.asked), len(broken.asked)) == (2 * asked[0], 2 * asked[1])
    plain, xdist = read(pytester, "plain.json"), read(pytester, "xdist.json")
    assert without_what_varies(plain) == without_what_varies(xdist)
    assert plain["verdict"] == "broken"
    assert plain["dist"]["verdict"] == "broken"
    assert [target["name"] for target in plain["targets"]] == ["new", "old"]
    assert outcomes({"targets": plain["targets"][:1]}) == {
        "test_page[new-/]": "passed",
        "test_page[new-/login]": "failed",
        "test_health[new-/api/health/status]": "failed",
        "test_asset[new-/static/app.js]": "passed",
        "test_one[new]": "passed",
        "test_two[new]": "skipped",
        "test_three[new]": "failed",
    }
    workers = {check["xdist_worker"] for target in xdist["targets"] for check in target["checks"]}
    assert workers <= {"gw0", "gw1"}
    assert workers
    health = next(check for check in plain["targets"][0]["checks"] if check["test"] == "test_health")
    assert (health["rule"], health["actual"]) == ("health-unhealthy", "db: false")
    assert health["headers"] == {"content-type": "application/json"}
    seen = plain["targets"][0]["observations"][health["observations"][0]]
    assert seen["body"] == BROKEN["/api/health/status"].body
